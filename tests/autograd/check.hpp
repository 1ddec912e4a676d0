#pragma once
/// @file  What the tests of operations share: random inputs and a gradient check that reports.

#include <cmath>
#include <cstring>

#include <doctest/doctest.h>
#include <cfm/autograd/gradcheck.hpp>
#include <cfm/exec/thread_limit.hpp>

namespace cfm::test {

/// Uniform numbers in [low, high), f64 unless told otherwise.
inline Tensor random(const Shape& shape, std::uint64_t seed, double low = -2, double high = 2,
                     DType dtype = DType::f64) {
  Rng rng(seed);
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& v : out.span<double>()) v = rng.uniform(low, high);
  return out.to(dtype);
}

/// Numbers that keep their distance from each other and from 0: safe where a function has a kink.
inline Tensor spread(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  Tensor out = Tensor::empty(shape, DType::f64);
  const auto values = out.span<double>();
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = (0.1 + 0.37 * static_cast<double>(i)) * (i % 2 == 0 ? 1 : -1);
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
  return out;
}

/// The same values with other strides: no operation may notice.
inline Tensor strided(const Tensor& x) {
  if (x.rank() == 0) return x;
  Extents wide = x.shape();
  wide[x.rank() - 1] *= 2;
  Tensor room = Tensor::full(Shape(wide), 99, x.dtype());
  Tensor view = room.slice(-1, 0, wide.back(), 2);
  if (x.size(-1) == 1) view = room.slice(-1, 0, 1);
  view.copy_from(x);
  return x.rank() < 2 ? view : view.transpose(0, 1).clone().transpose(0, 1);
}

template <class F>
void check_gradients(const F& f, const std::vector<Tensor>& inputs,
                     const GradcheckOptions& options = {}) {
  const GradcheckReport report = gradcheck(f, inputs, options);
  const std::string text = concat(report);
  INFO(text);
  CHECK(report.passed);
  std::vector<Tensor> turned;
  for (const Tensor& t : inputs) turned.push_back(strided(t));
  const GradcheckReport again = gradcheck(f, turned, options);
  const std::string text_again = concat("strided: ", again);
  INFO(text_again);
  CHECK(again.passed);
}

/// The same bits.
inline bool identical(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.address(), y.address(),
                     static_cast<std::size_t>(x.size() * size_of(x.dtype()))) == 0;
}

}  // namespace cfm::test
