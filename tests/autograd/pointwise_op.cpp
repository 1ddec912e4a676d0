#include <cfm/autograd/pointwise_op.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("pointwise_op: the four ways to record") {
  check_gradients(
      [](const std::vector<Var>& v) {
        const Tensor cube = pointwise(
            "cube", [](auto x) { return x * x * x; }, v[0].value());
        const Tensor half = pointwise(
            "half", [](auto x) { return std::exp(x / 2); }, v[0].value());
        const Tensor product = pointwise(
            "product", [](auto x, auto y) { return x * y * y; }, v[0].value(), v[1].value());
        return std::vector<Var>{
            record_by_input(v[0], cube, [](auto dy, auto x) { return dy * 3 * x * x; }),
            record_by_output(v[0], half, [](auto dy, auto y) { return dy * y / 2; }),
            record_step(v[0], pointwise(
                                  "step", [](auto x) { return std::floor(x); }, v[0].value())),
            record_by_inputs(
                v[0], v[1], product, [](auto dy, auto, auto y) { return dy * y * y; },
                [](auto dy, auto x, auto y) { return dy * 2 * x * y; })};
      },
      {random({2, 3}, 1), random({3}, 2)});
}
