#pragma once
/// @file  What the tests of the layers share.

#include <vector>

#include <doctest/doctest.h>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/nn/module.hpp>

namespace cfm::test {

inline Tensor noise(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  Rng rng(seed);
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& v : out.span<double>()) v = rng.normal();
  return out.to(dtype);
}

// Checks the gradients of f(module, x) by x and by every parameter.
template <class M, class F>
void check_module(const M& model, const Tensor& x, const F& f, bool training = false) {
  std::vector<Tensor> inputs{x};
  for_each_parameter(model, [&](std::string_view, const Parameter& p) {
    inputs.push_back(p.value);
  });
  const auto report = gradcheck(
      [&](const std::vector<Var>& v) {
        M copy = model;
        std::size_t next = 1;
        for_each_parameter(copy, [&](std::string_view, Parameter& p) {
          p.value = v[next++].value();
        });
        return f(copy, v[0]);
      },
      inputs, {.training = training});
  CHECK_MESSAGE(report, concat(report));
}

}  // namespace cfm::test
