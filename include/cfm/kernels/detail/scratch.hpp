#pragma once
/// @file  Temporary memory of one call, from the pool.

#include <utility>

#include <cfm/tensor/pool.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// n elements, 64-byte aligned, not initialised, given back at the end of the scope.
template <class T>
class Scratch {
 public:
  explicit Scratch(Index n) : bytes_(static_cast<std::size_t>(n) * sizeof(T)) {
    if (n > 0) data_ = static_cast<T*>(BufferPool::instance().allocate(bytes_));
  }
  ~Scratch() {
    if (data_ != nullptr) BufferPool::instance().release(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  std::size_t bytes_;
};

}  // namespace detail
CFM_NAMESPACE_END
