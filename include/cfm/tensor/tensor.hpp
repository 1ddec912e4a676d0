#pragma once
/// @file  The tensor: typed, shaped, strided shared memory. Metadata only; no autograd inside.

#include <span>
#include <vector>

#include <cfm/core/dtype.hpp>
#include <cfm/tensor/shape.hpp>
#include <cfm/tensor/storage.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// A strided array of run-time shape and element type. Copies share the elements, clone() copies
/// them. A const Tensor gives views of const; write access bumps the version of the storage and
/// copies storage that must not be written (a mapped file).
class Tensor {
 public:
  /// f32[0].
  Tensor() : shape_{0}, strides_{1} {}

  /// A tensor over existing storage. For readers and adapters; everybody else uses factories.
  /// Errors:  ShapeError if an element would lie outside the storage, TypeError if elements would
  /// not be aligned to their size.
  Tensor(Storage storage, DType dtype, const Shape& shape, const Strides& strides,
         Index offset_bytes = 0);

  /// Not initialised.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32) {
    return Tensor(Storage::allocate(static_cast<std::size_t>(shape.size() * size_of(dtype))), shape,
                  dtype);
  }
  static Tensor empty_like(const Tensor& t) { return empty(t.shape_, t.dtype_); }

  /// All bits zero.
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32) {
    Tensor out = empty(shape, dtype);
    std::fill_n(out.data_, out.storage_.bytes(), std::byte{0});
    return out;
  }
  static Tensor zeros_like(const Tensor& t) { return zeros(t.shape_, t.dtype_); }

  /// Every element `value`, converted to `dtype`.
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  static Tensor ones(const Shape& shape, DType dtype = DType::f32) { return full(shape, 1, dtype); }

  /// A copy of values, row-major.   Errors:  ShapeError if their number differs.
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <Element T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }
  /// A vector of these values: Tensor::of<float>({1, 2, 3}).
  template <Element T>
  static Tensor of(std::initializer_list<T> values) {
    return from(std::span<const T>(values.begin(), values.size()),
                Shape{static_cast<Index>(values.size())});
  }
  /// Rank 0.
  template <Element T>
  static Tensor scalar(T value) {
    return from(std::span<const T>(&value, 1), Shape{});
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }
  int rank() const { return shape_.rank(); }
  /// Number of elements.
  Index size() const { return shape_.size(); }
  /// Extent of a dimension; negative ones count from the back.
  Index size(int dim) const { return shape_[normalize_dim(dim, rank(), "size")]; }
  const Storage& storage() const { return storage_; }
  /// Where the first element is: tells parameters apart, whatever shares their storage.
  const void* address() const { return data_; }
  /// True for a tensor that a factory made, false for Tensor().
  bool defined() const { return static_cast<bool>(storage_); }

  /// Dense and row-major.
  bool is_contiguous() const {
    Index step = 1;
    for (int d = rank() - 1; d >= 0; --d) {
      if (shape_[d] != 1 && strides_[d] != step) return size() == 0;
      step *= shape_[d];
    }
    return true;
  }

  /// First element.   Errors:  TypeError if T is not the dtype.
  template <Element T>
  const T* data() const {
    CFM_CHECK(dtype_of<T> == dtype_, "tensor: wanted elements of another type", dtype_of<T>,
              dtype_);
    return reinterpret_cast<const T*>(data_);
  }
  template <Element T>
  T* data() {
    CFM_CHECK(dtype_of<T> == dtype_, "tensor: wanted elements of another type", dtype_of<T>,
              dtype_);
    prepare_write();
    return reinterpret_cast<T*>(data_);
  }

  /// First element as bytes, for writers, codecs and adapters.
  const std::byte* bytes() const { return data_; }
  std::byte* bytes() {
    prepare_write();
    return data_;
  }

  /// What kernels take.   Errors:  TypeError if T is not the dtype, ShapeError if R is not the
  /// rank.
  template <Element T, std::size_t R>
  View<const T, R> view() const {
    return make_view<const T, R>(data<T>());
  }
  template <Element T, std::size_t R>
  View<T, R> view() {
    return make_view<T, R>(data<T>());
  }

  /// The elements of a contiguous tensor.   Errors:  TypeError, ShapeError if not contiguous.
  template <Element T>
  std::span<const T> span() const {
    CFM_CHECK(is_contiguous(), "span: needs a contiguous tensor", *this);
    return {data<T>(), static_cast<std::size_t>(size())};
  }
  template <Element T>
  std::span<T> span() {
    CFM_CHECK(is_contiguous(), "span: needs a contiguous tensor", *this);
    return {data<T>(), static_cast<std::size_t>(size())};
  }

  /// The only element.   Errors:  TypeError, ShapeError if there is not exactly one.
  template <Element T>
  T item() const {
    CFM_CHECK(size() == 1, "item: needs exactly one element", *this);
    return *data<T>();
  }

  // Other views of the same elements. None copies; all throw ShapeError on what does not fit.
  Tensor select(int dim, Index index) const;                            ///< drops `dim`
  Tensor slice(int dim, Index begin, Index end, Index step = 1) const;  ///< begin .. end, end out
  Tensor transpose(int a, int b) const;                                 ///< swaps two dimensions
  Tensor permute(const Extents& order) const;                           ///< reorders dimensions
  Tensor expand(const Shape& shape) const;                              ///< broadcasts, stride 0
  Tensor squeeze(int dim) const;                                        ///< drops a dimension of 1
  Tensor unsqueeze(int dim) const;                                      ///< inserts one of 1

  /// The same elements in another shape (one extent may be -1). Shares if this tensor is
  /// contiguous, else copies; the result is contiguous.
  Tensor reshape(const Extents& shape) const;
  /// This tensor if it is contiguous, else a dense copy.
  Tensor contiguous() const;
  /// A dense copy with memory of its own.
  Tensor clone() const;
  /// Elements converted to another type; shares if it is the same.
  Tensor to(DType dtype) const;
  /// Writes the elements of `source`, broadcast to this shape, into this tensor.
  void copy_from(const Tensor& source);
  /// Writes `value`, converted, everywhere.
  void fill(double value);

 private:
  template <class T, std::size_t R>
  View<T, R> make_view(T* data) const {
    CFM_CHECK(rank() == static_cast<int>(R), concat("view: wanted rank ", R), *this);
    View<T, R> out;
    out.data = data;
    for (std::size_t d = 0; d < R; ++d) {
      out.extent[d] = shape_[static_cast<int>(d)];
      out.stride[d] = strides_[static_cast<int>(d)];
    }
    return out;
  }

  // All of a dense storage.
  Tensor(Storage storage, const Shape& shape, DType dtype)
      : storage_(std::move(storage)),
        data_(storage_.data()),
        shape_(shape),
        strides_(row_major(shape)),
        dtype_(dtype) {}

  Tensor with(const Shape& shape, const Strides& strides, Index offset = 0) const {
    Tensor out = *this;
    out.shape_ = shape;
    out.strides_ = strides;
    out.data_ += offset * size_of(dtype_);
    return out;
  }

  void prepare_write() {
    if (!storage_.writable()) *this = clone();
    storage_.bump_version();
  }

  Storage storage_;
  std::byte* data_ = nullptr;
  Shape shape_;
  Strides strides_;
  DType dtype_ = DType::f32;
};

/// "f32[2, 3]"
inline void append_text(std::string& out, const Tensor& t) {
  append_text(out, t.dtype());
  append_text(out, t.shape());
}

namespace detail {
template <>
inline constexpr CheckKind check_kind<Tensor> = CheckKind::shape;
}

CFM_NAMESPACE_END

#include <cfm/tensor/tensor-inl.hpp>
