#include <cfm/nn/recurrent.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("recurrent: two runs joined by their state equal one") {
  const Gru gru(3, 4, Rng(5), {.layers = 2});
  const Tensor x = noise({6, 2, 3}, 7, DType::f32);
  const auto whole = gru(x);
  const auto first = gru(x.slice(0, 0, 2));
  const auto second = gru(x.slice(0, 2, 6), first.last);
  CHECK(whole.output.shape() == Shape{6, 2, 4});
  CHECK(whole.last[0].shape() == Shape{2, 2, 4});
  const auto a = whole.output.value().slice(0, 2, 6).contiguous();
  const auto b = second.output.value();
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.size()); ++i)
    CHECK(a.span<float>()[i] == b.span<float>()[i]);
}

TEST_CASE("recurrent: the backward direction is the forward one on the reversed sequence") {
  Lstm both(3, 2, Rng(5), {.bidirectional = true}), one(3, 2, Rng(6));
  one.cells[0] = both.cells[1];
  const Tensor x = noise({5, 1, 3}, 7, DType::f32);
  Tensor reversed = Tensor::empty_like(x);
  for (Index t = 0; t < 5; ++t) reversed.select(0, t).copy_from(x.select(0, 4 - t));
  const Tensor y = both(x).output.value(), z = one(reversed).output.value();
  CHECK(y.shape() == Shape{5, 1, 4});
  for (Index t = 0; t < 5; ++t)
    for (Index k = 0; k < 2; ++k)
      CHECK(y.view<float, 3>()(t, 0, 2 + k) == z.view<float, 3>()(4 - t, 0, k));
}

TEST_CASE("recurrent: gradients through layers, directions and time") {
  const RecurrentOptions options{.layers = 2, .bidirectional = true};
  check_module(Gru(2, 2, Init(Rng(1), DType::f64), options), noise({3, 1, 2}, 2),
               [](const auto& m, const Var& x) {
                 const auto out = m(x);
                 return std::vector<Var>{out.output, out.last[0]};
               });
}

TEST_CASE("recurrent: names and shapes as in PyTorch's files") {
  const Gru gru(3, 4, Rng(5), {.layers = 2, .bidirectional = true});
  std::vector<std::string> names;
  for_each_parameter(gru, [&](std::string_view n, const Parameter& p) {
    names.push_back(concat(n, " ", p.value.shape()));
  });
  CHECK(names.size() == 16);
  CHECK(names[0] == "weight_ih_l0 [12, 3]");
  CHECK(names[5] == "weight_hh_l0_reverse [12, 4]");
  CHECK(names[8] == "weight_ih_l1 [12, 8]");
  CHECK(names[15] == "bias_hh_l1_reverse [12]");
  CHECK_THROWS_AS(gru(Tensor::zeros({3, 3})), ShapeError);
  CHECK_THROWS_AS(Gru(3, 4, Rng(5), {.layers = 0}), Error);
}

