#pragma once
/// @file  Determinants.

#include <cmath>
#include <vector>

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// By elimination with partial pivoting, in the matrix itself.
inline double eliminate(double* a, Index n) {
  double out = 1;
  for (Index k = 0; k < n; ++k) {
    Index pivot = k;
    for (Index r = k + 1; r < n; ++r)
      if (!(std::abs(a[r * n + k]) <= std::abs(a[pivot * n + k]))) pivot = r;  // NaN wins
    const double top = a[pivot * n + k];
    if (top == 0) return 0;
    if (pivot != k) {
      std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
      out = -out;
    }
    out *= top;
    for (Index r = k + 1; r < n; ++r) {
      const double factor = a[r * n + k] / top;
      for (Index c = k + 1; c < n; ++c) a[r * n + c] -= factor * a[k * n + c];
    }
  }
  return out;
}

}  // namespace detail

/// Determinants of square matrices, by elimination with partial pivoting in double; 1 for an empty
/// matrix.
/// Shapes:  x [.., n, n] -> [..].
/// Errors:  ShapeError unless square; TypeError unless f32 or f64.
/// Cost:    2/3 n^3 operations each, one thread a matrix.
inline Tensor det(const Tensor& x) {
  CFM_CHECK(x.rank() >= 2 && x.size(-1) == x.size(-2), "det: needs square matrices", x);
  const Index n = x.size(-1);
  const Tensor dense = x.contiguous();
  const Shape shape(x.shape().span().first(static_cast<std::size_t>(x.rank() - 2)));
  return visit_real(x.dtype(), "det", [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(shape, x.dtype());
    const T* const source = dense.data<T>();
    T* const target = out.data<T>();
    parallel_for(out.size(), grain_for(8 * n * n), [&](Index begin, Index end) {
      std::vector<double> matrix(static_cast<std::size_t>(n * n));
      for (Index i = begin; i < end; ++i) {
        std::copy_n(source + i * n * n, n * n, matrix.begin());
        target[i] = static_cast<T>(detail::eliminate(matrix.data(), n));
      }
    });
    return out;
  });
}

CFM_NAMESPACE_END
