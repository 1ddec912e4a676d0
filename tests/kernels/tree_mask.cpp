#include <cfm/kernels/tree_mask.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("tree mask: a node sees what came before, its ancestors and itself") {
  // Two roots; 0 has children 1 and 2; 1 has child 3.
  const Index parents[] = {-1, 0, 0, 1, -1};
  const TreeMask mask(parents);
  const bool want[5][5] = {
      {1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {1, 0, 1, 0, 0}, {1, 1, 0, 1, 0}, {0, 0, 0, 0, 1}};
  for (const Index keys : {5, 6, 40})
    for (const Index queries : {1, 3, 5, 6})
      for (Index query = 0; query < queries; ++query) {
        const QueryPlace q{0, query, queries, keys};
        const Index node = query + 5 - queries;
        for (Index key = 0; key < keys; ++key) {
          const bool seen = node < 0         ? key <= q.position()
                            : key < keys - 5 ? true
                                             : want[node][key - (keys - 5)];
          CHECK(shows(mask, q, key) == seen);
        }
      }
  CHECK(mask.nodes() == 5);
}

TEST_CASE("tree mask: a tree for each sequence, more than 64 nodes, a chain is causal") {
  std::vector<Index> parents;
  for (Index i = 0; i < 130; ++i) parents.push_back(i - 1);
  for (Index i = 0; i < 130; ++i) parents.push_back(-1);
  const TreeMask mask(parents, 2);
  for (Index query = 0; query < 130; query += 9)
    for (Index key = 0; key < 200; ++key) {
      CHECK(shows(mask, {0, query, 130, 200}, key) == (key <= query + 70));
      CHECK(shows(mask, {1, query, 130, 200}, key) == (key < 70 || key == query + 70));
    }
}

TEST_CASE("tree mask: what is no tree is reported") {
  const Index late[] = {1, -1}, odd[] = {-1, 0, 1}, low[] = {-2};
  CHECK_THROWS_WITH_AS(TreeMask{late}, doctest::Contains("before their children"), Error);
  CHECK_THROWS_AS(TreeMask{low}, Error);
  CHECK_THROWS_WITH_AS(TreeMask(odd, 2), doctest::Contains("equally large"), Error);
  const Index two[] = {-1, -1};
  CHECK_THROWS_WITH_AS(TreeMask(two, 2)({2, 0, 1, 4}), doctest::Contains("one tree a sequence"),
                       Error);
}
