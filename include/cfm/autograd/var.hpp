#pragma once
/// @file  A value on its way through a computation, with or without a tape behind it.

#include <utility>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

class Tape;

/// Where the gradient of a value is collected on its tape; negative: nowhere, it is a constant.
using GradSlot = std::int32_t;

/// A tensor and, if it was computed on a tape, its place there. Without a tape it is a constant,
/// and operations on constants record nothing: that is inference. Cheap to copy. A Var must not
/// be used after its tape is gone.
class Var {
 public:
  Var() = default;
  /// A constant. Implicit, so that tensors may stand wherever a Var is wanted.
  Var(Tensor value) : value_(std::move(value)) {}
  /// A value on a tape. For Tape and the operations alone.
  Var(Tensor value, Tape* tape, GradSlot slot)
      : value_(std::move(value)), tape_(tape), slot_(slot) {}

  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  DType dtype() const { return value_.dtype(); }
  int rank() const { return value_.rank(); }
  Index size() const { return value_.size(); }
  Index size(int dim) const { return value_.size(dim); }
  /// The only element.   Errors:  TypeError, ShapeError if there is not exactly one.
  template <Element T>
  T item() const {
    return value_.item<T>();
  }

  /// The tape that the value belongs to; null for a constant.
  Tape* tape() const { return tape_; }
  /// True if backward() computes a gradient for it.
  bool needs_grad() const { return slot_ >= 0; }
  GradSlot slot() const { return slot_; }

 private:
  Tensor value_;
  Tape* tape_ = nullptr;
  GradSlot slot_ = -1;
};

inline void append_text(std::string& out, const Var& v) { append_text(out, v.value()); }

namespace detail {
template <>
inline constexpr CheckKind check_kind<Var> = CheckKind::shape;
}

/// A tensor that a backward step needs. Reading it after its memory was written is an error.
class Saved {
 public:
  Saved() = default;
  explicit Saved(Tensor value) : value_(std::move(value)), version_(value_.storage().version()) {}
  explicit Saved(const Var& v) : Saved(v.value()) {}

  /// Errors:  Error if the memory was written since it was saved.
  const Tensor& operator*() const {
    CFM_CHECK(
        version_ == value_.storage().version(),
        concat("backward: a tensor that backward needs was written after it was used: ", value_));
    return value_;
  }
  const Tensor* operator->() const { return &**this; }

 private:
  Tensor value_;
  std::uint64_t version_ = 0;
};

CFM_NAMESPACE_END
