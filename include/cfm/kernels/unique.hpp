#pragma once
/// @file  The different elements, or slices, of a tensor.

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include <cfm/kernels/gather.hpp>

CFM_NAMESPACE_BEGIN

/// What `unique` finds.
struct UniqueResult {
  Tensor values;   ///< the different elements or slices, in ascending order
  Tensor first;    ///< i64 [count]: where each was met first
  Tensor inverse;  ///< i64: which of them each element or slice of x is
  Tensor counts;   ///< i64 [count]: how often each was met
};

namespace detail {

// -1, 0, 1; NaN equals NaN and comes last.
template <class T>
int order_of(T a, T b) {
  if (a < b) return -1;
  if (b < a) return 1;
  return static_cast<int>(a != a) - static_cast<int>(b != b);
}

// Rows of [n, width] grouped: their order, and which group each row is in.
template <class T>
void group_rows(const T* rows, Index width, std::vector<Index>& order, std::vector<Index>& group) {
  const auto compare = [&](Index a, Index b) {
    for (Index j = 0; j < width; ++j)
      if (const int c = order_of(rows[a * width + j], rows[b * width + j]); c != 0) return c;
    return 0;
  };
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return compare(a, b) < 0; });
  Index current = -1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || compare(order[i - 1], order[i]) != 0) ++current;
    group[static_cast<std::size_t>(order[i])] = current;
  }
}

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The different elements of x in ascending order; with a dimension, the different slices across
/// it, compared from their first element on. NaN is one value and the largest.
/// Shapes:  values [count], inverse as x; with a dimension values [.., count, ..] and inverse
///          [extent].
/// Errors:  ShapeError for a dimension outside the rank.
/// Cost:    n log n comparisons.
inline UniqueResult unique(const Tensor& x, std::optional<int> dim = std::nullopt) {
  const int at = dim ? normalize_dim(*dim, x.rank(), "unique") : 0;
  const bool slices = dim.has_value() && x.rank() > 0;
  const Tensor front = slices ? x.transpose(0, at).contiguous() : x.reshape({-1});
  const Index n = front.size(0), width = n == 0 ? 0 : front.size() / n;
  const auto count = static_cast<std::size_t>(n);
  std::vector<Index> order(count), group(count);
  std::iota(order.begin(), order.end(), Index{0});
  const auto run = [&]<class T>(std::type_identity<T>) {  // types that hold every element exactly
    const Tensor keys = front.to(dtype_of<T>);
    detail::group_rows(keys.data<T>(), width, order, group);
  };
  if (is_floating(x.dtype()))
    run(std::type_identity<double>{});
  else if (x.dtype() == DType::u64)
    run(std::type_identity<std::uint64_t>{});
  else
    run(std::type_identity<std::int64_t>{});
  std::vector<Index> first, counts;
  for (Index i : order) {  // equal rows keep their order: the first one leads its group
    if (static_cast<std::size_t>(group[static_cast<std::size_t>(i)]) == first.size()) {
      first.push_back(i);
      counts.push_back(0);
    }
    ++counts.back();
  }
  const Shape found{static_cast<Index>(first.size())};
  UniqueResult out;
  out.first = Tensor::from(first, found);
  out.counts = Tensor::from(counts, found);
  out.inverse = Tensor::from(group, slices ? Shape{n} : x.shape());
  const Tensor values = gather_rows(front, out.first);
  out.values = slices ? values.transpose(0, at).contiguous() : values;
  return out;
}

CFM_ISA_NAMESPACE_END
