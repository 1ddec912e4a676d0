#pragma once
/// @file  Determinants with gradients.

#include <vector>

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/det.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// out = the cofactors of a [n, n]: the determinants without row i and column j, with their signs.
inline void cofactors_by_minors(const double* a, Index n, double* out) {
  std::vector<double> minor(static_cast<std::size_t>((n - 1) * (n - 1)));
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      std::size_t at = 0;
      for (Index r = 0; r < n; ++r)
        for (Index c = 0; c < n; ++c)
          if (r != i && c != j) minor[at++] = a[r * n + c];
      out[i * n + j] = ((i + j) % 2 == 0 ? 1 : -1) * eliminate(minor.data(), n - 1);
    }
}

// out = det(a) times the inverse of a, transposed: the cofactors again, by elimination with partial
// pivoting beside the unit matrix. False if a is singular. Both n x n; a is lost.
inline bool cofactors_by_inverse(double* a, Index n, double* out) {
  std::vector<double> inverse(static_cast<std::size_t>(n * n), 0.0);
  double* const b = inverse.data();
  for (Index i = 0; i < n; ++i) b[i * n + i] = 1;
  double det = 1;
  for (Index k = 0; k < n; ++k) {
    Index pivot = k;
    for (Index r = k + 1; r < n; ++r)
      if (!(std::abs(a[r * n + k]) <= std::abs(a[pivot * n + k]))) pivot = r;
    const double top = a[pivot * n + k];
    if (top == 0) return false;
    if (pivot != k) {
      std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
      std::swap_ranges(b + k * n, b + (k + 1) * n, b + pivot * n);
      det = -det;
    }
    det *= top;
    for (Index c = 0; c < n; ++c) a[k * n + c] /= top, b[k * n + c] /= top;
    for (Index r = 0; r < n; ++r) {
      const double factor = a[r * n + k];
      if (r == k || factor == 0) continue;
      for (Index c = 0; c < n; ++c) {
        a[r * n + c] -= factor * a[k * n + c];
        b[r * n + c] -= factor * b[k * n + c];
      }
    }
  }
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) out[i * n + j] = det * b[j * n + i];
  return true;
}

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Determinants; see the kernel.   Shapes:  x [.., n, n] -> [..].   Saved:  x.
/// Grads:   dy times the cofactors, of singular matrices too.
/// Cost:    of the gradient 4 n^3 operations a matrix, n^5 for a singular one.
inline Var det(const Var& x) {
  return record({&x}, det(x.value()),
                [to = x.slot(), x = Saved(x)](Gradients& gradients, const Tensor& dy) {
                  const Index n = x->size(-1), area = n * n;
                  Tensor a = x->to(DType::f64).clone();
                  Tensor dx = Tensor::zeros(x->shape(), DType::f64);
                  const Tensor grad = dy.to(DType::f64).contiguous();
                  const double* const g = grad.data<double>();
                  double* const from = a.data<double>();
                  double* const out = dx.data<double>();
                  parallel_for(grad.size(), grain_for(32 * area), [&](Index begin, Index end) {
                    std::vector<double> matrix(static_cast<std::size_t>(area));
                    for (Index i = begin; i < end && n > 0; ++i) {
                      double* const to_i = out + i * area;
                      std::copy_n(from + i * area, area, matrix.data());
                      if (!detail::cofactors_by_inverse(matrix.data(), n, to_i))
                        detail::cofactors_by_minors(from + i * area, n, to_i);
                      for (Index e = 0; e < area; ++e) to_i[e] *= g[i];
                    }
                  });
                  gradients.add(to, dx.to(dy.dtype()));
                });
}

CFM_ISA_NAMESPACE_END
