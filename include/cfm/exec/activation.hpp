#pragma once
/// @file  Activation functions for lambdas: over batches, single numbers, and whatever else has
///        exp, tanh, erf, select and arithmetic.

#include <cfm/exec/batch.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// A single number, a batch of them, or a batch with its derivative (dual.hpp).
template <class V>
concept LaneValue = Real<V> || requires(V v) {
  typename V::value_type;
  requires std::same_as<V, Batch<typename V::value_type>>;
} || requires { requires V::dual; };

namespace isa_detail {
template <class V>
struct LaneNumber {
  using type = typename V::value_type;
};
template <Real V>
struct LaneNumber<V> {
  using type = V;
};
}  // namespace isa_detail

/// The type of one lane.
template <LaneValue V>
using lane_number = typename isa_detail::LaneNumber<V>::type;

/// max(x, 0); NaN stays NaN.
template <LaneValue V>
V relu(V x) {
  return select(x < V(0), V(0), x);
}

/// x for x >= 0, else slope * x.
template <LaneValue V>
V leaky_relu(V x, lane_number<V> slope = static_cast<lane_number<V>>(0.01)) {
  return select(x < V(0), V(slope) * x, x);
}

/// x for x > 0, else alpha * (e^x - 1).
template <LaneValue V>
V elu(V x, lane_number<V> alpha = 1) {
  return select(x > V(0), x, V(alpha) * expm1(min(x, V(0))));
}

/// 1 / (1 + e^-x), accurate at both ends: the exponential never overflows.
template <LaneValue V>
V sigmoid(V x) {
  const V e = exp(-abs(x));
  return select(x < V(0), e, V(1)) / (V(1) + e);
}

/// x * sigmoid(x)
template <LaneValue V>
V silu(V x) {
  return x * sigmoid(x);
}

/// log(1 + e^x), without overflow.
template <LaneValue V>
V softplus(V x) {
  return max(V(0), x) + log1p(exp(-abs(x)));
}

/// x * (1 + erf(x / sqrt 2)) / 2; for f32 the error is at most 2^-22 |x|.
/// Source:  D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415.
template <LaneValue V>
V gelu(V x) {
  constexpr double half_sqrt = 0.70710678118654752440;
  return V(static_cast<lane_number<V>>(0.5)) * x *
         (V(1) + erf(x * V(static_cast<lane_number<V>>(half_sqrt))));
}

/// The limits are inclusive; NaN gives `low`.
template <LaneValue V>
V clamp(V x, std::type_identity_t<V> low, std::type_identity_t<V> high) {
  return min(max(x, low), high);
}

CFM_ISA_NAMESPACE_END
