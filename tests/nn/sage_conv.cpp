#include <cfm/nn/sage_conv.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("sage conv: equals its formula by hand") {
  SageConv<> conv(1, 1, Rng(1));
  conv.lin_l.weight.value.value.fill(2);
  conv.lin_l.bias->value.fill(0.5);
  conv.lin_r.weight.value.value.fill(10);
  const Graph g = Graph::from_edges(3, std::vector<std::int32_t>{0, 1},
                                    std::vector<std::int32_t>{2, 2});
  const Tensor y = conv(g, Tensor::of<float>({1, 3, 5}).reshape({3, 1})).value();
  CHECK(y.span<float>()[0] == 10.5f);  // no fan-ins: the mean is 0
  CHECK(y.span<float>()[1] == 30.5f);
  CHECK(y.span<float>()[2] == 2 * 2.0f + 0.5f + 50);
}

TEST_CASE("sage conv: gradients of the input in double") {
  const SageConv<> conv(3, 2, Init(Rng(4), DType::f64));
  const Graph g = Graph::from_edges(5, std::vector<std::int32_t>{0, 1, 1, 4, 0, 3},
                                    std::vector<std::int32_t>{2, 2, 3, 3, 4, 4});
  Rng rng(9);
  Tensor x = Tensor::empty({5, 3}, DType::f64);
  for (double& v : x.span<double>()) v = rng.uniform(-1, 1);
  const GradcheckReport report =
      gradcheck([&](const std::vector<Var>& in) { return conv(g, in[0]); }, {x});
  CAPTURE(concat(report));
  CHECK(report.passed);
}
