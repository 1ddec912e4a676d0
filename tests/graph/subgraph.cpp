#include <cfm/graph/subgraph.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("subgraph: keeps exactly the edges between its nodes, their order and types") {
  for (const bool typed : {false, true}) {
    const Graph g = make_dag(80, 9, 4, typed);
    SubgraphCutter cut(g);
    Rng rng(1);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::int32_t> nodes;
      for (std::int32_t v = 0; v < 80; ++v)
        if (rng.below(3) > 0) nodes.push_back(v);
      for (std::size_t i = 1; i < nodes.size(); ++i) std::swap(nodes[i], nodes[rng.below(i + 1)]);
      const Subgraph s = cut(nodes);
      CHECK(s.nodes == nodes);
      std::size_t edge = 0;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        std::vector<std::int32_t> expected;
        const auto v = static_cast<std::size_t>(nodes[i]);
        for (auto e = g.fanins().offsets[v]; e < g.fanins().offsets[v + 1]; ++e) {
          const std::int32_t u = g.fanins().columns[static_cast<std::size_t>(e)];
          const auto at = std::find(nodes.begin(), nodes.end(), u);
          if (at == nodes.end()) continue;
          expected.push_back(static_cast<std::int32_t>(at - nodes.begin()));
          if (typed)
            CHECK(s.graph.edge_types()[edge] == g.edge_types()[static_cast<std::size_t>(e)]);
          ++edge;
        }
        const auto row = s.graph.fanins()[static_cast<Index>(i)];
        CHECK(std::vector<std::int32_t>(row.begin(), row.end()) == expected);
      }
      CHECK(s.graph.edges() == static_cast<Index>(edge));
    }
  }
}

TEST_CASE("subgraph: all nodes give the graph; bad lists are named and leave no trace") {
  const Graph g = make_dag(30, 5, 8, true);
  std::vector<std::int32_t> all(30);
  for (std::size_t v = 0; v < 30; ++v) all[v] = static_cast<std::int32_t>(v);
  SubgraphCutter cut(g);
  CHECK(cut(all).graph == g);
  CHECK(error_of([&] {
          cut(std::vector<std::int32_t>{1, 2, 1});
        }).find("listed twice") != std::string::npos);
  CHECK(error_of([&] {
          cut(std::vector<std::int32_t>{1, 30});
        }).find("no such node") != std::string::npos);
  CHECK(cut(all).graph == g);
  CHECK(induced_subgraph(g, std::vector<std::int32_t>{}).graph.nodes() == 0);
}

TEST_CASE("subgraph: rows go out and come back, whatever their type") {
  for (const DType dtype : {DType::f64, DType::f32, DType::i32, DType::u8}) {
    Tensor x = Tensor::empty({6, 2, 3}, DType::f64);
    for (std::size_t i = 0; i < 36; ++i) x.span<double>()[i] = static_cast<double>(i);
    const Tensor values = x.to(dtype);
    const std::vector<std::int32_t> rows = {4, 0, 4, 5};
    const Tensor part = rows_at(values, rows);
    CHECK(part.shape() == Shape{4, 2, 3});
    const Tensor wide = part.to(DType::f64);
    for (std::size_t i = 0; i < 4; ++i)
      for (std::size_t c = 0; c < 6; ++c)
        CHECK(wide.span<double>()[i * 6 + c] ==
              static_cast<double>(rows[i]) * 6 + static_cast<double>(c));
    Tensor back = Tensor::zeros({6, 2, 3}, dtype);
    put_rows(back, rows, part);
    const Tensor b = back.to(DType::f64);
    for (std::size_t i = 0; i < 36; ++i)
      CHECK(b.span<double>()[i] == (i >= 24 || i < 6 ? static_cast<double>(i) : 0));
  }
  Tensor out = Tensor::zeros({3, 2});
  CHECK_THROWS_AS(rows_at(out, std::vector<std::int32_t>{3}), Error);
  CHECK_THROWS_AS(put_rows(out, std::vector<std::int32_t>{1}, Tensor::zeros({1, 3})), ShapeError);
  CHECK_THROWS_AS(put_rows(out, std::vector<std::int32_t>{1}, Tensor::zeros({1, 2}, DType::f64)),
                  TypeError);
  CHECK(rows_at(out, std::vector<std::int32_t>{}).shape() == Shape{0, 2});
}
