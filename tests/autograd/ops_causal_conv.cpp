#include <cfm/autograd/ops_causal_conv.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("causal_conv: gradients for taps, steps, and no bias") {
  for (const Index taps : {1, 2, 4})
    for (const Index steps : {0, 1, 3, 7}) {
      CAPTURE(taps);
      CAPTURE(steps);
      const Tensor x = random({2, 3, steps}, 1), w = random({3, taps}, 2), b = random({3}, 3);
      check_gradients(
          [](const std::vector<Var>& v) {
            return std::vector<Var>{causal_conv(v[0], v[1], v[2]), causal_conv(v[0], v[1])};
          },
          {x, w, b});
      CHECK(identical(causal_conv(Var(x), Var(w), Var(b)).value(), causal_conv(x, w, b).out));
    }
}
