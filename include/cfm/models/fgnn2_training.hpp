#pragma once
/// @file  The contrastive loss that FGNN2 is pre-trained by.

#include <bit>
#include <cmath>
#include <span>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_norm.hpp>

CFM_NAMESPACE_BEGIN

/// For every number c of ones among the inputs, the part of ones among the entries of a truth table
/// whose inputs have c ones: what a permutation of the inputs does not change.
/// Shapes:  table 2^inputs entries, entry j for inputs j  ->  inputs + 1 numbers.
/// Errors:  Error if the length is not a power of two.
inline std::vector<double> truth_table_code(const std::vector<bool>& table) {
  CFM_CHECK(std::has_single_bit(table.size()), "truth table code: needs 2^inputs entries",
            table.size());
  const auto inputs = static_cast<std::size_t>(std::countr_zero(table.size()));
  std::vector<double> ones(inputs + 1), all(inputs + 1);
  for (std::size_t j = 0; j < table.size(); ++j) {
    const auto c = static_cast<std::size_t>(std::popcount(j));
    ++all[c];
    if (table[j]) ++ones[c];
  }
  for (std::size_t c = 0; c < ones.size(); ++c) ones[c] /= all[c];
  return ones;
}

/// Weights of negatives: 1 - cosine similarity of the codes of two functions, so that functions
/// that are nearly the same do not push each other away.
/// Shapes:  codes of n functions  ->  f32[n, n].
/// Errors:  Error if the codes have different lengths.
inline Tensor contrast_weights(std::span<const std::vector<double>> codes) {
  const Index n = std::ssize(codes);
  Tensor out = Tensor::zeros({n, n});
  const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      const auto& a = codes[static_cast<std::size_t>(i)];
      const auto& b = codes[static_cast<std::size_t>(j)];
      CFM_CHECK(a.size() == b.size(), "contrast weights: codes of different lengths", a.size(),
                b.size());
      const double lengths = std::sqrt(dot(a, a) * dot(b, b));
      // Two constant-false functions have no direction; they are the same.
      const double similarity = lengths > 0 ? dot(a, b) / lengths : (a == b ? 1.0 : 0.0);
      out.view<float, 2>()(i, j) = static_cast<float>(std::max(0.0, 1 - similarity));
    }
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Row i of a and row i of b are equivalent, all other pairs are not:
/// mean over rows of both sides of -log(e^(s_ii / t) / (e^(s_ii / t) + sum_j w_ij e^(s_ij / t))),
/// s the cosine, j the other rows of the other side, w all ones without `weights`.
/// Shapes:  a, b [n, width]; weights [n, n], at least 0; its diagonal is not read.
/// Errors:  ShapeError.
/// Source:  as Fgnn2, section IV, the loss with weights by similarity of functions.
inline Var contrastive_loss(const Var& a, const Var& b, const Tensor& weights = {},
                            double temperature = 0.1) {
  CFM_CHECK(a.rank() == 2 && a.shape() == b.shape() && a.size(0) >= 1,
            "contrastive loss: two matrices of one shape", a, b);
  const Index n = a.size(0);
  Tensor shift = Tensor::zeros({n, n}, a.dtype());
  if (weights.defined()) {
    CFM_CHECK(weights.shape() == (Shape{n, n}), "contrastive loss: weights are [n, n]", weights);
    const Tensor dense = weights.to(DType::f64).contiguous();
    visit_real(a.dtype(), "contrastive loss", [&]<class T>(std::type_identity<T>) {
      const View<const double, 2> w = dense.view<double, 2>();
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j)  // a weight of 0: far below every cosine over t
          if (i != j)
            shift.view<T, 2>()(i, j) =
                w(i, j) > 0 ? static_cast<T>(std::log(w(i, j))) : static_cast<T>(-1e30);
    });
  }
  Tensor labels = Tensor::empty({n}, DType::i64);
  for (Index i = 0; i < n; ++i) labels.span<std::int64_t>()[static_cast<std::size_t>(i)] = i;
  const Var cosine =
      matmul(normalize(a, 2, 1, 1e-8), transpose(normalize(b, 2, 1, 1e-8), 0, 1)) / temperature;
  const Var rows = cross_entropy(cosine + Var(shift), labels);
  const Var columns =
      cross_entropy(transpose(cosine, 0, 1) + Var(shift.transpose(0, 1).contiguous()), labels);
  return (rows + columns) * 0.5;
}

CFM_ISA_NAMESPACE_END
