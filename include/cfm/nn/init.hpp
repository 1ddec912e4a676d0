#pragma once
/// @file  Initial values of parameters.

#include <cmath>

#include <cfm/core/rng.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// How many inputs an output of a weight [out, in, ...] sums over, and the reverse.
struct Fans {
  double in = 1;
  double out = 1;
};

/// Shapes:  [out, in], or [out, in, k...] where the window counts too.
/// Errors:  ShapeError below rank 2.
inline Fans fans(const Shape& weight) {
  CFM_CHECK(weight.rank() >= 2, "fans: a weight has at least two dimensions", weight);
  double window = 1;
  for (int d = 2; d < weight.rank(); ++d) window *= static_cast<double>(weight[d]);
  return {static_cast<double>(weight[1]) * window, static_cast<double>(weight[0]) * window};
}

namespace detail {

// The same numbers for f32 and f64, but for the rounding.
template <class F>
Tensor random_tensor(const Shape& shape, DType dtype, const F& draw) {
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& v : out.span<double>()) v = draw();
  return out.to(dtype);
}

}  // namespace detail

/// Uniform in [low, high).
inline Tensor random_uniform(const Shape& shape, double low, double high, Rng& rng,
                             DType dtype = DType::f32) {
  return detail::random_tensor(shape, dtype, [&] { return rng.uniform(low, high); });
}

/// Normal with this mean and standard deviation.
inline Tensor random_normal(const Shape& shape, double mean, double deviation, Rng& rng,
                            DType dtype = DType::f32) {
  return detail::random_tensor(shape, dtype, [&] { return mean + deviation * rng.normal(); });
}

/// Uniform in +-sqrt(6 / (in + out)).
/// Source:  X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
///          networks", AISTATS 2010, eq. (16).
inline Tensor xavier_uniform(const Shape& weight, Rng& rng, DType dtype = DType::f32) {
  const Fans f = fans(weight);
  const double bound = std::sqrt(6.0 / std::max(1.0, f.in + f.out));
  return random_uniform(weight, -bound, bound, rng, dtype);
}

/// Normal with deviation gain / sqrt(in); gain sqrt(2) suits ReLU.
/// Source:  K. He et al., "Delving deep into rectifiers", ICCV 2015, eq. (10).
inline Tensor kaiming_normal(const Shape& weight, Rng& rng, double gain = 1.4142135623730951,
                             DType dtype = DType::f32) {
  return random_normal(weight, 0, gain / std::sqrt(std::max(1.0, fans(weight).in)), rng, dtype);
}

/// Uniform in +-gain * sqrt(3 / in).
inline Tensor kaiming_uniform(const Shape& weight, Rng& rng, double gain = 1.4142135623730951,
                              DType dtype = DType::f32) {
  const double bound = gain * std::sqrt(3.0 / std::max(1.0, fans(weight).in));
  return random_uniform(weight, -bound, bound, rng, dtype);
}

/// Uniform in +-1 / sqrt(fan_in): what linear and recurrent layers start with, weights and biases.
inline Tensor fan_in_uniform(const Shape& shape, Index fan_in, Rng& rng,
                             DType dtype = DType::f32) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<Index>(1, fan_in)));
  return random_uniform(shape, -bound, bound, rng, dtype);
}

CFM_NAMESPACE_END
