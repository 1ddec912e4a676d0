#include <cfm/kernels/weight_panels.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("weight panels: panel p holds 16 outputs for each input, padded with zeros") {
  const Index outputs = 19, inputs = 3;
  Tensor weight = Tensor::empty({outputs, inputs}), bias = Tensor::empty({outputs});
  for (Index o = 0; o < outputs; ++o) {
    bias.view<float, 1>()(o) = static_cast<float>(o);
    for (Index k = 0; k < inputs; ++k)
      weight.view<float, 2>()(o, k) = static_cast<float>(100 * o + k);
  }
  const WeightPanels<float> panels(weight, bias);
  CHECK(panels.panels() == 2);
  for (Index o = 0; o < 32; ++o) {
    CHECK(panels.bias()[o] == (o < outputs ? static_cast<float>(o) : 0.0f));
    for (Index k = 0; k < inputs; ++k)
      CHECK(panels.data()[(o / 16 * inputs + k) * 16 + o % 16] ==
            (o < outputs ? static_cast<float>(100 * o + k) : 0.0f));
  }
}

TEST_CASE("weight panels: weights that cannot change a sum become zero, NaN stays") {
  const float tiny = 0x1p-140f, nan = std::nanf("");
  const Tensor weight = Tensor::of<float>({1, tiny, 0x1p-59f, nan}).reshape({1, 4});
  const WeightPanels<float> panels(weight, Tensor::of<float>({tiny}));
  CHECK(panels.data()[0] == 1.0f);
  CHECK(panels.data()[16] == 0.0f);
  CHECK(panels.data()[32] == 0x1p-59f);
  CHECK(std::isnan(panels.data()[48]));
  CHECK(panels.bias()[0] == 0.0f);
}

TEST_CASE("weight panels: without a bias it is zero; what does not fit is an error") {
  CHECK(WeightPanels<double>(Tensor::ones({2, 2}, DType::f64)).bias()[1] == 0.0);
  CHECK_THROWS_AS(WeightPanels<float>(Tensor::ones({2, 2}), Tensor::ones({3})), ShapeError);
  CHECK_THROWS_AS(WeightPanels<float>(Tensor::ones({4})), ShapeError);
  CHECK_THROWS_AS(WeightPanels<float>(Tensor::ones({2, 2}, DType::f64)), TypeError);
}
