#include <cfm/graph/relations.hpp>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

Graph relation_graph() {
  return Graph::from_edges(3, std::vector<std::int32_t>{0, 1, 0, 2, 1},
                           std::vector<std::int32_t>{2, 2, 2, 2, 0},
                           std::vector<std::uint8_t>{1, 0, 1, 0, 2});
}

}  // namespace

TEST_CASE("relations: a row for each node and type, neighbours in order, and their transpose") {
  const Relations in(relation_graph(), 3);
  CHECK(in.rows().rows() == 9);
  const auto row = [&](const CsrView& csr, Index r) {
    return std::vector<std::int32_t>(csr[r].begin(), csr[r].end());
  };
  using Row = std::vector<std::int32_t>;
  CHECK(row(in.rows(), 2 * 3 + 0) == Row{1, 2});
  CHECK(row(in.rows(), 2 * 3 + 1) == Row{0, 0});
  CHECK(row(in.rows(), 0 * 3 + 2) == Row{1});
  CHECK(row(in.listeners(), 0) == Row{7, 7});
  CHECK(row(in.listeners(), 1) == Row{2, 6});
  CHECK(row(in.listeners(), 2) == Row{6});

  const Relations out(fanouts_of(relation_graph()), 3);
  CHECK(row(out.rows(), 0 * 3 + 1) == Row{2, 2});
  CHECK(row(out.rows(), 1 * 3 + 0) == Row{2});
  CHECK(row(out.listeners(), 2) == Row{1, 3, 1, 6});
}

TEST_CASE("relations: what does not fit is refused") {
  CHECK_THROWS_WITH_AS(Relations(relation_graph(), 2),
                       doctest::Contains("the type of an edge is outside"), Error);
  CHECK_THROWS_AS(Relations(relation_graph(), 0), Error);
  CHECK_THROWS_AS(Relations(relation_graph(), Index{1} << 31), Error);
  const Graph plain =
      Graph::from_edges(2, std::vector<std::int32_t>{0}, std::vector<std::int32_t>{1});
  CHECK_THROWS_WITH_AS(Relations(plain, 1), doctest::Contains("the edges have no types"), Error);
}
