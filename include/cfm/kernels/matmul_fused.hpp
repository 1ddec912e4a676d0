#pragma once
/// @file  Products of dense matrices that end in an epilogue.

#include <cfm/kernels/epilogue.hpp>
#include <cfm/kernels/matmul.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class T, class E>
void fused_gemm(std::string_view op, Index m, Index k, Index inner, Index n, In<T, 2> a,
                bool a_flipped, In<T, 2> b, bool b_flipped, View<T, 2> out, const E& e, T beta) {
  check_part(e, op, m, n);
  gemm(op, m, k, inner, n, a, a_flipped, b, b_flipped, out, beta, finish_of<T>(e));
}

}  // namespace isa_detail

/// out = e(a b + beta out): matmul_nn with an epilogue, or one part of one, that is applied to
/// blocks of the result while they are in cache.
template <Real T, EpiloguePart<T> E>
void matmul_nn(In<T, 2> a, In<T, 2> b, View<T, 2> out, const E& e,
               std::type_identity_t<T> beta = 0) {
  isa_detail::fused_gemm<T>("matmul_nn", a.extent[0], a.extent[1], b.extent[0], b.extent[1], a,
                            false, b, false, out, e, beta);
}

/// out = e(a b^T + beta out), as matmul_nt.
template <Real T, EpiloguePart<T> E>
void matmul_nt(In<T, 2> a, In<T, 2> b, View<T, 2> out, const E& e,
               std::type_identity_t<T> beta = 0) {
  isa_detail::fused_gemm<T>("matmul_nt", a.extent[0], a.extent[1], b.extent[1], b.extent[0], a,
                            false, b, true, out, e, beta);
}

/// out = e(a^T b + beta out), as matmul_tn.
template <Real T, EpiloguePart<T> E>
void matmul_tn(In<T, 2> a, In<T, 2> b, View<T, 2> out, const E& e,
               std::type_identity_t<T> beta = 0) {
  isa_detail::fused_gemm<T>("matmul_tn", a.extent[1], a.extent[0], b.extent[0], b.extent[1], a,
                            true, b, false, out, e, beta);
}

CFM_ISA_NAMESPACE_END
