#pragma once
/// @file  The one mutable global of cfm: a bounded pool of buffers that counts its bytes.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <new>

#include <sched.h>
#include <sys/mman.h>
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Bytes that tensors hold now and held at most.
struct PoolUsage {
  Index current = 0;  ///< bytes in live buffers, rounded as allocated
  Index peak = 0;     ///< the largest `current` since the last reset_peak
  Index cached = 0;   ///< bytes kept for reuse; never more than the bound
};

namespace detail {

// For the few instructions of a free list: never held over a call that may block.
class SpinLock {
 public:
  void lock() noexcept {
    for (int spins = 0; held_.exchange(true, std::memory_order_acquire);)
      while (held_.load(std::memory_order_relaxed))
        if (++spins > 64) sched_yield();  // the holder may have lost its core
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

class SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~SpinGuard() { lock_.unlock(); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
};

// Under AddressSanitizer a buffer in the pool, and the slack behind a buffer in use, may not be
// touched; otherwise nothing.
inline void forbid([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(ASAN_POISON_MEMORY_REGION)
  ASAN_POISON_MEMORY_REGION(begin, bytes);
#endif
}
inline void permit([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(ASAN_UNPOISON_MEMORY_REGION)
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#endif
}

// Asks for 2 MiB pages under a large buffer: rows gathered at random from 4 KiB pages miss the TLB
// each time, and touching fresh memory costs a fault a page. Only advice; a refusal is no error.
inline void advise_huge_pages([[maybe_unused]] void* buffer,
                              [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  constexpr std::size_t huge = std::size_t{1} << 21;
  if (bytes < 4 * huge) return;
  const auto address = reinterpret_cast<std::uintptr_t>(buffer);
  const std::uintptr_t begin = (address + huge - 1) / huge * huge;
  const std::uintptr_t end = (address + bytes) / huge * huge;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// Free buffers by size class, linked through their own first bytes. The owner holds the lock.
template <std::size_t Bins>
class Shelf {
 public:
  SpinLock lock;
  std::atomic<Index> limit{0};
  Index cached = 0;

  void* take(std::size_t bin, Index bytes) noexcept {
    Link* const link = free_[bin];
    if (link == nullptr) return nullptr;
    free_[bin] = link->next;
    cached -= bytes;
    return link;
  }

  bool put(void* buffer, std::size_t bin, Index bytes) noexcept {
    if (cached + bytes > limit.load(std::memory_order_relaxed)) return false;
    free_[bin] = new (buffer) Link{free_[bin]};
    // Not the link itself: the leak checker follows it.
    forbid(free_[bin] + 1, static_cast<std::size_t>(bytes) - sizeof(Link));
    cached += bytes;
    return true;
  }

  // Calls free(buffer) on everything.
  template <class Free>
  void clear(const Free& free) noexcept {
    for (std::size_t bin = 0; bin < Bins; ++bin)
      while (void* buffer = take(bin, 0)) free(buffer);
    cached = 0;
  }

 private:
  struct Link {
    Link* next;
  };
  std::array<Link*, Bins> free_{};
};

}  // namespace detail

/// Buffers of tensors and scratch, 64-byte aligned. Freed buffers are kept for reuse up to a
/// bound, in size classes of four to a doubling, so that a training step that repeats itself asks
/// the system for nothing. Thread-safe: each thread has a shard for small buffers, all share one
/// shelf for the rest, and no lock is held while the system is asked.
class BufferPool {
 public:
  /// Every buffer starts at a multiple of this.
  static constexpr std::size_t alignment = 64;

  /// The pool of the process.
  static BufferPool& instance() {
    // Never destroyed: tensors in other globals may outlive any order of destruction.
    static BufferPool* const pool = new BufferPool;
    return *pool;
  }

  /// At least `bytes` bytes.   Errors:  std::bad_alloc.
  void* allocate(std::size_t bytes) {
    const Class c = size_class(bytes);
    void* const buffer = find(c);
    detail::permit(buffer, bytes);
    detail::forbid(static_cast<std::byte*>(buffer) + bytes, c.bytes - bytes);
    return buffer;
  }

  /// Takes back what allocate(bytes) gave.
  void release(void* buffer, std::size_t bytes) noexcept {
    const Class c = size_class(bytes);
    const Index size = static_cast<Index>(c.bytes);
    detail::permit(buffer, c.bytes);
    {
      Shard& shard = own_shard();
      const detail::SpinGuard guard(shard.shelf.lock);
      count(shard, -size);
      if (c.bin < shard_bins && shard.shelf.put(buffer, c.bin, size)) return;
    }
    {
      const detail::SpinGuard guard(shared_.lock);
      if (shared_.put(buffer, c.bin, size)) return;
    }
    ::operator delete (buffer, std::align_val_t{alignment});
  }

  /// Exact for `current` while no other thread allocates. `peak` is exact for one thread; each
  /// further thread may make it wrong by 64 KiB.
  PoolUsage usage() {
    Index cached = 0;
    for (Shard& shard : shards_) {
      const detail::SpinGuard guard(shard.shelf.lock);
      report(shard);
      cached += shard.shelf.cached;
    }
    const detail::SpinGuard guard(shared_.lock);
    return {current_.load(std::memory_order_relaxed), peak_.load(std::memory_order_relaxed),
            cached + shared_.cached};
  }

  /// Starts a new stage: the peak becomes what is held now.
  void reset_peak() { peak_.store(usage().current, std::memory_order_relaxed); }

  /// The most bytes to keep for reuse (256 MiB at the start). A smaller bound trims.
  void set_bound(Index bytes) {
    bytes = std::max<Index>(0, bytes);
    const Index small = std::min(bytes / (2 * shard_count), Index{1} << 20);
    bound_.store(bytes, std::memory_order_relaxed);
    for (Shard& shard : shards_) set_limit(shard.shelf, small);
    set_limit(shared_, bytes - shard_count * small);
  }
  Index bound() const { return bound_.load(std::memory_order_relaxed); }

  /// Gives all cached buffers back to the system.
  void trim() noexcept {
    for (Shard& shard : shards_) clear(shard.shelf);
    clear(shared_);
  }

 private:
  struct Class {
    std::size_t bin;
    std::size_t bytes;
  };

  // Four classes to a doubling from 64 bytes on: at most a quarter is wasted. From 1 MiB on, where
  // a quarter would hurt, sixteen. Shards keep buffers of up to 64 KiB.
  static constexpr std::size_t small_log = 6, shard_log = 16, large_log = 20;
  static constexpr std::size_t shard_bins = 4 * (shard_log - small_log) + 1;
  static constexpr std::size_t small_bins = 4 * (large_log - small_log);
  static constexpr std::size_t bin_count = small_bins + 16 * (60 - large_log) + 1;
  static constexpr Index shard_count = 16;

  struct alignas(128) Shard {
    detail::Shelf<shard_bins> shelf;
    // Bytes that the pool's counters do not know of yet, and the most there were: one atomic
    // addition a 64 KiB instead of one a buffer.
    Index pending = 0;
    Index highest = 0;
  };

  BufferPool() { set_bound(Index{256} << 20); }

  static Class size_class(std::size_t bytes) {
    if (bytes <= std::size_t{1} << small_log) return {0, std::size_t{1} << small_log};
    if (bytes > std::size_t{1} << 59) throw std::bad_alloc();
    const auto log = static_cast<std::size_t>(std::bit_width(bytes - 1) - 1);
    const bool large = log >= large_log;  // 2^log < bytes <= 2^(log + 1)
    const std::size_t parts_log = large ? 4 : 2, step_log = log - parts_log;
    const std::size_t low = std::size_t{1} << log;
    const std::size_t part = (bytes - low + (std::size_t{1} << step_log) - 1) >> step_log;
    const std::size_t bin =
        large ? small_bins + 16 * (log - large_log) + part : 4 * (log - small_log) + part;
    return {bin, low + (part << step_log)};
  }

  // Threads are spread over the shards in the order of their first buffer.
  Shard& own_shard() noexcept {
    static constinit thread_local unsigned number = 0;
    if (number == 0) number = 1 + threads_.fetch_add(1, std::memory_order_relaxed);
    return shards_[number % shard_count];
  }

  void* find(Class c) {
    const Index size = static_cast<Index>(c.bytes);
    Shard& shard = own_shard();
    if (c.bin < shard_bins) {
      const detail::SpinGuard guard(shard.shelf.lock);
      if (void* buffer = shard.shelf.take(c.bin, size)) {
        count(shard, size);
        return buffer;
      }
    }
    void* const buffer = find_shared(c);
    const detail::SpinGuard guard(shard.shelf.lock);
    count(shard, size);
    return buffer;
  }

  void* find_shared(Class c) {
    {
      const detail::SpinGuard guard(shared_.lock);
      if (void* buffer = shared_.take(c.bin, static_cast<Index>(c.bytes))) return buffer;
    }
    constexpr std::align_val_t align{alignment};
    void* buffer = ::operator new(c.bytes, align, std::nothrow);
    if (buffer == nullptr) {
      trim();
      buffer = ::operator new(c.bytes, align);
    }
    detail::advise_huge_pages(buffer, c.bytes);
    return buffer;
  }

  void count(Shard& shard, Index bytes) noexcept {
    constexpr Index most = Index{1} << 16;
    shard.pending += bytes;
    shard.highest = std::max(shard.highest, shard.pending);
    if (shard.pending > most || shard.pending < -most) report(shard);
  }

  void report(Shard& shard) noexcept {
    const Index before = current_.fetch_add(shard.pending, std::memory_order_relaxed);
    const Index highest = before + shard.highest;
    Index peak = peak_.load(std::memory_order_relaxed);
    while (highest > peak &&
           !peak_.compare_exchange_weak(peak, highest, std::memory_order_relaxed)) {
    }
    shard.pending = shard.highest = 0;
  }

  template <std::size_t Bins>
  static void clear(detail::Shelf<Bins>& shelf) noexcept {
    const detail::SpinGuard guard(shelf.lock);
    shelf.clear([](void* buffer) { ::operator delete (buffer, std::align_val_t{alignment}); });
  }

  template <std::size_t Bins>
  static void set_limit(detail::Shelf<Bins>& shelf, Index bytes) noexcept {
    shelf.limit.store(bytes, std::memory_order_relaxed);
    bool over = false;
    {
      const detail::SpinGuard guard(shelf.lock);
      over = shelf.cached > bytes;
    }
    if (over) clear(shelf);
  }

  std::array<Shard, shard_count> shards_;
  detail::Shelf<bin_count> shared_;
  std::atomic<Index> current_{0}, peak_{0}, bound_{0};
  std::atomic<unsigned> threads_{0};
};

CFM_NAMESPACE_END
