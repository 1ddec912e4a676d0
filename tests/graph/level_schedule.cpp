#include <cfm/graph/level_schedule.hpp>

#include <cfm/core/rng.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// Test graph T1 of the encoders: PI PI PI AND NOT AND NOT AND NOT.
Graph schedule_graph() {
  const std::int32_t from[] = {0, 1, 3, 4, 2, 0, 6, 5, 7};
  const std::int32_t to[] = {3, 3, 4, 5, 5, 6, 7, 7, 8};
  return Graph::from_edges(9, from, to);
}
constexpr std::uint8_t schedule_kinds[] = {255, 255, 255, 0, 1, 0, 1, 0, 1};

Graph random_dag(std::int32_t nodes, Rng rng) {
  std::vector<std::int32_t> from, to;
  for (std::int32_t v = 1; v < nodes; ++v)
    for (int k = 0; k < 3; ++k) {
      from.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(v))));
      to.push_back(v);
    }
  return Graph::from_edges(nodes, from, to);
}

}  // namespace

TEST_CASE("level schedule: groups of a small circuit") {
  const LevelSchedule s(schedule_graph(), schedule_kinds);
  CHECK(s.nodes() == 9);
  CHECK(s.kinds() == 2);
  CHECK(s.levels() == 6);
  CHECK(s.edge_places().empty());
  struct Row {
    Index level;
    std::uint8_t kind;
    std::vector<std::int32_t> nodes;
  };
  const Row rows[] = {{0, 255, {0, 1, 2}}, {1, 0, {3}}, {1, 1, {6}}, {2, 1, {4}},
                      {3, 0, {5}},         {4, 0, {7}}, {5, 1, {8}}};
  REQUIRE(s.groups().size() == std::size(rows));
  for (std::size_t g = 0; g < std::size(rows); ++g) {
    const auto& group = s.groups()[g];
    CHECK(group.level == rows[g].level);
    CHECK(group.kind == rows[g].kind);
    const auto nodes = s.nodes_of(group);
    CHECK(std::vector<std::int32_t>(nodes.begin(), nodes.end()) == rows[g].nodes);
  }
  CHECK(s.groups(1).size() == 2);
}

TEST_CASE("level schedule: backward, all nodes alike") {
  const std::vector<std::uint8_t> kinds(9, 0);
  const Graph g = schedule_graph();
  const LevelSchedule s(g, kinds, SweepDirection::fanouts);
  CHECK(s.levels() == 6);
  CHECK(s.groups(0).size() == 1);
  CHECK(s.nodes_of(s.groups(0)[0])[0] == 8);
  CHECK(s.groups(0)[0].kind == LevelSchedule::fixed);
  CHECK(s.nodes_of(s.groups(5)[0]).size() == 2);
  // Every edge of the rows is the same edge of the graph.
  const CsrView rows = s.rows().fanins(), in = g.fanins();
  for (Index v = 0; v < 9; ++v)
    for (std::int64_t e = rows.offsets[static_cast<std::size_t>(v)];
         e < rows.offsets[static_cast<std::size_t>(v) + 1]; ++e)
      CHECK(in.columns[static_cast<std::size_t>(s.edge_places()[static_cast<std::size_t>(e)])] ==
            v);
}

TEST_CASE("level schedule: every node once, levels ascending, sources before") {
  const Graph g = random_dag(3000, Rng(3));
  std::vector<std::uint8_t> kinds(3000);
  for (std::size_t v = 0; v < kinds.size(); ++v)
    kinds[v] = static_cast<std::uint8_t>(v % 7 == 0 ? 255 : v % 3);
  for (const auto direction : {SweepDirection::fanins, SweepDirection::fanouts}) {
    const LevelSchedule s(g, kinds, direction);
    std::vector<Index> level(3000, -1);
    Index last = 0, position = 0;
    for (const auto& group : s.groups()) {
      CHECK(group.level >= last);
      CHECK(group.begin == position);
      CHECK(group.size() > 0);
      last = group.level;
      position = group.end;
      for (std::int32_t v : s.nodes_of(group)) {
        CHECK(level[static_cast<std::size_t>(v)] == -1);
        level[static_cast<std::size_t>(v)] = group.level;
        const auto kind =
            group.level == 0 ? LevelSchedule::fixed : kinds[static_cast<std::size_t>(v)];
        CHECK(group.kind == kind);
        for (std::int32_t u : s.rows().fanins()[v]) CHECK(level[static_cast<std::size_t>(u)] >= 0);
      }
    }
    CHECK(position == 3000);
  }
}

TEST_CASE("level schedule: a chain of many levels needs no stack; empty graphs are fine") {
  constexpr std::int32_t n = 200'000;
  std::vector<std::int32_t> from, to;
  for (std::int32_t v = 0; v + 1 < n; ++v) from.push_back(v + 1), to.push_back(v);  // reversed
  const std::vector<std::uint8_t> kinds(n, 0);
  CHECK(LevelSchedule(Graph::from_edges(n, from, to), kinds).levels() == n);
  CHECK(LevelSchedule(Graph(), {}).levels() == 0);
  CHECK(LevelSchedule().groups().empty());
}

TEST_CASE("level schedule: errors say what is wrong") {
  const Graph g = schedule_graph();
  const std::vector<std::uint8_t> few(8, 0);
  CHECK(test::error_of([&] { LevelSchedule(g, few); }).find("one kind for every node") !=
        std::string::npos);
  std::vector<std::int32_t> levels{0, 0, 0, 1, 2, 3, 1, 4, 4};
  CHECK(test::error_of([&] {
          LevelSchedule(g, schedule_kinds, SweepDirection::fanins, levels);
        }).find("an edge does not go up") != std::string::npos);
  levels[8] = 9;
  CHECK(test::error_of([&] {
          LevelSchedule(g, schedule_kinds, SweepDirection::fanins, levels);
        }).find("negative or too large") != std::string::npos);
  const std::int32_t a[] = {0, 1}, b[] = {1, 0};
  const std::vector<std::uint8_t> two(2, 0);
  CHECK(test::error_of([&] { LevelSchedule(Graph::from_edges(2, a, b), two); }).find("cycle") !=
        std::string::npos);
}
