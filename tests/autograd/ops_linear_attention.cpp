#include <cfm/autograd/ops_linear_attention.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("linear attention: gradients with decays, the delta rule and a state") {
  for (const Index steps : {1, 3, 35})
    for (const bool decays : {false, true})
      for (const bool delta : {false, true})
        for (const bool state : {false, true}) {
          if (steps == 35 && decays != delta) continue;
          CAPTURE(steps);
          CAPTURE(decays);
          CAPTURE(delta);
          CAPTURE(state);
          const Index heads = steps == 3 ? 4 : 2;
          const std::vector<Tensor> inputs{random({1, heads, steps, 2}, 1, -0.7, 0.7),
                                           random({1, 2, steps, 2}, 2, -0.7, 0.7),
                                           random({1, 2, steps, 3}, 3),
                                           random({1, 2, steps, state ? 1 : 2}, 4, -1, 0),
                                           random({1, 2, steps}, 5, 0, 1),
                                           random({1, 2, 2, 3}, 6)};
          const auto options = [&](const std::vector<Var>& v) {
            LinearAttentionVarOptions o;
            if (decays) o.decay = v[3];
            if (delta) o.beta = v[4];
            if (state) o.state = v[5];
            if (decays) o.scale = 0.3;
            return o;
          };
          const auto f = [&](const std::vector<Var>& v) {
            const LinearAttentionVars y = linear_attention(v[0], v[1], v[2], options(v));
            return std::vector<Var>{y.out, y.state};
          };
          const GradcheckReport report = gradcheck(f, inputs);
          CHECK_MESSAGE(report.passed, concat(report));
        }
}

TEST_CASE("linear attention: the values of the kernel, one output alone, strides") {
  const Tensor q = random({2, 2, 5, 3}, 1), k = random({2, 1, 5, 3}, 2), v = random({2, 1, 5, 2}, 3);
  const LinearAttentionVars y = linear_attention(Var(q), Var(k), Var(v));
  CHECK(identical(y.out.value(), linear_attention(q, k, v).out));
  CHECK(identical(y.state.value(), linear_attention(q, k, v).state));
  check_gradients(
      [](const std::vector<Var>& x) { return linear_attention(x[0], x[1], x[2]).out; }, {q, k, v});
  Tape tape;
  const Var keys = tape.leaf(k);
  const LinearAttentionVars z = linear_attention(tape.input(q), keys, tape.input(v));
  tape.backward(z.state, Tensor::ones(z.state.shape(), DType::f64));
  CHECK(tape.grad(keys).shape() == k.shape());
}
