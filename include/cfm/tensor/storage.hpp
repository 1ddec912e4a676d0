#pragma once
/// @file  The shared memory behind tensors.

#include <atomic>
#include <functional>
#include <utility>

#include <cfm/core/error.hpp>
#include <cfm/tensor/pool.hpp>

CFM_NAMESPACE_BEGIN

/// A counted reference to a block of bytes. Copies share it; the last one frees it. Owned memory
/// comes from the pool; foreign memory (a host program's, a file mapping's) comes with a deleter.
/// Every write access bumps the version, by which autograd notices stale saved tensors.
class Storage {
 public:
  Storage() = default;

  /// New memory, not initialised.
  static Storage allocate(std::size_t bytes) {
    void* memory = BufferPool::instance().allocate(sizeof(Block) + bytes);
    auto* block = new (memory) Block;
    block->data = static_cast<std::byte*>(memory) + sizeof(Block);
    block->bytes = bytes;
    return Storage(block);
  }

  /// Memory of somebody else, freed by `deleter` (which may be empty). With `writable` false
  /// tensors copy it before they write.
  static Storage foreign(void* data, std::size_t bytes, std::function<void()> deleter,
                         bool writable = true) {
    void* memory = BufferPool::instance().allocate(sizeof(Block));
    auto* block = new (memory) Block;
    block->data = static_cast<std::byte*>(data);
    block->bytes = bytes;
    block->owned = false;
    block->writable = writable;
    block->deleter = std::move(deleter);
    return Storage(block);
  }

  Storage(const Storage& other) noexcept : block_(other.block_) {
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Storage(Storage&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Storage& operator=(Storage other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Storage() {
    // The only holder needs no locked instruction: nobody else can take a reference any more.
    if (block_ && (block_->references.load(std::memory_order_acquire) == 1 ||
                   block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1))
      destroy(block_);
  }

  explicit operator bool() const { return block_ != nullptr; }
  std::byte* data() const { return block_ ? block_->data : nullptr; }
  std::size_t bytes() const { return block_ ? block_->bytes : 0; }
  bool writable() const { return !block_ || block_->writable; }

  /// The only reference there is.
  bool unique() const { return block_ && block_->references.load(std::memory_order_acquire) == 1; }

  /// Counts the write accesses so far.
  std::uint64_t version() const {
    return block_ ? block_->version.load(std::memory_order_relaxed) : 0;
  }
  void bump_version() const {
    if (block_) block_->version.fetch_add(1, std::memory_order_relaxed);
  }

  /// The same memory, whatever tensor looks at it. Parameters are known by it.
  friend bool operator==(const Storage& a, const Storage& b) { return a.block_ == b.block_; }
  const void* identity() const { return block_; }

 private:
  struct alignas(BufferPool::alignment) Block {
    std::atomic<std::uint32_t> references{1};
    bool owned = true;
    bool writable = true;
    std::atomic<std::uint64_t> version{0};
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    std::function<void()> deleter;
  };

  explicit Storage(Block* block) : block_(block) {}

  static void destroy(Block* block) noexcept {
    const std::size_t bytes = sizeof(Block) + (block->owned ? block->bytes : 0);
    if (block->deleter) block->deleter();
    block->~Block();
    BufferPool::instance().release(block, bytes);
  }

  Block* block_ = nullptr;
};

CFM_NAMESPACE_END
