#pragma once
/// @file  Slicing of several dimensions at once, by the rules of Python and NumPy.

#include <initializer_list>
#include <optional>
#include <span>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// begin:end:step. What is left out reaches to the edge; negative positions count from the back;
/// a negative step walks backwards.
struct Slice {
  std::optional<Index> begin = std::nullopt;
  std::optional<Index> end = std::nullopt;
  Index step = 1;
};

/// What happens to one dimension: a position (drops it) or a slice (keeps it).
class Pick {
 public:
  constexpr Pick(Index position) : slice_{position, position, 1}, drops_(true) {}  // NOLINT
  constexpr Pick(Slice slice) : slice_(slice) {}                                   // NOLINT

  constexpr bool drops() const { return drops_; }
  constexpr const Slice& slice() const { return slice_; }

 private:
  Slice slice_;
  bool drops_ = false;
};

namespace detail {

struct Walk {
  Index first;
  Index count;
};

// Where a slice starts in a dimension of n, and how many positions it visits.
constexpr Walk walk(const Slice& s, Index n) {
  const bool forward = s.step > 0;
  const Index low = forward ? 0 : -1, high = forward ? n : n - 1;
  const auto place = [&](std::optional<Index> at, Index missing) {
    if (!at) return missing;
    return std::clamp(*at < 0 ? *at + n : *at, low, high);
  };
  const Index first = place(s.begin, forward ? low : high);
  const Index last = place(s.end, forward ? high : low);
  const Index distance = forward ? last - first : first - last;
  if (distance <= 0) return {first, 0};
  // In unsigned numbers, where the most negative step has a magnitude.
  const auto step = forward ? static_cast<std::uint64_t>(s.step)
                            : std::uint64_t{0} - static_cast<std::uint64_t>(s.step);
  return {first, static_cast<Index>((static_cast<std::uint64_t>(distance) - 1) / step + 1)};
}

}  // namespace detail

/// The elements that the picks name, one pick a dimension from the front; dimensions without one
/// stay whole. Shares the elements. `slice(t, {2, Slice{.step = -1}})` is t[2, ::-1] in NumPy.
/// Errors:  ShapeError for more picks than dimensions or a position out of range, Error for step 0.
inline Tensor slice(const Tensor& t, std::span<const Pick> picks) {
  CFM_CHECK(picks.size() <= static_cast<std::size_t>(t.rank()), "slice: more picks than dimensions",
            t, picks.size());
  Extents shape, strides;
  Index offset = 0;
  for (int d = 0; d < t.rank(); ++d) {
    const Index n = t.shape()[d], stride = t.strides()[d];
    const auto at = static_cast<std::size_t>(d);
    if (at < picks.size() && picks[at].drops()) {
      const Index wanted = *picks[at].slice().begin, i = wanted < 0 ? wanted + n : wanted;
      CFM_CHECK(0 <= i && i < n, concat("slice: position ", wanted, " is out of range"), t);
      offset += i * stride;
      continue;
    }
    const Slice s = at < picks.size() ? picks[at].slice() : Slice{};
    CFM_CHECK(s.step != 0, "slice: the step must not be zero");
    const detail::Walk walk = detail::walk(s, n);
    shape.push_back(walk.count);
    strides.push_back(walk.count > 1 ? stride * s.step : stride);
    if (walk.count > 0) offset += walk.first * stride;
  }
  const Shape out(shape);
  if (out.size() == 0) return Tensor::empty(out, t.dtype());
  const Index start = t.bytes() - t.storage().data();
  return Tensor(t.storage(), t.dtype(), out, strides, start + offset * size_of(t.dtype()));
}
inline Tensor slice(const Tensor& t, std::initializer_list<Pick> picks) {
  return slice(t, std::span<const Pick>(picks.begin(), picks.size()));
}

/// The dimension backwards. Shares the elements.   Errors:  ShapeError.
inline Tensor flip(const Tensor& t, int dim) {
  CFM_CHECK(t.rank() > 0, "flip: needs at least one dimension", t);
  const int at = normalize_dim(dim, t.rank(), "flip");
  std::array<Pick, max_rank> picks{Slice{}, Slice{}, Slice{}, Slice{},
                                   Slice{}, Slice{}, Slice{}, Slice{}};
  picks[static_cast<std::size_t>(at)] = Slice{.step = -1};
  return slice(t, std::span<const Pick>(picks.data(), static_cast<std::size_t>(t.rank())));
}

CFM_NAMESPACE_END
