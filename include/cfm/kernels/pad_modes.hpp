#pragma once
/// @file  Tensors continued beyond their edges by their own elements.

#include <cfm/kernels/gather.hpp>

CFM_NAMESPACE_BEGIN

/// What stands beyond the edge of a b c d:  edge d d d, reflect c b a, wrap a b c.
enum class PadMode { edge, reflect, wrap };

namespace detail {

// Where position i, which may lie outside, is taken from in an extent of n.
inline Index padded_source(PadMode mode, Index i, Index n) {
  if (mode == PadMode::edge) return std::clamp<Index>(i, 0, n - 1);
  const Index period = mode == PadMode::wrap ? n : std::max<Index>(1, 2 * (n - 1));
  const Index at = ((i % period) + period) % period;
  return at < n ? at : period - at;
}

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// `x` with before[d] and after[d] more elements in dimension d, or fewer if they are negative,
/// taken from itself. Amounts beyond the extent go round again.
/// Errors:  ShapeError if an extent would become negative, or has no element to continue with.
inline Tensor pad(const Tensor& x, const Extents& before, const Extents& after, PadMode mode) {
  CFM_CHECK(before.rank() == x.rank() && after.rank() == x.rank(),
            "pad: one amount a dimension on each side", x, before, after);
  Tensor out = x;
  for (int d = 0; d < x.rank(); ++d) {
    if (before[d] == 0 && after[d] == 0) continue;
    constexpr Index most = Index{1} << 60;  // no sum below overflows
    CFM_CHECK(-most < before[d] && before[d] < most && -most < after[d] && after[d] < most,
              "pad: too many elements", x, before, after);
    const Index n = x.shape()[d], all = n + before[d] + after[d];
    CFM_CHECK(all >= 0, "pad: takes away more than there is", x, before, after);
    CFM_CHECK(n > 0 || all == 0, "pad: there is no element to continue with", x, before, after);
    Tensor places = Tensor::empty({all}, DType::i64);
    std::int64_t* const place = places.data<std::int64_t>();
    for (Index i = 0; i < all; ++i) place[i] = detail::padded_source(mode, i - before[d], n);
    out = gather_rows(out.transpose(0, d), places).transpose(0, d);
  }
  return out.contiguous();
}

CFM_ISA_NAMESPACE_END
