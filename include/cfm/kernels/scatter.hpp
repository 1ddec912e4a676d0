#pragma once
/// @file  Elements and slices put at places that a tensor of positions names.

#include <algorithm>
#include <functional>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// What happens to an element that a source element meets. With `replace` the last one stays.
enum class ScatterReduction { replace, add, mul, min, max };

namespace detail {

template <class T>
void reduce_into(ScatterReduction how, T& target, T value) {
  using Wide = std::conditional_t<std::integral<T>, std::uint64_t, T>;  // wraps around
  switch (how) {
    case ScatterReduction::replace: target = value; return;
    case ScatterReduction::add:
      target = static_cast<T>(static_cast<Wide>(target) + static_cast<Wide>(value));
      return;
    case ScatterReduction::mul:
      target = static_cast<T>(static_cast<Wide>(target) * static_cast<Wide>(value));
      return;
    case ScatterReduction::min:
      if (value < target || value != value) target = value;
      return;
    case ScatterReduction::max:
      if (target < value || value != value) target = value;
      return;
  }
}

// f(i, T&) for the types that are added and compared; replacing works on bytes of any type.
template <class F>
void visit_scatter(std::string_view op, ScatterReduction how, DType dtype, const F& f) {
  if (how == ScatterReduction::replace) {
    switch (size_of(dtype)) {
      case 1: return f(std::type_identity<std::uint8_t>{});
      case 2: return f(std::type_identity<std::uint16_t>{});
      case 4: return f(std::type_identity<std::uint32_t>{});
      default: return f(std::type_identity<std::uint64_t>{});
    }
  }
  if (is_integer(dtype)) return visit_integer(dtype, f);
  if (dtype == DType::f32 || dtype == DType::f64) return visit_real(dtype, op, f);
  throw_error<TypeError>(op, ": cannot add or compare elements of ", dtype);
}

inline Index scatter_place(std::string_view op, std::int64_t i, Index n) {
  if (i < 0 || i >= n) [[unlikely]]
    throw_error<Error>(op, ": position ", i, " is outside an extent of ", n);
  return i;
}

inline Tensor positions_of(std::string_view op, const Tensor& index) {
  CFM_CHECK(index.dtype() == DType::i32 || index.dtype() == DType::i64,
            concat(op, ": positions must be i32 or i64"), index.dtype());
  return index.to(DType::i64).contiguous();
}

// Where the slices that rows of positions name begin in a dense tensor, in elements.
class SliceIndex {
 public:
  // The last dimension of `index` names a position in each of the dimensions behind `batch_dims`.
  SliceIndex(std::string_view op, const Tensor& x, const Tensor& index, int batch_dims)
      : op_(op), index_(positions_of(op, index)) {
    CFM_CHECK(index.rank() >= 1, concat(op, ": positions need a last dimension"), index);
    const Index depth = index.shape().back();
    CFM_CHECK(0 <= batch_dims && batch_dims < index.rank() && batch_dims <= x.rank() &&
                  depth <= x.rank() - batch_dims,
              concat(op, ": more positions in a row than dimensions"), x, index);
    for (int d = 0; d < batch_dims; ++d) {
      CFM_CHECK(x.shape()[d] == index.shape()[d], concat(op, ": batch dimensions differ"), x,
                index);
      batch_ *= x.shape()[d];
    }
    const int inner = batch_dims + static_cast<int>(depth);
    for (int d = batch_dims; d < inner; ++d) extent_.push_back(x.shape()[d]);
    for (int d = inner; d < x.rank(); ++d) {
      slice_.push_back(x.shape()[d]);
      width_ *= x.shape()[d];
    }
    shape_ = Extents(index.shape().span().first(static_cast<std::size_t>(index.rank() - 1)));
    for (Index e : shape_) count_ *= e;
    for (Index e : slice_) shape_.push_back(e);
  }

  Index width() const { return width_; }
  Index count() const { return count_; }
  /// Of all slices put together.
  Shape shape() const { return Shape(shape_); }

  Index operator[](Index i) const {
    Index at = batch_ == 0 ? 0 : i / (count_ / batch_);
    const std::int64_t* const row = index_.data<std::int64_t>() + i * extent_.rank();
    for (int d = 0; d < extent_.rank(); ++d)
      at = at * extent_[d] + scatter_place(op_, row[d], extent_[d]);
    return at * width_;
  }

 private:
  std::string_view op_;
  Tensor index_;
  Extents extent_, slice_, shape_;
  Index width_ = 1, count_ = 1, batch_ = 1;
};

}  // namespace detail

/// A copy of x with out[.., index[.., i, ..], ..] replaced by, or joined with, source[.., i, ..]
/// along `dim`.
/// Shapes:  source and index have one shape, the rank of x, and are nowhere larger beside `dim`.
/// Order:   elements of the source in row-major order, one after the other.
/// Errors:  ShapeError; TypeError unless the index is i32 or i64 and x and source have one type
///          (any for `replace`, f32, f64 or integers else); Error for a position outside.
inline Tensor scatter_along(const Tensor& x, int dim, const Tensor& index, const Tensor& source,
                            ScatterReduction how = ScatterReduction::replace) {
  if (x.rank() == 0 && index.rank() == 0 && source.rank() == 0)
    return scatter_along(x.reshape({1}), 0, index.reshape({1}), source.reshape({1}), how)
        .reshape({});
  CFM_CHECK(x.dtype() == source.dtype(), "scatter_along: the operands differ in type", x.dtype(),
            source.dtype());
  const int at = normalize_dim(dim, x.rank(), "scatter_along");
  bool fits = x.rank() == index.rank() && index.shape() == source.shape();
  for (int d = 0; fits && d < x.rank(); ++d) fits = d == at || index.shape()[d] <= x.shape()[d];
  CFM_CHECK(fits, concat("scatter_along: the index must not be larger beside dimension ", at), x,
            index, source);
  const Tensor places = detail::positions_of("scatter_along", index), from = source.contiguous();
  Tensor out = x.clone();
  std::byte* const target = out.bytes();
  const std::byte* const values = std::as_const(from).bytes();
  const std::int64_t* const place = places.data<std::int64_t>();
  const Shape& shape = index.shape();
  detail::visit_scatter("scatter_along", how, x.dtype(), [&]<class T>(std::type_identity<T>) {
    for (Index i = 0; i < shape.size(); ++i) {
      Index rest = i, offset = 0;
      for (int d = shape.rank() - 1; d >= 0; --d) {
        const Index here = rest % shape[d];
        rest /= shape[d];
        const Index to =
            d == at ? detail::scatter_place("scatter_along", place[i], x.shape()[d]) : here;
        offset += to * out.strides()[d];
      }
      detail::reduce_into(how, reinterpret_cast<T*>(target)[offset],
                          reinterpret_cast<const T*>(values)[i]);
    }
  });
  return out;
}

/// Slices of x: a row (i, j, ..) of the index names x[i, j, ..]. The first `batch_dims` dimensions
/// belong together.
/// Shapes:  x [batch.., extents.., slice..], index [batch.., rows.., extents] -> [batch.., rows..,
///          slice..].
/// Errors:  ShapeError; TypeError unless the index is i32 or i64; Error for a position outside.
inline Tensor gather_nd(const Tensor& x, const Tensor& index, int batch_dims = 0) {
  const detail::SliceIndex slices("gather_nd", x, index, batch_dims);
  const Tensor from = x.contiguous();
  Tensor out = Tensor::empty(slices.shape(), x.dtype());
  const Index bytes = slices.width() * size_of(x.dtype());
  const std::byte* const source = std::as_const(from).bytes();
  std::byte* const target = out.bytes();
  for (Index i = 0; i < slices.count() && out.size() > 0; ++i)
    std::copy_n(source + slices[i] * size_of(x.dtype()), bytes, target + i * bytes);
  return out;
}

/// A copy of x in which the slices that rows of the index name are replaced by, or joined with,
/// those of the source.
/// Shapes:  x [extents.., slice..], index [rows.., extents], source [rows.., slice..].
/// Order, errors:  as scatter_along.
inline Tensor scatter_nd(const Tensor& x, const Tensor& index, const Tensor& source,
                         ScatterReduction how = ScatterReduction::replace) {
  CFM_CHECK(x.dtype() == source.dtype(), "scatter_nd: the operands differ in type", x.dtype(),
            source.dtype());
  const detail::SliceIndex slices("scatter_nd", x, index, 0);
  CFM_CHECK(slices.shape() == source.shape(), "scatter_nd: the source must be [rows.., slice..]", x,
            index, source);
  const Tensor from = source.contiguous();
  Tensor out = x.clone();
  std::byte* const target = out.bytes();
  const std::byte* const values = std::as_const(from).bytes();
  detail::visit_scatter("scatter_nd", how, x.dtype(), [&]<class T>(std::type_identity<T>) {
    for (Index i = 0; i < slices.count() && source.size() > 0; ++i) {
      T* const to = reinterpret_cast<T*>(target) + slices[i];
      const T* const value = reinterpret_cast<const T*>(values) + i * slices.width();
      for (Index j = 0; j < slices.width(); ++j) detail::reduce_into(how, to[j], value[j]);
    }
  });
  return out;
}

CFM_NAMESPACE_END
