#pragma once
/// @file  Members of Tensor. Included by tensor.hpp alone.

#include <cfm/tensor/copy.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

inline Tensor::Tensor(Storage storage, DType dtype, const Shape& shape, const Strides& strides,
                      Index offset_bytes)
    : storage_(std::move(storage)), shape_(shape), strides_(strides), dtype_(dtype) {
  CFM_CHECK(shape.rank() == strides.rank(), "tensor: one stride a dimension", shape, strides);
  Index low = 0, high = 0;  // of the elements reached, in elements
  bool fits = offset_bytes >= 0;
  for (int d = 0; d < rank() && fits; ++d) {
    const auto reach = checked_mul(strides[d], shape[d] - 1);
    const auto sum = reach ? checked_add(*reach < 0 ? low : high, *reach) : std::nullopt;
    fits = sum.has_value();
    if (fits) (*reach < 0 ? low : high) = *sum;
  }
  if (shape.size() > 0) {
    const auto room = static_cast<Index>(storage_.bytes());
    fits = fits && low >= -(offset_bytes / size_of(dtype)) && offset_bytes <= room &&
           high < (room - offset_bytes) / size_of(dtype);
    CFM_CHECK(fits, "tensor: elements lie outside the storage", shape, strides);
    const auto place = reinterpret_cast<std::uintptr_t>(storage_.data() + offset_bytes);
    CFM_CHECK(place % static_cast<std::uintptr_t>(size_of(dtype)) == 0,
              "tensor: elements must be aligned to their size", dtype, offset_bytes);
  }
  data_ = storage_.data() + (shape.size() > 0 ? offset_bytes : 0);
}

template <Element T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  CFM_CHECK(static_cast<Index>(values.size()) == shape.size(),
            "from: as many values as the shape has", shape, values.size());
  Tensor out = empty(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(out.data_));
  return out;
}

inline Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor out = empty(shape, dtype);
  out.fill(value);
  return out;
}

inline Tensor Tensor::select(int dim, Index index) const {
  CFM_CHECK(rank() > 0, "select: needs at least one dimension", *this);
  const int at = normalize_dim(dim, rank(), "select");
  const Index i = index < 0 ? index + shape_[at] : index;
  CFM_CHECK(0 <= i && i < shape_[at], concat("select: index ", index, " is out of range"), *this);
  Extents shape, strides;
  for (int d = 0; d < rank(); ++d) {
    if (d == at) continue;
    shape.push_back(shape_[d]);
    strides.push_back(strides_[d]);
  }
  return with(Shape(shape), strides, i * strides_[at]);
}

inline Tensor Tensor::slice(int dim, Index begin, Index end, Index step) const {
  CFM_CHECK(rank() > 0, "slice: needs at least one dimension", *this);
  CFM_CHECK(step > 0, "slice: the step must be positive", step);
  const int at = normalize_dim(dim, rank(), "slice");
  const Index n = shape_[at];
  const auto clamp = [n](Index i) { return std::clamp<Index>(i < 0 ? i + n : i, 0, n); };
  const Index first = clamp(begin), last = std::max(first, clamp(end));
  Shape shape = shape_;
  Strides strides = strides_;
  shape[at] = (last - first) / step + ((last - first) % step != 0 ? 1 : 0);
  strides[at] *= shape[at] > 1 ? step : 1;
  return with(shape, strides, shape.size() == 0 ? 0 : first * strides_[at]);
}

inline Tensor Tensor::transpose(int a, int b) const {
  const int i = normalize_dim(a, rank(), "transpose"), j = normalize_dim(b, rank(), "transpose");
  Shape shape = shape_;
  Strides strides = strides_;
  std::swap(shape[i], shape[j]);
  std::swap(strides[i], strides[j]);
  return with(shape, strides);
}

inline Tensor Tensor::permute(const Extents& order) const {
  CFM_CHECK(order.rank() == rank(), "permute: names every dimension once", *this, order);
  Extents shape, strides;
  unsigned seen = 0;
  for (Index entry : order) {
    const int d = normalize_dim(static_cast<int>(entry), rank(), "permute");
    CFM_CHECK((seen >> d & 1u) == 0, "permute: names a dimension twice", *this, order);
    seen |= 1u << d;
    shape.push_back(shape_[d]);
    strides.push_back(strides_[d]);
  }
  return with(Shape(shape), strides);
}

inline Tensor Tensor::expand(const Shape& shape) const {
  const int extra = shape.rank() - rank();
  CFM_CHECK(extra >= 0, "expand: cannot drop dimensions", *this, shape);
  Strides strides;
  for (int d = 0; d < shape.rank(); ++d) {
    const bool own = d >= extra;
    CFM_CHECK(!own || shape_[d - extra] == shape[d] || shape_[d - extra] == 1,
              "expand: only extents of 1 stretch", *this, shape);
    strides.push_back(own && shape_[d - extra] == shape[d] ? strides_[d - extra] : 0);
  }
  return with(shape, strides);
}

inline Tensor Tensor::squeeze(int dim) const {
  const int at = normalize_dim(dim, rank(), "squeeze");
  CFM_CHECK(rank() > 0 && shape_[at] == 1, "squeeze: the extent must be 1", *this, dim);
  return select(at, 0);
}

inline Tensor Tensor::unsqueeze(int dim) const {
  const int at = normalize_dim(dim, rank() + 1, "unsqueeze");
  Extents shape, strides;
  for (int d = 0; d <= rank(); ++d) {
    if (d == at) {
      shape.push_back(1);
      strides.push_back(1);
    }
    if (d == rank()) break;
    shape.push_back(shape_[d]);
    strides.push_back(strides_[d]);
  }
  return with(Shape(shape), strides);
}

namespace detail {

// Fills in the one extent that may be -1.
inline Shape complete_shape(const Extents& wanted, const Tensor& t) {
  Extents out = wanted;
  Index known = 1;
  int open = -1;
  for (int d = 0; d < wanted.rank(); ++d) {
    if (wanted[d] == -1) {
      CFM_CHECK(open < 0, "reshape: at most one extent may be -1", t, wanted);
      open = d;
    } else {
      const auto product = checked_mul(known, wanted[d]);
      CFM_CHECK(product, "reshape: too many elements", t, wanted);
      known = *product;
    }
  }
  if (open >= 0) {
    CFM_CHECK(known > 0 && t.size() % known == 0, "reshape: -1 has no solution", t, wanted);
    out[open] = t.size() / known;
  }
  const Shape shape(out);
  CFM_CHECK(shape.size() == t.size(), "reshape: the number of elements must stay", t, wanted);
  return shape;
}

}  // namespace detail

inline Tensor Tensor::reshape(const Extents& wanted) const {
  const Shape shape = detail::complete_shape(wanted, *this);
  return contiguous().with(shape, row_major(shape));
}

inline Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

inline Tensor Tensor::clone() const {
  Tensor out = empty(shape_, dtype_);
  detail::copy_elements(shape_, size_of(dtype_), out.data_, out.strides_, data_, strides_);
  return out;
}

inline Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor out = empty(shape_, dtype);
  detail::convert_elements(shape_, dtype, out.data_, out.strides_, dtype_, data_, strides_);
  return out;
}

inline void Tensor::copy_from(const Tensor& source) {
  Tensor from = source.expand(shape_);
  if (from.storage_ == storage_) from = from.clone();  // the two may overlap
  prepare_write();
  if (from.dtype_ == dtype_)
    detail::copy_elements(shape_, size_of(dtype_), data_, strides_, from.data_, from.strides_);
  else
    detail::convert_elements(shape_, dtype_, data_, strides_, from.dtype_, from.data_,
                             from.strides_);
}

inline void Tensor::fill(double value) {
  if (size() == 0) return;
  prepare_write();
  Strides zero;
  for (int d = 0; d < rank(); ++d) zero.push_back(0);
  std::byte one[8] = {};  // the value, converted once
  visit_dtype(dtype_, [&]<class T>(std::type_identity<T>) {
    const T element = convert<T>(value);
    std::memcpy(one, &element, sizeof element);
  });
  detail::copy_elements(shape_, size_of(dtype_), data_, strides_, one, zero);
}

CFM_NAMESPACE_END
