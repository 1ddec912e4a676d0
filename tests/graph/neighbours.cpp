#include <cfm/graph/neighbours.hpp>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

Graph with_types() {
  return Graph::from_edges(4, std::vector<std::int32_t>{0, 1, 2, 1, 0},
                           std::vector<std::int32_t>{2, 2, 3, 3, 3},
                           std::vector<std::uint8_t>{0, 1, 0, 1, 1});
}

// (hears, heard, edge) of every entry.
std::vector<std::array<Index, 3>> entries(const EdgeRows& rows) {
  std::vector<std::array<Index, 3>> out;
  detail::for_each_edge(rows.rows, [&](std::int32_t v, std::size_t i) {
    out.push_back({v, rows.rows.columns[i], rows.edge(static_cast<Index>(i))});
  });
  return out;
}

}  // namespace

TEST_CASE("neighbours: listeners are the rows turned round, edges keep their names") {
  for (const Neighbours& graph : {fanins_of(with_types()), fanouts_of(with_types())}) {
    auto rows = entries(graph.rows()), turned = entries(graph.listeners());
    for (auto& [a, b, e] : turned) std::swap(a, b);
    std::sort(rows.begin(), rows.end());
    std::sort(turned.begin(), turned.end());
    CHECK(rows == turned);
    CHECK(graph.nodes() == 4);
    CHECK(graph.edges() == 5);
  }
}

TEST_CASE("neighbours: a graph is heard forwards, and reversed twice is itself") {
  const Neighbours in = with_types(), out = in.reversed();
  CHECK(!in.against_edges());
  CHECK(out.against_edges());
  CHECK(entries(in.rows()) == entries(out.reversed().rows()));
  CHECK(entries(out.rows()) == entries(fanouts_of(with_types()).rows()));
  CHECK(entries(in.rows())[1] == std::array<Index, 3>{2, 1, 1});
  CHECK(entries(out.rows())[0] == std::array<Index, 3>{0, 2, 0});
}

TEST_CASE("edge_values: a number by type, in the order of the fan-ins") {
  const Tensor signs = edge_values(with_types(), {1, -1});
  CHECK(signs.dtype() == DType::f32);
  const std::vector<float> want{1, -1, 1, -1, -1};
  CHECK(std::equal(want.begin(), want.end(), std::as_const(signs).span<float>().begin()));
  CHECK_THROWS_WITH_AS(edge_values(with_types(), {1}),
                       doctest::Contains("no number for the type of an edge"), Error);
  const Graph plain =
      Graph::from_edges(2, std::vector<std::int32_t>{0}, std::vector<std::int32_t>{1});
  CHECK_THROWS_WITH_AS(edge_values(plain, {1}), doctest::Contains("the edges have no types"),
                       Error);
  CHECK_THROWS_AS(edge_values(with_types(), {1, 2}, DType::i32), TypeError);
}
