#pragma once
/// @file  Our products behind plain pointers, so that any peer's driver can run them beside its
/// own.

#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/matmul_half.hpp>
#include <cfm/kernels/matmul_packed.hpp>

namespace cfm::bench {

/// c[m, n] = a[m, k] b[k, n], row-major and dense.
inline void ours_nn(Index m, Index n, Index k, const float* a, const float* b, float* c) {
  matmul_nn(matrix_view(a, m, k), matrix_view(b, k, n), matrix_view(c, m, n));
}

/// c[m, n] = a[m, k] b[n, k]^T: a linear layer that packs its weights in every call.
inline void ours_nt(Index m, Index n, Index k, const float* a, const float* b, float* c) {
  matmul_nt(matrix_view(a, m, k), matrix_view(b, n, k), matrix_view(c, m, n));
}

/// The same with weights of 16 bits.
template <class H>
void ours_nt_half(Index m, Index n, Index k, const float* a, const H* b, float* c) {
  matmul_nt(matrix_view(a, m, k), matrix_view(b, n, k), matrix_view(c, m, n));
}

/// The same with weights that were packed once.
template <class S>
void ours_packed(Index m, const PackedMatrix<S>& w, const float* a, float* c) {
  matmul(matrix_view(a, m, w.inputs()), w, matrix_view(c, m, w.outputs()));
}

/// b[n, k] packed.
template <class S>
PackedMatrix<S> pack_weights(Index n, Index k, const float* b) {
  return PackedMatrix<S>::pack(
      Tensor::from(std::span<const float>(b, static_cast<std::size_t>(n * k)), {n, k}));
}

}  // namespace cfm::bench
