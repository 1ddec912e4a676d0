#pragma once
/// @file  Many products of one size, at any distance from each other.

#include <cfm/kernels/matmul.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class T>
void batched_gemm(std::string_view op, In<T, 3> a, bool a_flipped, In<T, 3> b, bool b_flipped,
                  View<T, 3> out, T beta) {
  const Index batch = out.extent[0], m = a.extent[1 + a_flipped], k = a.extent[2 - a_flipped];
  const Index n = b.extent[2 - b_flipped], inner = b.extent[1 + b_flipped];
  CFM_CHECK(k == inner && out.extent[1] == m && out.extent[2] == n,
            concat(op, ": shapes of a, b and out do not fit"), a, b, out);
  CFM_CHECK(
      (a.extent[0] == batch || a.extent[0] == 1) && (b.extent[0] == batch || b.extent[0] == 1),
      concat(op, ": a and b need the batch of out, or one matrix for all"), a, b, out);
  CFM_CHECK(a.last_contiguous() && b.last_contiguous() && out.last_contiguous(),
            concat(op, ": rows must be dense"), a, b, out);
  const Index a_step = a.extent[0] == 1 ? 0 : a.stride[0];
  const Index b_step = b.extent[0] == 1 ? 0 : b.stride[0];
  gemm(batch,
       detail::Gemm<T>{m, n, k, a.data, a_flipped ? 1 : a.stride[1], a_flipped ? a.stride[1] : 1,
                       b.data, b_flipped ? 1 : b.stride[1], b_flipped ? b.stride[1] : 1, out.data,
                       out.stride[1], beta},
       [&](Index i, detail::Gemm<T>& g) {
         g.a += i * a_step;
         g.b += i * b_step;
         g.out += i * out.stride[0];
       });
}

}  // namespace isa_detail

/// out[i] = a[i] b[i] + beta out[i] for a batch of products; results may not overlap.
/// Shapes:  a [batch or 1, m, k], b [batch or 1, k, n], out [batch, m, n]; last stride 1, any
///          others. One matrix serves all products.
/// Order, Errors:  as matmul_nn of two matrices, with the same bits.
template <Real T>
void matmul_nn(In<T, 3> a, In<T, 3> b, View<T, 3> out, std::type_identity_t<T> beta = 0) {
  isa_detail::batched_gemm("matmul_nn", a, false, b, false, out, beta);
}

/// out[i] = a[i] b[i]^T + beta out[i].   Shapes:  a [.., m, k], b [.., n, k], out [.., m, n].
template <Real T>
void matmul_nt(In<T, 3> a, In<T, 3> b, View<T, 3> out, std::type_identity_t<T> beta = 0) {
  isa_detail::batched_gemm("matmul_nt", a, false, b, true, out, beta);
}

/// out[i] = a[i]^T b[i] + beta out[i].   Shapes:  a [.., k, m], b [.., k, n], out [.., m, n].
template <Real T>
void matmul_tn(In<T, 3> a, In<T, 3> b, View<T, 3> out, std::type_identity_t<T> beta = 0) {
  isa_detail::batched_gemm("matmul_tn", a, true, b, false, out, beta);
}

CFM_ISA_NAMESPACE_END
