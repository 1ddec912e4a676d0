#pragma once
/// @file  Working memory of kernels, from the pool.

#include <span>
#include <type_traits>
#include <utility>

#include <cfm/core/checked.hpp>
#include <cfm/core/error.hpp>
#include <cfm/tensor/pool.hpp>

CFM_NAMESPACE_BEGIN

/// `n` elements of working memory, 64-byte aligned, not initialised, given back at the end of the
/// scope. Movable, not copyable. Allocate once a call or once a chunk, not once a row.
/// Errors:  Error for a negative or impossible size, std::bad_alloc.
/// Cost:    about 15 ns where the pool has a buffer of this size.
template <class T>
requires std::is_trivially_copyable_v<T>
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(Index n) {
    const auto bytes = checked_mul(n, static_cast<Index>(sizeof(T)));
    CFM_CHECK(n >= 0 && bytes, "scratch: impossible number of elements", n);
    if (n == 0) return;
    data_ = static_cast<T*>(BufferPool::instance().allocate(static_cast<std::size_t>(*bytes)));
    size_ = n;
  }
  Scratch(Scratch&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Scratch& operator=(Scratch other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Scratch() {
    if (data_) BufferPool::instance().release(data_, static_cast<std::size_t>(size_) * sizeof(T));
  }

  T* data() const { return data_; }
  Index size() const { return size_; }
  std::span<T> span() const { return {data_, static_cast<std::size_t>(size_)}; }
  T& operator[](Index i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

CFM_NAMESPACE_END
