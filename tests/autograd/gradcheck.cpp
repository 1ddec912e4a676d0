#include <cfm/autograd/gradcheck.hpp>

#include <cfm/autograd/ops_elementwise.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// x^2 with a slope that is wrong for one element.
Var wrong_square(const Var& x) {
  return record({&x}, square(x.value()),
                [to = x.slot(), x = Saved(x)](Gradients& gradients, const Tensor& dy) {
                  Tensor dx = mul(mul(dy, *x), 2.0);
                  dx.span<double>()[3] *= 1.001;
                  gradients.add(to, std::move(dx));
                });
}

}  // namespace

TEST_CASE("gradcheck: names the element whose gradient is wrong") {
  const GradcheckReport report =
      gradcheck([](const std::vector<Var>& v) { return v[0] * wrong_square(v[1]); },
                {random({2, 2}, 1, 1, 2), random({2, 2}, 2, 1, 2)});
  CHECK_FALSE(report.passed);
  CHECK(report.input == 1);
  CHECK(report.index == Extents{1, 1});
  CHECK(report.elements == 8);
  CHECK(concat(report).starts_with("input 1 at [1, 1]: backward "));
}

TEST_CASE("gradcheck: a missing and an infinite gradient are found") {
  const auto forgets = [](const std::vector<Var>& v) {
    return record({&v[0]}, v[0].value() * 2.0, [](Gradients&, const Tensor&) {});
  };
  CHECK_FALSE(gradcheck(forgets, {random({2}, 1)}).passed);
  const auto explodes = [](const std::vector<Var>& v) {
    return record({&v[0]}, v[0].value() * 2.0,
                  [to = v[0].slot()](Gradients& gradients, const Tensor& dy) {
                    gradients.add(to, dy * static_cast<double>(NAN));
                  });
  };
  CHECK_FALSE(gradcheck(explodes, {random({2}, 1)}).passed);
}

TEST_CASE("gradcheck: passes what is right, and takes index tensors along") {
  const GradcheckReport report = gradcheck(
      [](const std::vector<Var>& v) { return v[0] * static_cast<double>(v[1].value().size()); },
      {random({3}, 1), Tensor::of<std::int64_t>({1, 2})});
  CHECK(report.passed);
  CHECK(report.elements == 3);
}

TEST_CASE("gradcheck: wants double") {
  CHECK_THROWS_AS(gradcheck([](const std::vector<Var>& v) { return v[0]; }, {Tensor::zeros({1})}),
                  TypeError);
}
