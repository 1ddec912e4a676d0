#include <cfm/nn/sage_conv.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// 0 and 1 feed 2; 2 and 0 feed 3; 0, 1 and 4 have no fan-ins.
Graph small_graph() {
  const std::vector<std::int32_t> sources{0, 1, 2, 0}, targets{2, 2, 3, 3};
  return Graph::from_edges(5, sources, targets);
}

}  // namespace

TEST_CASE("sage conv: the mean of the fan-ins and the node itself, each by its own weights") {
  const SageConv<> conv(3, 2, Init(Rng(1), DType::f64));
  const Tensor x = noise({5, 3}, 2);
  const Tensor y = conv(small_graph(), x).value();
  const auto at = [](const Tensor& t, Index i, Index j) { return t.view<double, 2>()(i, j); };
  const Tensor w = conv.lin_l.weight.decode(), own = conv.lin_r.weight.decode();
  const auto bias = conv.lin_l.bias->value.span<double>();
  for (Index o = 0; o < 2; ++o)
    for (Index v : {0, 2}) {
      double sum = bias[static_cast<std::size_t>(o)];
      for (Index i = 0; i < 3; ++i) {
        if (v == 2) sum += (at(x, 0, i) + at(x, 1, i)) / 2 * at(w, o, i);
        sum += at(x, v, i) * at(own, o, i);
      }
      CHECK(at(y, v, o) == doctest::Approx(sum).epsilon(1e-12));
    }
}

TEST_CASE("sage conv: gradients by input and every weight") {
  const Graph graph = small_graph();
  check_module(SageConv<>(3, 2, Init(Rng(1), DType::f64)), noise({5, 3}, 2),
               [&](const auto& conv, const Var& x) { return conv(graph, x); });
}

TEST_CASE("sage conv: tensors are named as in PyG's files") {
  const SageConv<> conv(3, 2, Rng(1));
  std::string names;
  for_each_parameter(conv, [&](std::string_view n, const Parameter&) { names += concat(n, " "); });
  CHECK(names == "lin_l.weight lin_l.bias lin_r.weight ");
}
