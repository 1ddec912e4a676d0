#pragma once
/// @file  Loops over index ranges in the caller's TBB arena. The only header that runs threads.

#include <algorithm>
#include <utility>
#include <vector>

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Indices a chunk of about `bytes` bytes holds when one index touches `bytes_per_index`.
constexpr Index grain_for(Index bytes_per_index, Index bytes = Index{1} << 16) {
  return std::max<Index>(1, bytes / std::max<Index>(1, bytes_per_index));
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Calls back for chunks of [0, n). Not a template: TBB's machinery is compiled once in a unit, not
// once for every loop body. Tagged, because code of TBB becomes part of it.
inline void run_chunks(Index n, Index grain, Index chunks,
                       void (*call)(const void* body, Index begin, Index end), const void* body) {
  tbb::parallel_for(
      tbb::blocked_range<Index>(0, chunks, 1),
      [=](const tbb::blocked_range<Index>& range) {
        for (Index c = range.begin(); c < range.end(); ++c)
          call(body, c * grain, c * grain + std::min(grain, n - c * grain));
      },
      tbb::auto_partitioner());
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END

CFM_NAMESPACE_BEGIN

/// f(begin, end) for consecutive chunks of [0, n), `grain` indices each, in any order, on any
/// thread of the caller's arena. A range of one chunk runs right here without touching TBB.
/// Order:   chunk bounds depend on n and grain only. f must write what belongs to its chunk alone.
/// Errors:  the first exception of a chunk reaches the caller; chunks not yet begun do not run.
template <class F>
void parallel_for(Index n, Index grain, const F& f) {
  if (n <= 0) return;
  grain = std::max<Index>(1, grain);
  const Index chunks = (n - 1) / grain + 1;
  if (chunks == 1) return static_cast<void>(f(Index{0}, n));
  const auto call = [](const void* body, Index begin, Index end) {
    (*static_cast<const F*>(body))(begin, end);
  };
  isa_detail::run_chunks(n, grain, chunks, call, &f);
}

/// combine(.. combine(combine(init, f(chunk 0)), f(chunk 1)) .., f(last chunk)).
/// Order:   chunks as in parallel_for, combined from first to last: same bits for any threads.
template <class T, class F, class Combine>
T parallel_reduce(Index n, Index grain, T init, const F& f, const Combine& combine) {
  if (n <= 0) return init;
  grain = std::max<Index>(1, grain);
  const Index chunks = (n - 1) / grain + 1;
  if (chunks == 1) return combine(std::move(init), f(Index{0}, n));
  std::vector<T> partial(static_cast<std::size_t>(chunks), init);
  parallel_for(chunks, 1, [&](Index begin, Index end) {
    for (Index c = begin; c < end; ++c)
      partial[static_cast<std::size_t>(c)] =
          f(c * grain, c * grain + std::min(grain, n - c * grain));
  });
  T out = std::move(init);
  for (T& p : partial) out = combine(std::move(out), std::move(p));
  return out;
}

CFM_NAMESPACE_END
