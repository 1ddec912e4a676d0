#pragma once
/// @file  Outputs so large that writing them past the caches is faster.

#include <cstdint>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/lanes-inl.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// A store past the caches does not read the line that it replaces: two thirds of the traffic of a
// copy. It also leaves nothing in the cache for who comes next, so small outputs are written as
// ever. bench/rows.cpp measures 1.3 to 1.5 times the rate at 128 MiB.
inline constexpr Index past_cache_bytes = Index{1} << 25;

/// True if rows of an output, `stride` elements apart, should be written past the caches. The
/// stores want whole vectors at their own alignment. Never for an output that is also an input:
/// its lines are in the cache already.
template <class T>
bool past_cache(const T* out, Index rows, Index cols, Index stride) {
  if (rows * cols * Index{sizeof(T)} < past_cache_bytes) return false;
  const auto lanes = static_cast<std::uintptr_t>(CFM_CALL(lanes_of)<T>());
  return reinterpret_cast<std::uintptr_t>(out) % (lanes * sizeof(T)) == 0 &&
         (rows == 1 || static_cast<std::uintptr_t>(stride) % lanes == 0);
}

/// f(begin, end) over chunks of [0, n) as parallel_for; what they stored past the caches is there
/// for everybody at the end.
template <class F>
void for_chunks_past_cache(Index n, Index grain, bool past, const F& f) {
  parallel_for(n, grain, [&](Index begin, Index end) {
    f(begin, end);
    if (past) CFM_CALL(finish_stores)();
  });
}

/// f(row) for every row, likewise.
template <class F>
void for_rows_past_cache(Index rows, Index bytes_per_row, bool past, const F& f) {
  for_chunks_past_cache(rows, grain_for(bytes_per_row), past, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) f(r);
  });
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
