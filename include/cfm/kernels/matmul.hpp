#pragma once
/// @file  Products of dense matrices.

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/gemm_blocks.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/matmul-inl.hpp>
#include <cfm/kernels/matmul_few_rows-inl.hpp>
#include <cfm/kernels/output_row.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Packs b for terms k0 .. k0 + kc, groups of columns in parallel.
template <class T>
void gemm_pack_b(const detail::Gemm<T>& g, Index k0, Index kc, T* to) {
  constexpr Index group = detail::gemm_columns;
  const Index bytes = kc * group * static_cast<Index>(sizeof(T));
  parallel_for(
      (g.n + group - 1) / group, grain_for(bytes, Index{1} << 18), [&](Index begin, Index end) {
        for (Index j = begin * group; j < end * group; j += group) {
          const T* const from = g.b + k0 * g.b_row + j * g.b_col;
          CFM_CALL(gemm_pack_b)(kc, std::min(group, g.n - j), from, g.b_row, g.b_col, to + j * kc);
        }
      });
}

// Whether tiles read a packed copy of a. Where it lies, it is as good if few columns use it, or if
// the nearest caches keep all of it.
template <class T>
bool gemm_packs_left(const detail::Gemm<T>& g) {
  if (g.a_col != 1 && g.a_row != 1) return true;  // tiles need dense rows or columns
  return g.n > 512 || (g.n > 64 && g.m * g.k > Index{1} << 16);
}

template <class T>
void gemm_finish(const detail::Gemm<T>& g, const detail::Finish<T>& finish) {
  finish(g.out, g.out_row, g.row, g.m, g.column, g.n);
}

// One product with b packed block by block: columns by terms that stay in the second-level cache
// (the third, if many rows use them again), rows that stay in the second.
template <class T>
void gemm_packed(const detail::Gemm<T>& g, const detail::Finish<T>& finish, Index column_block) {
  constexpr Index piece = 64;
  const Index row_block = detail::gemm_row_block<T>();
  const Index kc_most = std::min(detail::gemm_k_block, g.k);
  const Index columns_most = std::min(column_block, (g.n + 63) / 64 * 64);
  const detail::Scratch<T> packed_b(kc_most * columns_most);
  const bool pack_a = gemm_packs_left(g);
  for (Index j = 0; j < g.n; j += column_block) {
    const detail::Gemm<T> part = g.part(0, g.m, j, std::min(column_block, g.n - j));
    for (Index k0 = 0; k0 < g.k; k0 += detail::gemm_k_block) {
      const Index kc = std::min(detail::gemm_k_block, g.k - k0);
      gemm_pack_b(part, k0, kc, packed_b.data());
      const Index work = row_block * kc * part.n;
      parallel_for((g.m + row_block - 1) / row_block, std::max<Index>(1, (Index{1} << 19) / work),
                   [&](Index begin, Index end) {
                     const detail::Scratch<T> packed_a(
                         pack_a ? (std::min(row_block, g.m) * ((kc + 3) / 4 * 4)) : 0);
                     const T* const panels = packed_b.data();
                     for (Index i = begin * row_block; i < std::min(g.m, end * row_block);
                          i += row_block) {
                       const auto rows = part.part(i, std::min(row_block, g.m - i), 0, part.n);
                       const T* const a = rows.a + k0 * g.a_col;
                       T* const to = packed_a.data();
                       if (pack_a) CFM_CALL(gemm_pack_a)(rows.m, kc, a, g.a_row, g.a_col, to);
                       const bool ends = finish.call != nullptr && k0 + kc == g.k;
                       const Index step = ends ? piece : part.n;
                       for (Index c = 0; c < part.n; c += step) {
                         const auto some = rows.part(0, rows.m, c, std::min(step, part.n - c));
                         const T* const b = panels + c * kc;
                         CFM_CALL(gemm_packed_terms)(some, k0, kc, b, to, kc);
                         if (ends) gemm_finish(some, finish);
                       }
                     }
                   });
    }
  }
}

// One product with not many rows: all of a is packed at once, and each group of columns of b is
// used as soon as it is packed, while it is in the nearest cache.
template <class T, class Columns>
void gemm_panel_by_panel(const detail::Gemm<T>& g, const detail::Finish<T>& finish,
                         const Columns& columns) {
  const bool pack_a = gemm_packs_left(g);
  const detail::Scratch<T> packed_a(pack_a ? g.m * ((g.k + 3) / 4 * 4) : 0);
  const auto block = [&](Index k0) { return std::min(detail::gemm_k_block, g.k - k0); };
  for (Index k0 = 0; pack_a && k0 < g.k; k0 += detail::gemm_k_block) {
    const T* const from = g.a + k0 * g.a_col;
    CFM_CALL(gemm_pack_a)(g.m, block(k0), from, g.a_row, g.a_col, packed_a.data() + g.m * k0);
  }
  constexpr Index group = detail::gemm_columns;
  columns(group, [&](const detail::Gemm<T>& part) {
    const detail::Scratch<T> panels(group * block(0));
    for (Index k0 = 0; k0 < g.k; k0 += detail::gemm_k_block) {
      const T* const from = part.b + k0 * g.b_row;
      const T* const a = pack_a ? packed_a.data() + g.m * k0 : nullptr;
      CFM_CALL(gemm_pack_b)(block(k0), part.n, from, g.b_row, g.b_col, panels.data());
      CFM_CALL(gemm_packed_terms)(part, k0, block(k0), panels.data(), a, block(k0));
    }
    gemm_finish(part, finish);
  });
}

template <class T>
void gemm_one(const detail::Gemm<T>& g, const detail::Finish<T>& finish) {
  if (g.k == 0) {  // an empty sum
    for (Index r = 0; r < g.m; ++r)
      for (Index c = 0; c < g.n; ++c) {
        T& value = g.out[r * g.out_row + c];
        value = g.beta == T{0} ? T{0} : g.beta * value;
      }
    return gemm_finish(g, finish);
  }
  const Index width = CFM_CALL(gemm_width)(g), full = g.n / width * width;
  const bool dense_rows = g.b_col == 1, dense_columns = g.b_row == 1;
  // b is small, and read once or from the first-level cache.
  const bool small = g.k * g.n <= (g.m <= detail::gemm_rows ? Index{1} << 16 : Index{1} << 12);
  const bool in_place = small && dense_rows && g.a_col == 1 && g.n >= width / 2;
  const auto columns = [&](Index block, const auto& f) {  // blocks of columns, in parallel
    const Index work = g.m * g.k * block;
    parallel_for((g.n + block - 1) / block, std::max<Index>(1, (Index{1} << 17) / work),
                 [&](Index begin, Index end) {
                   for (Index j = begin * block; j < std::min(g.n, end * block); j += block)
                     f(g.part(0, g.m, j, std::min(block, g.n - j)));
                 });
  };
  if (g.m <= detail::gemm_few_rows && (dense_rows || (dense_columns && full > 0))) {
    columns(detail::gemm_few_rows_columns, [&](const detail::Gemm<T>& part) {
      if (dense_rows) {
        const Index row = part.n + 16;
        const detail::Scratch<T> sums(part.m * row);
        CFM_CALL(gemm_few_rows)(part, sums.data(), row);
        return gemm_finish(part, finish);
      }
      const Index fits = part.n / width * width;
      if (fits > 0) {
        const detail::Gemm<T> whole = part.part(0, part.m, 0, fits);
        CFM_CALL(gemm_few_rows)(whole, static_cast<T*>(nullptr), Index{0});
        gemm_finish(whole, finish);
      }
      if (fits < part.n) gemm_packed(part.part(0, part.m, fits, part.n - fits), finish, width);
    });
  } else if (in_place) {
    constexpr Index row_block = 192;
    const auto some_rows = [&](Index i, Index rows) {
      const detail::Gemm<T> part = g.part(i, rows, 0, g.n);
      const T* const packed = nullptr;
      for (Index k0 = 0; k0 < g.k; k0 += detail::gemm_k_block) {
        const Index kc = std::min(detail::gemm_k_block, g.k - k0);
        CFM_CALL(gemm_packed_terms)(part, k0, kc, packed, packed, Index{0});
      }
      gemm_finish(part, finish);
    };
    if (g.m <= row_block) {
      some_rows(0, g.m);
    } else {
      const Index work = row_block * g.n * g.k;
      parallel_for((g.m + row_block - 1) / row_block, std::max<Index>(1, (Index{1} << 19) / work),
                   [&](Index begin, Index end) {
                     for (Index i = begin * row_block; i < std::min(g.m, end * row_block);
                          i += row_block)
                       some_rows(i, std::min(row_block, g.m - i));
                   });
    }
  } else if (g.m <= 192 && g.n > 64 && g.m * g.k <= Index{1} << 20) {
    gemm_panel_by_panel(g, finish, columns);
  } else if (g.m <= 192) {  // too few blocks of rows to share: threads take columns
    columns(256, [&](const detail::Gemm<T>& part) { gemm_packed(part, finish, 256); });
  } else {
    gemm_packed(g, finish, detail::gemm_column_block<T>());
  }
}

// Products of the same sizes and strides at other places: `place(i)` moves the pointers of the
// i-th.
template <class T, class Place>
void gemm(Index count, const detail::Gemm<T>& shape, const Place& place,
          const detail::Finish<T>& finish = {}) {
  if (count == 0 || shape.m == 0 || shape.n == 0) return;
  if (count == 1) {
    detail::Gemm<T> g = shape;
    place(0, g);
    return gemm_one(g, finish);
  }
  const Index work = shape.m * shape.n * std::max<Index>(1, shape.k);
  parallel_for(count, std::max<Index>(1, (Index{1} << 17) / work), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      detail::Gemm<T> g = shape;
      place(i, g);
      gemm_one(g, finish);
    }
  });
}

template <class T>
void gemm(std::string_view op, Index m, Index k, Index inner, Index n, In<T, 2> a, bool a_flipped,
          In<T, 2> b, bool b_flipped, View<T, 2> out, T beta,
          const detail::Finish<T>& finish = {}) {
  CFM_CHECK(k == inner && out.extent[0] == m && out.extent[1] == n,
            concat(op, ": shapes of a, b and out do not fit"), a, b, out);
  CFM_CHECK(a.last_contiguous() && b.last_contiguous() && out.last_contiguous(),
            concat(op, ": rows must be dense"), a, b, out);
  gemm(
      1,
      detail::Gemm<T>{m, n, k, a.data, a_flipped ? 1 : a.stride[0], a_flipped ? a.stride[0] : 1,
                      b.data, b_flipped ? 1 : b.stride[0], b_flipped ? b.stride[0] : 1, out.data,
                      out.stride[0], beta},
      [](Index, detail::Gemm<T>&) {}, finish);
}

}  // namespace isa_detail

/// out = a b + beta out; with beta 0 the old out is not read.
///
/// Shapes:  a [m, k], b [k, n], out [m, n]; last stride 1; out may not alias a or b; zero sizes
///          are fine, and an empty sum is 0.
/// Order:   each element is summed over blocks of 384 terms in turn, each block by multiply-add
///          from its first term to its last: it depends on k alone, so a row gives the same bits
///          alone and among others.
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
  void place(Index i, detail::Gemm<T>& g) const {
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
                     detail::Gemm<T>{a.size(-2), b.size(-1), a.size(-1), a.data<T>(), stride(a, -2),
                                     stride(a, -1), b.data<T>(), stride(b, -2), stride(b, -1),
                                     out.data<T>(), b.size(-1), T{0}},
                     [&](Index i, detail::Gemm<T>& g) { steps.place(i, g); });
    return out;
  });
}

CFM_ISA_NAMESPACE_END
