#pragma once
/// @file  Extents of a tensor, inline and of run-time rank.

#include <array>
#include <initializer_list>
#include <span>
#include <string>

#include <cfm/core/checked.hpp>
#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

/// The largest rank of a tensor.
inline constexpr int max_rank = 8;

/// Up to eight numbers, inline: extents or strides.
class Extents {
 public:
  constexpr Extents() = default;
  constexpr Extents(std::initializer_list<Index> values)
      : Extents(std::span(values.begin(), values.size())) {}
  constexpr explicit Extents(std::span<const Index> values) {
    const std::size_t rank = values.size();
    CFM_CHECK(rank <= max_rank, "shape: rank is at most 8, got", rank);
    for (Index v : values) values_[static_cast<std::size_t>(rank_++)] = v;
  }

  constexpr int rank() const { return rank_; }
  constexpr Index operator[](int dim) const { return values_[static_cast<std::size_t>(dim)]; }
  constexpr Index& operator[](int dim) { return values_[static_cast<std::size_t>(dim)]; }
  constexpr const Index* begin() const { return values_.data(); }
  constexpr const Index* end() const { return values_.data() + rank_; }
  constexpr Index back() const { return (*this)[rank_ - 1]; }
  constexpr std::span<const Index> span() const { return {begin(), end()}; }

  /// One more at the end.
  constexpr void push_back(Index value) {
    CFM_CHECK(rank_ < max_rank, "shape: rank is at most 8");
    values_[static_cast<std::size_t>(rank_++)] = value;
  }

  friend constexpr bool operator==(const Extents& a, const Extents& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  std::array<Index, max_rank> values_{};
  int rank_ = 0;
};

/// Elements to step for one step in each dimension.
using Strides = Extents;

/// Extents of a tensor: none negative, and their product fits an Index (also where one is zero,
/// the product of the others).
class Shape : public Extents {
 public:
  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<Index> values) : Extents(values) { check(); }
  constexpr explicit Shape(std::span<const Index> values) : Extents(values) { check(); }
  constexpr explicit Shape(const Extents& values) : Extents(values) { check(); }

  /// Number of elements; 1 for rank 0.
  constexpr Index size() const {
    Index n = 1;
    for (Index e : *this) n *= e;
    return n;
  }

 private:
  constexpr void check() const;
};

inline void append_text(std::string& out, const Extents& extents) {
  out += '[';
  for (int i = 0; i < extents.rank(); ++i) {
    if (i > 0) out += ", ";
    append_text(out, extents[i]);
  }
  out += ']';
}

namespace detail {
template <>
inline constexpr CheckKind check_kind<Extents> = CheckKind::shape;
template <>
inline constexpr CheckKind check_kind<Shape> = CheckKind::shape;
}  // namespace detail

constexpr void Shape::check() const {
  Index n = 1;
  for (Index e : *this) {
    CFM_CHECK(e >= 0, "shape: an extent is negative", static_cast<const Extents&>(*this));
    const auto product = checked_mul(n, e == 0 ? Index{1} : e);
    CFM_CHECK(product && *product <= Index{1} << 59, "shape: too many elements",
              static_cast<const Extents&>(*this));
    n = *product;
  }
}

/// Strides of a dense tensor with the last dimension fastest.
constexpr Strides row_major(const Shape& shape) {
  Strides strides = shape;
  Index step = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[d] = step;
    step *= shape[d] == 0 ? 1 : shape[d];
  }
  return strides;
}

/// A dimension counted from the front. Negative ones count from the back.
/// Errors:  Error if out of range.
inline int normalize_dim(int dim, int rank, std::string_view op) {
  const int limit = rank == 0 ? 1 : rank;
  if (dim < -limit || dim >= limit)
    throw_error<ShapeError>(op, ": dimension ", dim, " is outside rank ", rank);
  return dim < 0 ? dim + limit : dim;
}

/// The shape that both broadcast to by NumPy's rule: aligned at the back, 1 stretches.
/// Errors:  ShapeError if two extents differ and neither is 1.
inline Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Extents out;
  for (int d = 0; d < rank; ++d) {
    const int i = d - (rank - a.rank()), j = d - (rank - b.rank());
    const Index x = i < 0 ? 1 : a[i], y = j < 0 ? 1 : b[j];
    CFM_CHECK(x == y || x == 1 || y == 1, "broadcast: shapes do not fit", a, b);
    out.push_back(x == 1 ? y : x);
  }
  return Shape(out);
}

CFM_NAMESPACE_END
