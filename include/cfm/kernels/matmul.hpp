#pragma once
/// @file  Products of dense matrices.

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/matmul-inl.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Products of the same sizes and strides at other places: `place(i)` moves the pointers of the
// i-th.
template <class T, class Place>
void gemm(Index count, const detail::GemmBlock<T>& shape, const Place& place) {
  if (count == 0 || shape.m == 0 || shape.n == 0) return;
  // Blocks of rows keep their part of a in the second-level cache; columns are split for threads.
  constexpr Index row_block = 144;
  const Index row_blocks = (shape.m + row_block - 1) / row_block;
  const Index column_block = row_blocks * count >= 4 ? 1024 : 256;
  const Index column_blocks = (shape.n + column_block - 1) / column_block;
  const Index work = row_block * column_block * std::max<Index>(1, shape.k);
  const Index grain = std::max<Index>(1, (Index{1} << 18) / work);
  const Index small = shape.m * shape.n * std::max<Index>(1, shape.k);
  const Index together =
      row_blocks * column_blocks == 1 ? std::max<Index>(1, (Index{1} << 17) / small) : grain;
  const bool pack_a = shape.n > 64 && shape.m * shape.k > 4096;
  parallel_for(count * row_blocks * column_blocks, together, [&](Index begin, Index end) {
    const Index kc = std::min(detail::gemm_k_block, shape.k);
    const detail::Scratch<T> packed_a(pack_a ? std::min(row_block, shape.m) * kc : 0);
    const detail::Scratch<T> packed_b(kc *
                                      std::min(detail::gemm_columns, (shape.n + 63) / 64 * 64));
    for (Index task = begin; task < end; ++task) {
      detail::GemmBlock<T> g = shape;
      place(task / (row_blocks * column_blocks), g);
      const Index i = task / column_blocks % row_blocks * row_block;
      const Index j = task % column_blocks * column_block;
      g.m = std::min(row_block, shape.m - i);
      g.n = std::min(column_block, shape.n - j);
      g.a += i * g.a_row;
      g.b += j * g.b_col;
      g.out += i * g.out_row + j;
      if (shape.k > 0) {
        CFM_CALL(gemm_block)(g, packed_a.data(), packed_b.data());
      } else {  // an empty sum
        for (Index r = 0; r < g.m; ++r)
          for (Index c = 0; c < g.n; ++c) {
            T& value = g.out[r * g.out_row + c];
            value = g.beta == T{0} ? T{0} : g.beta * value;
          }
      }
    }
  });
}

template <class T>
void gemm(std::string_view op, Index m, Index k, Index inner, Index n, In<T, 2> a, bool a_flipped,
          In<T, 2> b, bool b_flipped, View<T, 2> out, T beta) {
  CFM_CHECK(k == inner && out.extent[0] == m && out.extent[1] == n,
            concat(op, ": shapes of a, b and out do not fit"), a, b, out);
  CFM_CHECK(a.last_contiguous() && b.last_contiguous() && out.last_contiguous(),
            concat(op, ": rows must be dense"), a, b, out);
  gemm(1,
       detail::GemmBlock<T>{m, n, k, a.data, a_flipped ? 1 : a.stride[0],
                            a_flipped ? a.stride[0] : 1, b.data, b_flipped ? 1 : b.stride[0],
                            b_flipped ? b.stride[0] : 1, out.data, out.stride[0], beta},
       [](Index, detail::GemmBlock<T>&) {});
}

}  // namespace isa_detail

/// out = a b + beta out; with beta 0 the old out is not read.
///
/// Shapes:  a [m, k], b [k, n], out [m, n]; last stride 1; out may not alias a or b; zero sizes
///          are fine, and an empty sum is 0.
/// Order:   each element is summed over blocks of 256 terms in turn, each block by multiply-add
/// from
///          its first term to its last: it depends on k alone, so a row gives the same bits alone
///          and among others.
/// Errors:  ShapeError if shapes or strides do not fit.
template <Real T>
void matmul_nn(In<T, 2> a, In<T, 2> b, View<T, 2> out, std::type_identity_t<T> beta = 0) {
  isa_detail::gemm("matmul_nn", a.extent[0], a.extent[1], b.extent[0], b.extent[1], a, false, b,
                   false, out, beta);
}

/// out = a b^T + beta out, as matmul_nn.   Shapes:  a [m, k], b [n, k], out [m, n].
template <Real T>
void matmul_nt(In<T, 2> a, In<T, 2> b, View<T, 2> out, std::type_identity_t<T> beta = 0) {
  isa_detail::gemm("matmul_nt", a.extent[0], a.extent[1], b.extent[1], b.extent[0], a, false, b,
                   true, out, beta);
}

/// out = a^T b + beta out, as matmul_nn.   Shapes:  a [k, m], b [k, n], out [m, n].
template <Real T>
void matmul_tn(In<T, 2> a, In<T, 2> b, View<T, 2> out, std::type_identity_t<T> beta = 0) {
  isa_detail::gemm("matmul_tn", a.extent[1], a.extent[0], b.extent[0], b.extent[1], a, true, b,
                   false, out, beta);
}

namespace isa_detail {

// The leading dimensions of a tensor as seen from the batch of the result.
struct BatchSteps {
  Shape batch;
  Strides a, b;

  static Strides steps(const Tensor& t, const Shape& batch) {
    Strides out;
    const int extra = batch.rank() - (t.rank() - 2);
    for (int d = 0; d < batch.rank(); ++d)
      out.push_back(d < extra || t.shape()[d - extra] == 1 ? 0 : t.strides()[d - extra]);
    return out;
  }

  template <class T>
  void place(Index i, detail::GemmBlock<T>& g) const {
    g.out += i * g.m * g.n;
    for (int d = batch.rank() - 1; d >= 0; --d) {
      const Index at = i % batch[d];
      i /= batch[d];
      g.a += at * a[d];
      g.b += at * b[d];
    }
  }
};

inline Shape leading(const Tensor& t) {
  return Shape(t.shape().span().first(static_cast<std::size_t>(t.rank() - 2)));
}

}  // namespace isa_detail

/// The matrix product with NumPy's rules: vectors are rows on the left, columns on the right, and
/// lose that dimension again; leading dimensions broadcast. Any strides, without copies.
/// Shapes:  a [.., m, k], b [.., k, n] -> [.., m, n].
/// Errors:  TypeError unless both are f32 or both f64, ShapeError if the shapes do not fit.
inline Tensor matmul(const Tensor& a, const Tensor& b) {
  CFM_CHECK(a.dtype() == b.dtype(), "matmul: both operands must have the same type", a.dtype(),
            b.dtype());
  CFM_CHECK(a.rank() > 0 && b.rank() > 0, "matmul: scalars have no matrix product", a, b);
  if (a.rank() == 1) return matmul(a.unsqueeze(0), b).squeeze(b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return matmul(a, b.unsqueeze(1)).squeeze(-1);
  CFM_CHECK(a.size(-1) == b.size(-2), "matmul: inner extents differ", a, b);
  // Many small products with one matrix are a single larger one.
  if (b.rank() == 2 && a.rank() > 2 && a.is_contiguous()) {
    Extents shape = a.shape();
    shape[a.rank() - 1] = b.size(-1);
    return matmul(a.reshape({Shape(isa_detail::leading(a)).size() * a.size(-2), a.size(-1)}), b)
        .reshape(shape);
  }
  const isa_detail::BatchSteps steps = [&] {
    const Shape batch = broadcast(isa_detail::leading(a), isa_detail::leading(b));
    return isa_detail::BatchSteps{batch, isa_detail::BatchSteps::steps(a, batch),
                                  isa_detail::BatchSteps::steps(b, batch)};
  }();
  Extents shape = steps.batch;
  shape.push_back(a.size(-2));
  shape.push_back(b.size(-1));
  return visit_real(a.dtype(), "matmul", [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(Shape(shape), a.dtype());
    const auto stride = [](const Tensor& t, int d) { return t.strides()[t.rank() + d]; };
    isa_detail::gemm(steps.batch.size(),
                     detail::GemmBlock<T>{a.size(-2), b.size(-1), a.size(-1), a.data<T>(),
                                          stride(a, -2), stride(a, -1), b.data<T>(), stride(b, -2),
                                          stride(b, -1), out.data<T>(), b.size(-1), T{0}},
                     [&](Index i, detail::GemmBlock<T>& g) { steps.place(i, g); });
    return out;
  });
}

CFM_ISA_NAMESPACE_END
