#include <cfm/autograd/ops_rope.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("rope: gradients for both layouts, partial widths and given positions") {
  for (const RopeLayout layout : {RopeLayout::half_split, RopeLayout::interleaved}) {
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{
              rope(v[0], {.width = 4, .layout = layout, .scale = 2, .first = 3, .magnitude = 1.5})};
        },
        {random({2, 1, 3, 5}, 1)});
    const Tensor positions = Tensor::of<std::int32_t>({4, 0, 9, 100, 7, 7}).reshape({2, 3});
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{rope(v[0], {.layout = layout}, positions)};
        },
        {random({2, 3, 6}, 2)});
  }
}

TEST_CASE("rope: positions that were written after they were used are reported") {
  Tensor positions = Tensor::of<std::int64_t>({4, 0, 9});
  Tape tape;
  const Var x = tape.leaf(random({3, 6}, 2));
  const Var y = rope(x, {}, positions);
  positions.fill(1);
  CHECK_THROWS_AS(tape.backward(y, y.value()), Error);
}
