#pragma once
/// @file  The loss by which embeddings learn how far apart truth tables are.

#include <cmath>

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_math.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/kernels/reduce.hpp>

CFM_NAMESPACE_BEGIN

/// How distance_order_accuracy draws.
struct DistanceOrderOptions {
  Index samples = 10000;  ///< draws of two pairs
  double gap = 0.05;      ///< two pairs count if their distances differ by so much
  Rng rng = Rng(0);
};

/// Of two pairs whose distances differ, how often the embedding has the farther one farther; two
/// equal embedded distances are half right. 0 if no two pairs differ enough.
/// Shapes:  embedded, distance [pairs], f32 or f64.
/// Errors:  ShapeError if they differ in length, Error if options are out of range.
/// Source:  the function accuracy of Z. Shi et al., "DeepGate2", ICCAD 2023, which draws 100.
inline double distance_order_accuracy(const Tensor& embedded, const Tensor& distance,
                                      const DistanceOrderOptions& options = {}) {
  CFM_CHECK(embedded.rank() == 1 && embedded.shape() == distance.shape(),
            "distance_order_accuracy: needs one embedded distance for each", embedded, distance);
  CFM_CHECK(options.samples >= 1 && options.gap >= 0,
            "distance_order_accuracy: at least one sample, and a gap of 0 or more",
            options.samples, options.gap);
  if (distance.size() < 2) return 0;
  const Tensor a = embedded.to(DType::f64).contiguous(), b = distance.to(DType::f64).contiguous();
  const auto x = a.span<double>(), y = b.span<double>();
  Rng rng = options.rng;
  double right = 0, count = 0;
  for (Index s = 0; s < options.samples; ++s) {
    const std::size_t i = rng.below(x.size()), j = rng.below(x.size());
    if (i == j || std::abs(y[i] - y[j]) < options.gap || y[i] == y[j]) continue;
    ++count;
    right += x[i] == x[j] ? 0.5 : (x[i] < x[j]) == (y[i] < y[j]) ? 1 : 0;
  }
  return count == 0 ? 0 : right / count;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

inline double number(const Tensor& x) { return x.to(DType::f64).item<double>(); }

}  // namespace isa_detail

/// (x - mean) / deviation over all elements, with the unbiased deviation. Where elements differ by
/// no more than rounding, of numbers as large as their mean or as `scale`, x - mean.
/// Errors:  ShapeError if there are fewer than two elements.
inline Var zero_normalise(const Var& x, double scale = 0) {
  CFM_CHECK(x.size() >= 2, "zero_normalise: needs two elements or more", x);
  const Var middle = mean(x), centred = x - middle;
  const Var variance = sum(square(centred)) / static_cast<double>(x.size() - 1);
  const double epsilon = x.dtype() == DType::f64 ? 0x1p-52 : 0x1p-23;
  const double rounding =
      8 * epsilon * std::max(scale, std::abs(isa_detail::number(middle.value())));
  const bool alike = isa_detail::number(variance.value()) <= rounding * rounding;  // not if NaN
  return alike ? centred : centred / sqrt(variance);
}

/// a . b / (|a| |b|) along the last dimension, each norm at least epsilon.
/// Shapes:  a, b [.., n]  ->  [..].
inline Var cosine_similarity(const Var& a, const Var& b, double epsilon = 1e-8) {
  CFM_CHECK(a.shape() == b.shape() && a.rank() >= 1, "cosine_similarity: shapes differ", a, b);
  const auto norm = [epsilon](const Var& x) {
    return sqrt(clamp_min(sum(square(x), {-1}), Tensor::full({}, epsilon * epsilon, x.dtype())));
  };
  return sum(a * b, {-1}) / (norm(a) * norm(b));
}

/// mean | Z(1 - cos(a, b)) - Z(distance) | over pairs, Z = zero_normalise. Pairs that are all at
/// one distance have no order: the loss is 0 then, and so are its gradients. (The public code
/// divides by zero there, and one such batch makes every weight NaN.)
/// Shapes:  a, b [pairs, width], distance [pairs].
/// Errors:  ShapeError if there are fewer than two pairs or not as many distances.
/// Source:  Z. Shi et al., "DeepGate2", ICCAD 2023, eq. (8), in the form of its public code.
inline Var distance_loss(const Var& a, const Var& b, const Tensor& distance) {
  const Var embedded = 1.0 - cosine_similarity(a, b);
  CFM_CHECK(embedded.shape() == distance.shape() && distance.size() >= 2,
            "distance_loss: needs a distance for each of two pairs or more", embedded, distance);
  const Tensor wanted = distance.to(a.dtype());
  const double most = isa_detail::number(max(wanted)), least = isa_detail::number(min(wanted));
  if (most == least) return sum(embedded) * 0.0;
  return l1_loss(zero_normalise(embedded, 1), zero_normalise(wanted));
}

/// The same for pairs of rows of one matrix of states.
/// Shapes:  states [nodes, width], pairs i32 or i64 [2, pairs], distance [pairs].
inline Var distance_loss(const Var& states, const Tensor& pairs, const Tensor& distance) {
  CFM_CHECK(pairs.rank() == 2 && pairs.size(0) == 2, "distance_loss: pairs must be [2, pairs]",
            pairs);
  return distance_loss(index_select(states, 0, pairs.select(0, 0)),
                       index_select(states, 0, pairs.select(0, 1)), distance);
}

CFM_ISA_NAMESPACE_END
