#include <cfm/models/deepgate3_parts.hpp>

#include <numeric>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/explicit_not_graph.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("deepgate3 parts: every gate is in one, none is too long") {
  const Graph graph = explicit_not_graph(carry_save_multiplier(8)).graph;
  for (const Index length : {Index{7}, Index{31}, Index{100}, Index{512}}) {
    const auto parts = refine_areas(graph, length);
    REQUIRE(parts.size() > 1);
    std::vector<int> seen(static_cast<std::size_t>(graph.nodes()), 0);
    for (const auto& part : parts) {
      CHECK(std::ssize(part) <= length);
      CHECK(std::adjacent_find(part.begin(), part.end(), std::greater_equal<>()) == part.end());
      for (const std::int32_t v : part) ++seen[static_cast<std::size_t>(v)];
    }
    CHECK(*std::min_element(seen.begin(), seen.end()) >= 1);
    CHECK(*std::max_element(seen.begin(), seen.end()) >= 2);  // parts overlap
  }
}

TEST_CASE("deepgate3 parts: a short circuit is one part, related as a whole") {
  const Graph graph = explicit_not_graph(carry_save_multiplier(3)).graph;
  const auto parts = refine_parts(graph);
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].nodes.size() == graph.nodes());
  const Tensor want = cone_relation(graph, {.rule = ConeRule::cover});
  const auto a = std::as_const(parts[0].relation).span<std::uint8_t>();
  const auto b = std::as_const(want).span<std::uint8_t>();
  CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  CHECK(refine_areas(Graph()).empty());
}

TEST_CASE("deepgate3 parts: names what is wrong") {
  CHECK(test::error_of([] {
          refine_areas(Graph(), 6);
        }).starts_with("deepgate3 parts: room for 7 gates at least"));
  std::vector<std::int32_t> from(20), to(20, 20);
  std::iota(from.begin(), from.end(), 0);
  CHECK(test::error_of([&] {
          refine_areas(Graph::from_edges(21, from, to), 8);
        }).starts_with("deepgate3 parts: a cone is too long"));
}
