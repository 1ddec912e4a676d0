#pragma once
/// @file  The one mutable global of cfm: a bounded pool of buffers that counts its bytes.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Bytes that tensors hold now and held at most.
struct PoolUsage {
  Index current = 0;  ///< bytes in live buffers, rounded as allocated
  Index peak = 0;     ///< the largest `current` since the last reset_peak
  Index cached = 0;   ///< bytes kept for reuse; never more than the bound
};

/// Buffers of tensors and scratch, 64-byte aligned. Freed buffers are kept for reuse up to a
/// bound, in size classes of four to a doubling, so that a training step that repeats itself asks
/// the system for nothing. Thread-safe.
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
    count(static_cast<Index>(c.bytes));
    {
      Bin& bin = bins_[c.bin];
      const std::lock_guard lock(bin.mutex);
      if (!bin.free.empty()) {
        void* buffer = bin.free.back();
        bin.free.pop_back();
        cached_.fetch_sub(static_cast<Index>(c.bytes), std::memory_order_relaxed);
        return buffer;
      }
    }
    try {
      return ::operator new(c.bytes, std::align_val_t{alignment});
    } catch (const std::bad_alloc&) {
      trim();
      try {
        return ::operator new(c.bytes, std::align_val_t{alignment});
      } catch (...) {
        current_.fetch_sub(static_cast<Index>(c.bytes), std::memory_order_relaxed);
        throw;
      }
    }
  }

  /// Takes back what allocate(bytes) gave.
  void release(void* buffer, std::size_t bytes) noexcept {
    const Class c = size_class(bytes);
    const Index size = static_cast<Index>(c.bytes);
    current_.fetch_sub(size, std::memory_order_relaxed);
    if (cached_.fetch_add(size, std::memory_order_relaxed) + size <=
        bound_.load(std::memory_order_relaxed)) {
      Bin& bin = bins_[c.bin];
      const std::lock_guard lock(bin.mutex);
      try {
        bin.free.push_back(buffer);
        return;
      } catch (...) {  // no memory for the list: give the buffer back instead
      }
    }
    cached_.fetch_sub(size, std::memory_order_relaxed);
    ::operator delete(buffer, std::align_val_t{alignment});
  }

  PoolUsage usage() const {
    return {current_.load(std::memory_order_relaxed), peak_.load(std::memory_order_relaxed),
            cached_.load(std::memory_order_relaxed)};
  }

  /// Starts a new stage: the peak becomes what is held now.
  void reset_peak() {
    peak_.store(current_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

  /// The most bytes to keep for reuse (256 MiB at the start). A smaller bound trims.
  void set_bound(Index bytes) {
    bound_.store(bytes, std::memory_order_relaxed);
    if (cached_.load(std::memory_order_relaxed) > bytes) trim();
  }

  /// Gives all cached buffers back to the system.
  void trim() noexcept {
    for (std::size_t b = 0; b < bins_.size(); ++b) {
      const std::lock_guard lock(bins_[b].mutex);
      for (void* buffer : bins_[b].free) ::operator delete(buffer, std::align_val_t{alignment});
      cached_.fetch_sub(static_cast<Index>(bins_[b].free.size() * bin_bytes(b)),
                        std::memory_order_relaxed);
      bins_[b].free.clear();
    }
  }

 private:
  struct Bin {
    std::mutex mutex;
    std::vector<void*> free;
  };
  struct Class {
    std::size_t bin;
    std::size_t bytes;
  };

  // Four classes to a doubling from 64 bytes on: at most a quarter is wasted. From 1 MiB on, where
  // a quarter would hurt, sixteen.
  static constexpr std::size_t small_log = 6, large_log = 20;
  static constexpr std::size_t small_bins = 4 * (large_log - small_log);
  static constexpr std::size_t bin_count = small_bins + 16 * (60 - large_log) + 1;

  static Class size_class(std::size_t bytes) {
    if (bytes <= std::size_t{1} << small_log) return {0, std::size_t{1} << small_log};
    if (bytes > std::size_t{1} << 59) throw std::bad_alloc();
    const std::size_t log = std::bit_width(bytes - 1) - 1;  // 2^log < bytes <= 2^(log+1)
    const bool large = log >= large_log;
    const std::size_t parts = large ? 16 : 4, step = (std::size_t{1} << log) / parts;
    const std::size_t part = (bytes - (std::size_t{1} << log) + step - 1) / step;
    const std::size_t bin = large ? small_bins + 16 * (log - large_log) + part
                                  : 4 * (log - small_log) + part;
    return {bin, (std::size_t{1} << log) + part * step};
  }

  static std::size_t bin_bytes(std::size_t bin) {
    const bool large = bin > small_bins;
    const std::size_t b = large ? bin - small_bins : bin, parts = large ? 16 : 4;
    const std::size_t log = b / parts + (large ? large_log : small_log);
    return (std::size_t{1} << log) + (b % parts) * ((std::size_t{1} << log) / parts);
  }

  void count(Index bytes) {
    const Index now = current_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    Index peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }

  std::array<Bin, bin_count> bins_;
  std::atomic<Index> current_{0}, peak_{0}, cached_{0}, bound_{Index{256} << 20};
};

CFM_NAMESPACE_END
