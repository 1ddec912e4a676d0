#include <cfm/models/hop_slots.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("hop slots: the gate, its fan-ins, theirs, until the slots are full") {
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const Tensor x = hop_slots(t1.graph, t1.features());
  REQUIRE(x.shape() == Shape{9, 11, 3});
  const auto row = [](const Tensor& slots, Index v) {
    std::string out;
    for (Index s = 0; s < slots.size(1); ++s) {
      char c = '0';
      for (Index k = 0; k < 3; ++k)
        if (slots.view<float, 3>()(v, s, k) == 1) c = "PAN"[k];
      out += c;
    }
    return out;
  };
  CHECK(row(x, 7) == "AANPPNAPP00");
  CHECK(row(x, 0) == "P0000000000");
  CHECK(row(x, 8) == "NAANPPNA000");  // inputs of node 3 are a step too far
  CHECK(row(hop_slots(t1.graph, t1.features(), {.slots = 4}), 7) == "AANP");
  CHECK(row(hop_slots(t1.graph, t1.features(), {.slots = 3}), 7) == "AAN");
  CHECK(row(hop_slots(t1.graph, t1.features(), {.slots = 4, .hops = 1}), 7) == "AAN0");
  CHECK(row(hop_slots(t1.graph, t1.features(), {.slots = 1}), 7) == "A");
}

TEST_CASE("hop slots: a node is listed once in a step, and again in a later one") {
  // 3 reads 1 and 2, both read 0, and 2 reads 1 too.
  const Graph graph = Graph::from_edges(4, std::vector<std::int32_t>{0, 0, 1, 1, 2},
                                        std::vector<std::int32_t>{1, 2, 2, 3, 3});
  Tensor number = Tensor::empty({4, 1});
  for (Index v = 0; v < 4; ++v) number.view<float, 2>()(v, 0) = static_cast<float>(v + 1);
  const Tensor x = hop_slots(graph, number, {.slots = 8});
  std::string row;
  for (Index s = 0; s < 8; ++s)
    row += std::to_string(static_cast<int>(x.view<float, 3>()(3, s, 0)));
  CHECK(row == "42312100");  // 3 | 1 2 | 0 1 | 0
}

TEST_CASE("hop slots: names what is wrong") {
  const ExplicitNotGraph t1 = test::golden_not_graph();
  CHECK(test::error_of([&] {
          hop_slots(t1.graph, t1.features(), {.slots = 0});
        }).starts_with("hop slots: one slot or more"));
  CHECK(test::error_of<ShapeError>([&] {
          hop_slots(t1.graph, Tensor::zeros({8, 3}));
        }).starts_with("hop slots: one row of features for every node"));
}
