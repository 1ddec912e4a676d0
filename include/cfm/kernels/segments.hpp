#pragma once
/// @file  Rows grouped by key, and rows picked by index.

#include <cstring>

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

/// out[i] = x[index[i]] along the first dimension.
/// Shapes:  x [n, ...], index [any shape] in row-major order -> [index size, ...].
/// Errors:  TypeError unless the index is i32 or i64; Error for an index outside.
inline Tensor take_rows(const Tensor& x, const Tensor& index) {
  CFM_CHECK(x.rank() >= 1, "take_rows: needs at least one dimension", x);
  const Tensor source = x.contiguous(), places = index.contiguous();
  Tensor out = Tensor::empty(isa_detail::with_rows(x.shape(), index.size()), x.dtype());
  const Index n = x.size(0), row = n == 0 ? 0 : x.size() / n * size_of(x.dtype());
  const auto* const from = static_cast<const std::byte*>(source.address());
  auto* const to = static_cast<std::byte*>(const_cast<void*>(out.address()));  // ours alone
  visit_index(index.dtype(), "take_rows", [&]<class I>(std::type_identity<I>) {
    const I* const place = places.data<I>();
    parallel_for(index.size(), grain_for(2 * row), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        CFM_CHECK(0 <= place[i] && place[i] < n,
                  concat("take_rows: index ", place[i], " at ", i, " is outside ", n, " rows"));
        std::memcpy(to + i * row, from + place[i] * row, static_cast<std::size_t>(row));
      }
    });
  });
  return out;
}

CFM_ISA_NAMESPACE_END
