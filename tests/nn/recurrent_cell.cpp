#include <cfm/nn/recurrent_cell.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("recurrent cells: gradients by input, state and every weight") {
  const Init init(Rng(3), DType::f64);
  const Tensor h = noise({2, 3}, 8), c = noise({2, 3}, 9);
  check_module(GruCell<>(4, 3, init), noise({2, 4}, 1),
               [&](const auto& cell, const Var& x) { return cell(x, h); });
  check_module(GruCell<>(3, 3, init), h,  // the state twice: as input and as state
               [&](const auto& cell, const Var& x) { return cell(x, x); });
  check_module(LstmCell<>(4, 3, init), noise({2, 4}, 1), [&](const auto& cell, const Var& x) {
    const auto [hidden, memory] = cell(x, {h, c});
    return std::vector<Var>{hidden, memory};
  });
  check_module(RnnCell<>(4, 3, init, {.bias = false}), noise({2, 4}, 1),
               [&](const auto& cell, const Var& x) { return cell(x, h); });
}

TEST_CASE("gru cell: closed update gate keeps the state, open one forgets it") {
  GruCell<> cell(2, 3, Rng(1));
  const Tensor h = noise({4, 3}, 2, DType::f32), x = noise({4, 2}, 3, DType::f32);
  const auto set_update_bias = [&](float value) {
    for (std::size_t i = 3; i < 6; ++i) cell.weights.input.bias->value.span<float>()[i] = value;
  };
  set_update_bias(60);
  const Tensor kept = cell(x, h).value();
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(kept.span<float>()[i] == doctest::Approx(h.span<float>()[i]));
  set_update_bias(-60);
  const Tensor fresh = cell(x, h).value();
  for (float v : fresh.span<float>()) CHECK(std::abs(v) <= 1);
}
