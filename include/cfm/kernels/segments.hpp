#pragma once
/// @file  Rows of a tensor grouped by key.

#include <cfm/graph/graph.hpp>
#include <cfm/kernels/spmm.hpp>

CFM_NAMESPACE_BEGIN

/// The rows of a tensor grouped by a key each: which rows carry key k, in order. Built once, used
/// for any number of sums, means and maxima over groups.
class Segments {
 public:
  /// keys: i32 or i64 of any shape, counted in row-major order; each in [0, count).
  /// Errors:  TypeError; Error for a key outside.   Cost:  linear.
  Segments(const Tensor& keys, Index count) : keys_(Tensor::empty({keys.size()}, DType::i32)) {
    CFM_CHECK(0 <= count && count <= INT32_MAX && keys.size() <= INT32_MAX,
              "segments: at most 2^31 - 1 keys and groups", count, keys.size());
    const auto out = keys_.span<std::int32_t>();
    const Tensor dense = keys.contiguous();
    visit_index(keys.dtype(), "segments", [&]<class I>(std::type_identity<I>) {
      const auto in = dense.span<I>();
      for (std::size_t i = 0; i < in.size(); ++i) {
        CFM_CHECK(0 <= in[i] && static_cast<Index>(in[i]) < count,
                  concat("segments: key ", in[i], " at ", i, " is outside ", count, " groups"));
        out[i] = static_cast<std::int32_t>(in[i]);
      }
    });
    offsets_ = detail::offsets_by_key(count, out);
    rows_ = Tensor::empty({keys.size()}, DType::i32);
    const auto rows = rows_.span<std::int32_t>();
    detail::sort_by_key(offsets_, out, [&](std::size_t place, std::size_t row) {
      rows[place] = static_cast<std::int32_t>(row);
    });
    starts_ = Tensor::empty({keys.size() + 1}, DType::i64);
    const auto starts = starts_.span<std::int64_t>();
    for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<std::int64_t>(i);
  }

  Index count() const { return offsets_.size() - 1; }
  Index rows() const { return keys_.size(); }

  /// Row k: the rows that carry key k.
  CsrView members() const { return {span<std::int64_t>(offsets_), span<std::int32_t>(rows_)}; }
  /// Row r: the key of row r, alone.
  CsrView keys() const { return {span<std::int64_t>(starts_), span<std::int32_t>(keys_)}; }

 private:
  template <class T>
  static std::span<const T> span(const Tensor& t) {
    return t.span<T>();
  }

  Tensor keys_, offsets_, rows_, starts_;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// x as a matrix of its first dimension: [first, rest].
inline Tensor as_matrix(const Tensor& x) {
  Index cols = 1;
  for (int d = 1; d < x.rank(); ++d) cols *= x.shape()[d];
  return x.reshape({x.size(0), cols});
}

inline Shape with_rows(const Shape& shape, Index rows) {
  Extents out = shape;
  out[0] = rows;
  return Shape(out);
}

}  // namespace isa_detail

/// out[k] = sum of x[r] over the rows r of `rows[k]`.
/// Shapes:  x [any, ...] -> [rows, ...].   Order:  as aggregate_sum.
inline Tensor sum_rows_of(const CsrView& rows, const Tensor& x) {
  const Tensor source = isa_detail::as_matrix(x).contiguous();
  Tensor out = Tensor::empty({rows.rows(), source.size(1)}, x.dtype());
  visit_real(x.dtype(), "sum_rows_of", [&]<class T>(std::type_identity<T>) {
    aggregate_sum<T>(rows, source.view<T, 2>(), out.view<T, 2>());
  });
  return out.reshape(isa_detail::with_rows(x.shape(), rows.rows()));
}

CFM_ISA_NAMESPACE_END
