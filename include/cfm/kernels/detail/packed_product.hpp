#pragma once
/// @file  The loops around products with packed panels, for operands of any stored type.

#include <algorithm>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/gemm_blocks.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/epilogue.hpp>
#include <cfm/kernels/matmul_packed-inl.hpp>
#include <cfm/kernels/packed_matrix.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// A matrix of some element type; one of the strides is 1.
struct StoredMatrix {
  const void* data;
  DType dtype;
  Index row, col;
};

// out[m, n] = finish(a[m, k] B + beta out) with B as PackedMatrix stores it, computed in T.
template <class T>
struct PackedProduct {
  Index m, n, k;
  StoredMatrix a;
  const void* b;
  DType b_type;
  void* out;
  DType out_type;
  Index out_row;
  T beta;
  detail::Finish<T> finish{};
  Index column = 0;  // of out[0] in the whole result
};

// f(pointer of the real type).
template <class T, class F>
void visit_stored(DType dtype, const void* data, const F& f) {
  if constexpr (std::is_same_v<T, float>) {
    if (dtype == DType::bf16) return f(static_cast<const bf16*>(data));
    if (dtype == DType::f16) return f(static_cast<const f16*>(data));
  }
  f(static_cast<const T*>(data));
}

// Rows i .. i + rows and terms k .. k + terms of a as T: where they lie, or converted into `room`.
template <class T>
struct LeftPart {
  const T* data;
  Index row, col;

  LeftPart(const StoredMatrix& a, Index i, Index rows, Index k, Index terms, T* room) {
    visit_stored<T>(a.dtype, a.data, [&](const auto* from) {
      from += i * a.row + k * a.col;
      if constexpr (std::is_same_v<decltype(from), const T*>) {
        data = from, row = a.row, col = a.col;
      } else if (a.col == 1) {
        for (Index r = 0; r < rows; ++r)
          CFM_CALL(convert_dense)(from + r * a.row, room + r * terms, terms);
        data = room, row = terms, col = 1;
      } else {
        for (Index t = 0; t < terms; ++t)
          CFM_CALL(convert_dense)(from + t * a.col, room + t * rows, rows);
        data = room, row = 1, col = rows;
      }
    });
  }
};

// A block of out as T: itself, or a copy that is rounded at the end.
template <class T>
class OutputBlock {
 public:
  OutputBlock(const PackedProduct<T>& c, Index i, Index rows, Index j, Index columns)
      : c_(c), i_(i), rows_(rows), j_(j), copy_(c.out_type == dtype_of<T> ? 0 : rows * columns) {
    row_ = copy_.data() == nullptr ? c.out_row : columns;
    data_ = copy_.data();
    if (data_ == nullptr) {
      data_ = static_cast<T*>(c.out) + i * c.out_row + j;
    } else if (c.beta != T{0}) {
      visit_stored<T>(c.out_type, c.out, [&](const auto* out) {
        for (Index r = 0; r < rows; ++r)
          CFM_CALL(convert_dense)(out + (i + r) * c.out_row + j, data_ + r * row_, columns);
      });
    }
  }

  T* data() const { return data_; }
  Index row() const { return row_; }

  /// These columns of the block are complete.
  void finish(Index from, Index columns) const {
    c_.finish(data_ + from, row_, i_, rows_, c_.column + j_ + from, columns);
    if (copy_.data() == nullptr) return;
    const auto store = [&]<class O>(std::type_identity<O>) {
      O* const out = static_cast<O*>(c_.out) + i_ * c_.out_row + j_ + from;
      for (Index r = 0; r < rows_; ++r)
        CFM_CALL(convert_dense)(data_ + r * row_ + from, out + r * c_.out_row, columns);
    };
    if constexpr (std::is_same_v<T, float>)
      c_.out_type == DType::bf16 ? store(std::type_identity<bf16>{})
                                 : store(std::type_identity<f16>{});
  }

 private:
  const PackedProduct<T>& c_;
  Index i_, rows_, j_, row_;
  detail::Scratch<T> copy_;
  T* data_;
};

template <class T>
void packed_few_rows(const PackedProduct<T>& c) {
  const Index terms = (c.k + 3) / 4 * 4, four = detail::gemm_streams * PackedMatrix<T>::width;
  const bool converts = c.a.dtype != dtype_of<T>, in_place = c.m == 1 && c.a.col == 1;
  const detail::Scratch<T> room(converts ? c.m * c.k : 0);
  const LeftPart<T> left(c.a, 0, c.m, 0, c.k, room.data());
  const detail::Scratch<T> packed(in_place ? 0 : c.m * terms);
  for (Index i = 0, row = 0; row < c.m && !in_place; ++i) {
    const Index rows = detail::panel_rows_of(c.m, i);
    const T* const from = left.data + row * left.row;
    CFM_CALL(gemm_pack_a)(rows, c.k, from, left.row, left.col, packed.data() + row * terms);
    row += rows;
  }
  const T* const a = in_place ? left.data : packed.data();
  const Index bytes = four * c.k * size_of(c.b_type);
  const Index ahead = reads_ahead() ? 0 : 2048;
  const Index grain = std::min<Index>(8, grain_for(bytes, Index{1} << 18));
  parallel_for((c.n + four - 1) / four, grain, [&](Index begin, Index end) {
    const Index j = begin * four, columns = std::min(c.n, end * four) - j;
    const detail::Scratch<T> sums(c.m * four);
    const OutputBlock<T> out(c, 0, c.m, j, columns);
    visit_stored<T>(c.b_type, c.b, [&]<class S>(const S* b) {
      const detail::PanelProduct<T, S> g{c.m,        columns,   c.k,    a,    b + j * c.k,
                                         out.data(), out.row(), c.beta, ahead};
      CFM_CALL(gemm_few_panels)(g, sums.data());
    });
    out.finish(0, columns);
  });
}

template <class T>
void packed_many_rows(const PackedProduct<T>& c) {
  constexpr Index column_block = 128, piece = 64, kb = detail::gemm_k_block;
  const Index row_block = detail::gemm_row_block<T>();
  constexpr Index width = PackedMatrix<T>::width;
  const Index terms = (c.k + 3) / 4 * 4;
  // All of these rows are packed first, so that blocks of columns share them.
  const Index at_once = std::max<Index>(1, (Index{1} << 21) / terms / row_block) * row_block;
  const detail::Scratch<T> packed(std::min(c.m, at_once) * terms);
  for (Index i0 = 0; i0 < c.m; i0 += at_once) {
    const Index rows = std::min(at_once, c.m - i0), blocks = (rows + row_block - 1) / row_block;
    const auto rows_of = [&](Index block) { return std::min(row_block, rows - block * row_block); };
    parallel_for(blocks, grain_for(row_block * terms, Index{1} << 17), [&](Index begin, Index end) {
      const detail::Scratch<T> room(c.a.dtype == dtype_of<T> ? 0 : row_block * kb);
      for (Index r = begin; r < end; ++r)
        for (Index k = 0; k < c.k; k += kb) {
          const Index kc = std::min(kb, c.k - k), n = rows_of(r);
          const LeftPart<T> left(c.a, i0 + r * row_block, n, k, kc, room.data());
          T* const to = packed.data() + r * row_block * terms + n * k;
          CFM_CALL(gemm_pack_a)(n, kc, left.data, left.row, left.col, to);
        }
    });
    const Index tasks = blocks * ((c.n + column_block - 1) / column_block);
    const Index work = row_block * column_block * c.k;
    parallel_for(tasks, std::max<Index>(1, (Index{1} << 19) / work), [&](Index begin, Index end) {
      const detail::Scratch<T> room(kb * 64);
      for (Index t = begin; t < end; ++t) {
        const Index r = t % blocks, n = rows_of(r), j = t / blocks * column_block;
        const Index columns = std::min(column_block, c.n - j);
        const OutputBlock<T> out(c, i0 + r * row_block, n, j, columns);
        for (Index k = 0; k < c.k; k += kb) {
          const Index kc = std::min(kb, c.k - k);
          for (Index p = 0; p < columns; p += piece) {
            const Index some = std::min(piece, columns - p);
            visit_stored<T>(c.b_type, c.b, [&]<class S>(const S* b) {
              const detail::PanelProduct<T, S> g{n,
                                                 some,
                                                 kc,
                                                 packed.data() + r * row_block * terms + n * k,
                                                 b + (j + p) * c.k + k * width,
                                                 out.data() + p,
                                                 out.row(),
                                                 k == 0 ? c.beta : T{1}};
              CFM_CALL(gemm_panels)(g, c.k * width, room.data());
            });
            if (k + kc == c.k) out.finish(p, some);
          }
        }
      }
    });
  }
}

template <class T>
void packed_product(const PackedProduct<T>& c) {
  if (c.m == 0 || c.n == 0) return;
  if (c.k == 0) {  // an empty sum
    for (Index r = 0; r < c.m; ++r) {
      const OutputBlock<T> out(c, r, 1, 0, c.n);
      for (Index j = 0; j < c.n; ++j)
        out.data()[j] = c.beta == T{0} ? T{0} : c.beta * out.data()[j];
      out.finish(0, c.n);
    }
  } else if (c.m <= detail::gemm_panel_rows) {
    packed_few_rows(c);
  } else {
    packed_many_rows(c);
  }
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
