#include <cfm/models/deepgate4_areas.hpp>

#include <numeric>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

TEST_CASE("area_batches: every gate is fresh in one batch, and hears its cone within the area") {
  const ExplicitNotGraph c = explicit_not_graph(carry_save_multiplier(5));
  const std::vector<Area> areas = cone_areas(c.graph, {.depth = 6, .stride = 4});
  REQUIRE(areas.size() > 4);
  for (const Index limit : {1, 3, 256}) {
    std::vector<int> times(static_cast<std::size_t>(c.graph.nodes()), 0);
    std::size_t seen = 0;
    for (const AreaBatch& batch : area_batches(c.graph, areas, limit)) {
      seen += batch.nodes.size();
      CHECK(batch.edges.nodes() == static_cast<Index>(batch.nodes.size()));
      for (std::int32_t v : batch.updated) ++times[static_cast<std::size_t>(v)];
      for (std::size_t i = 0; i < batch.fresh_rows.size(); ++i)
        CHECK(batch.updated[static_cast<std::size_t>(batch.owners[i])] ==
              batch.nodes[static_cast<std::size_t>(batch.fresh_rows[i])]);
      for (Index row = 0; row < batch.edges.nodes(); ++row) {
        const auto heard = batch.edges.fanins()[row];
        REQUIRE(!heard.empty());
        CHECK(std::count(heard.begin(), heard.end(), static_cast<std::int32_t>(row)) == 1);
        if (batch.fresh[static_cast<std::size_t>(row)] == 0) CHECK(heard.size() == 1);
      }
    }
    std::size_t all = 0;
    for (const Area& a : areas) all += a.nodes.size();
    CHECK(seen == all);
    CHECK(std::accumulate(times.begin(), times.end(), 0) == c.graph.nodes());
    CHECK(*std::max_element(times.begin(), times.end()) == 1);
  }
}

TEST_CASE("area_batches: names what is wrong") {
  const Graph g = Graph::from_edges(2, std::vector<std::int32_t>{0}, std::vector<std::int32_t>{1});
  CHECK(test::error_of([&] { area_batches(g, {}, 0); })
            .starts_with("area_batches: at least one area a batch"));
  const Area areas[] = {{.root = 1, .group = 1, .nodes = {0, 1}}, {.root = 0, .group = 0, .nodes = {0}}};
  CHECK(test::error_of([&] { area_batches(g, areas); })
            .starts_with("area_batches: areas must be sorted by group"));
}
