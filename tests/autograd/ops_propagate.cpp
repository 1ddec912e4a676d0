#include <cfm/autograd/ops_propagate.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Isolated nodes, a self loop, parallel edges, one of them apart from the other.
Graph messages_graph() {
  return Graph::from_edges(7, std::vector<std::int32_t>{0, 1, 2, 4, 2, 3, 0, 4, 3},
                           std::vector<std::int32_t>{1, 2, 3, 3, 3, 3, 2, 0, 4});
}

constexpr auto gap = [](auto s, auto t) { return tanh(s - t) + s * t; };

}  // namespace

TEST_CASE("propagate: gradients of every reduction, both directions") {
  for (const Neighbours& graph : {fanins_of(messages_graph()), fanouts_of(messages_graph())}) {
    const std::vector<Tensor> x{spread({7, 3}, 1)};
    const auto check = [&](const auto& reduce) {
      check_gradients(
          [&](const std::vector<Var>& v) { return propagate(graph, v[0], gap, reduce); }, x);
    };
    check(Sum{});
    check(Mean{});
    check(Max{});
    check(Min{});
    check(StdDev{});
    check(SoftmaxSum{});
    check(SoftmaxSum([](auto s, auto t) { return s * t; }, 3.0));
    check(Multi(Mean{}, Max{}, Min{}, StdDev{}, SoftmaxSum(0.5)));
  }
}
