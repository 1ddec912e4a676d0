#pragma once
/// @file  All eigenpairs of a small symmetric matrix, by Jacobi's rotations.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// The eigenvalues of a [n, n], ascending; column j of vectors [n, n] belongs to value j. Rotations
// run over all pairs in order until what is off the diagonal is nothing but rounding.
inline std::vector<double> symmetric_eigen(std::vector<double> a, std::size_t n,
                                           std::vector<double>& vectors) {
  std::vector<double> v(n * n, 0);  // rows are eigenvectors
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  double norm = 0;
  for (const double x : a) norm += x * x;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j) off += a[i * n + j] * a[i * n + j];
    if (off <= 1e-32 * norm) break;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q];
        if (apq * apq <= 1e-36 * norm) continue;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        // Rows p and q of both; then the columns are what symmetry says.
        const double app = a[p * n + p] - t * apq, aqq = a[q * n + q] + t * apq;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
          const double vx = v[p * n + k], vy = v[q * n + k];
          v[p * n + k] = c * vx - s * vy;
          v[q * n + k] = s * vx + c * vy;
        }
        a[p * n + p] = app;
        a[q * n + q] = aqq;
        a[p * n + q] = a[q * n + p] = 0;
        for (std::size_t k = 0; k < n; ++k) {
          a[k * n + p] = a[p * n + k];
          a[k * n + q] = a[q * n + k];
        }
      }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return a[i * n + i] < a[j * n + j]; });
  std::vector<double> values(n);
  vectors.resize(n * n);
  for (std::size_t j = 0; j < n; ++j) {
    values[j] = a[order[j] * n + order[j]];
    for (std::size_t k = 0; k < n; ++k) vectors[k * n + j] = v[order[j] * n + k];
  }
  return values;
}

}  // namespace detail
CFM_NAMESPACE_END
