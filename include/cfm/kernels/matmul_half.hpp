#pragma once
/// @file  Products of matrices stored in 16 bits, summed in f32.

#include <cfm/kernels/detail/packed_product.hpp>
#include <cfm/kernels/epilogue.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class T>
inline constexpr bool up_to_f32 =
    std::is_same_v<T, float> || std::is_same_v<T, bf16> || std::is_same_v<T, f16>;

}  // namespace isa_detail

/// The element types of a product of which at least one has 16 bits, the others f32.
template <class A, class B, class O>
concept HalfProduct = isa_detail::up_to_f32<std::remove_const_t<A>> &&
    isa_detail::up_to_f32<std::remove_const_t<B>> && isa_detail::up_to_f32<O> &&
    (sizeof(A) + sizeof(B) + sizeof(O) < 3 * sizeof(float));

namespace isa_detail {

// b becomes panels of f32, as many columns at once as are a few MiB.
inline void half_product(PackedProduct<float> c, const StoredMatrix& b) {
  if (c.m == 0 || c.n == 0 || c.k == 0) return packed_product(c);
  constexpr Index piece = 64;
  const Index most = std::max<Index>(1, (Index{1} << 20) / c.k / piece) * piece;
  const Index n = c.n, width = PackedMatrix<float>::width;
  const detail::Scratch<float> panels((std::min(n, most) + width - 1) / width * width * c.k);
  for (Index j0 = 0; j0 < n; j0 += most) {
    const Index columns = std::min(most, n - j0);
    parallel_for((columns + piece - 1) / piece, grain_for(piece * c.k, Index{1} << 16),
                 [&](Index begin, Index end) {
                   const Index j = begin * piece, some = std::min(columns, end * piece) - j;
                   visit_stored<float>(b.dtype, b.data, [&](const auto* from) {
                     from += (j0 + j) * b.col;
                     float* const to = panels.data() + j * c.k;
                     CFM_CALL(gemm_pack_panels)(c.k, some, from, b.row, b.col, to);
                   });
                 });
    c.n = columns;
    c.b = panels.data();
    c.column = j0;
    packed_product(c);
    c.out = static_cast<char*>(c.out) + columns * size_of(c.out_type);
  }
}

template <class A, class B, class O, class E>
void half_gemm(std::string_view op, View<A, 2> a, bool a_flipped, View<B, 2> b, bool b_flipped,
               View<O, 2> out, const E& e, float beta) {
  const Index m = a.extent[a_flipped], k = a.extent[!a_flipped];
  const Index n = b.extent[!b_flipped], inner = b.extent[b_flipped];
  CFM_CHECK(k == inner && out.extent[0] == m && out.extent[1] == n,
            concat(op, ": shapes of a, b and out do not fit"), a, b, out);
  CFM_CHECK(a.last_contiguous() && b.last_contiguous() && out.last_contiguous(),
            concat(op, ": rows must be dense"), a, b, out);
  check_part(e, op, m, n);
  const auto stored = []<class X>(const View<X, 2>& x, bool flipped) {
    const Index row = x.stride[0];
    return StoredMatrix{x.data, dtype_of<std::remove_const_t<X>>, flipped ? 1 : row,
                        flipped ? row : 1};
  };
  half_product(PackedProduct<float>{m, n, k, stored(a, a_flipped), nullptr, DType::f32, out.data,
                                    dtype_of<O>, out.stride[0], beta, finish_of<float>(e)},
               stored(b, b_flipped));
}

}  // namespace isa_detail

/// out = e(a b + beta out) in f32, for operands of which at least one is bf16 or f16 and the others
/// f32; a result of 16 bits is rounded once, at the end.
/// Shapes, Order, Errors:  as matmul_nn of f32, applied to the converted numbers: the same bits.
/// Cost:    b is converted in every call; weights that stay are better a PackedMatrix.
template <class A, class B, class O, EpiloguePart<float> E = Epilogue<>>
requires HalfProduct<A, B, O>
void matmul_nn(View<A, 2> a, View<B, 2> b, View<O, 2> out, const E& e = {}, float beta = 0) {
  isa_detail::half_gemm("matmul_nn", a, false, b, false, out, e, beta);
}

/// out = e(a b^T + beta out), under the same conditions.
template <class A, class B, class O, EpiloguePart<float> E = Epilogue<>>
requires HalfProduct<A, B, O>
void matmul_nt(View<A, 2> a, View<B, 2> b, View<O, 2> out, const E& e = {}, float beta = 0) {
  isa_detail::half_gemm("matmul_nt", a, false, b, true, out, e, beta);
}

/// out = e(a^T b + beta out), under the same conditions.
template <class A, class B, class O, EpiloguePart<float> E = Epilogue<>>
requires HalfProduct<A, B, O>
void matmul_tn(View<A, 2> a, View<B, 2> b, View<O, 2> out, const E& e = {}, float beta = 0) {
  isa_detail::half_gemm("matmul_tn", a, true, b, false, out, e, beta);
}

CFM_ISA_NAMESPACE_END
