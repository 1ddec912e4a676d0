#pragma once
/// @file  What blocking needs to know about the memory of this machine. It may change the speed of
///        a kernel, never its result.

#include <algorithm>

#if defined(__linux__)
#include <unistd.h>
#endif

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Bytes of data caches; of the third level, all that the cores share.
struct CacheSizes {
  Index l1, l2, l3;
};

namespace detail {

// What the system says, if it is believable. Virtual machines may say nothing, or too much.
inline CacheSizes read_cache_sizes() {
  CacheSizes sizes{Index{32} << 10, Index{512} << 10, Index{8} << 20};
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const auto read = [](int name, Index& size, Index least, Index most) {
    const long value = ::sysconf(name);
    if (value > 0) size = std::clamp<Index>(value, least, most);
  };
  read(_SC_LEVEL1_DCACHE_SIZE, sizes.l1, Index{16} << 10, Index{256} << 10);
  read(_SC_LEVEL2_CACHE_SIZE, sizes.l2, Index{128} << 10, Index{4} << 20);
  read(_SC_LEVEL3_CACHE_SIZE, sizes.l3, Index{1} << 20, Index{64} << 20);
#endif
  return sizes;
}

inline bool read_reads_ahead() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  return __builtin_cpu_is("intel") == 0;
#else
  return true;
#endif
}

}  // namespace detail

/// The caches of this machine, asked once; values of a common small core where nothing is known.
inline const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = detail::read_cache_sizes();
  return sizes;
}

/// Whether the processor fetches several streams from memory at full speed by itself. Server cores
/// of Intel gain up to a fifth when software asks 1 or 2 KiB ahead; cores of AMD lose as much.
inline bool reads_ahead() {
  static const bool answer = detail::read_reads_ahead();
  return answer;
}

CFM_NAMESPACE_END
