#include <cfm/models/signed_graph.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

std::vector<std::vector<std::int32_t>> rows_of(const Graph& graph) {
  std::vector<std::vector<std::int32_t>> out;
  for (Index v = 0; v < graph.nodes(); ++v) {
    const auto row = graph.fanins()[v];
    out.emplace_back(row.begin(), row.end());
  }
  return out;
}

using Rows = std::vector<std::vector<std::int32_t>>;

}  // namespace

TEST_CASE("signed_graph: edges into NOTs are inverted") {
  const SignedGraph g = signed_graph(test::golden_not_graph());
  CHECK(rows_of(g.plain) == Rows{{}, {}, {}, {0, 1}, {}, {4, 2}, {}, {6, 5}, {}});
  CHECK(rows_of(g.inverted) == Rows{{}, {}, {}, {}, {3}, {}, {0}, {}, {7}});
  CHECK(g.nodes() == 9);
  CHECK(g.edges() == 9);
}

TEST_CASE("signed_graph: collapsed, ANDs hear the gates behind NOTs") {
  const SignedGraph g = signed_graph(test::golden_not_graph(), {.collapse_nots = true});
  CHECK(rows_of(g.plain) == Rows{{}, {}, {}, {0, 1}, {}, {2}, {}, {5}, {}});
  CHECK(rows_of(g.inverted) == Rows{{}, {}, {}, {}, {}, {3}, {}, {0}, {}});
}

TEST_CASE("signed_graph: names what is wrong") {
  ExplicitNotGraph g = test::golden_not_graph();
  CHECK(test::error_of([&] { signed_graph(g.graph); })
            .starts_with("signed_graph: the edges have no types: 9"));
  g.kinds[3] = NodeKind::not_gate;
  CHECK(test::error_of([&] { signed_graph(g); }).starts_with("signed_graph: a NOT has one fan-in; node: 3"));
  g.kinds.pop_back();
  CHECK(test::error_of([&] { signed_graph(g); }).starts_with("signed_graph: one kind for every node: 8, 9"));
}
