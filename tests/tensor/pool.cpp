#include <cfm/tensor/pool.hpp>

#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/tensor/tensor.hpp>

#include "../test.hpp"

// GCC says so by one macro, Clang by another.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CFM_TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CFM_TEST_SANITIZED
#endif
#endif

using namespace cfm;

namespace {

BufferPool& pool() { return BufferPool::instance(); }

// The pool is one for the process: every test leaves it as it was.
struct Bound {
  Index before = pool().bound();
  explicit Bound(Index bytes) { pool().set_bound(bytes); }
  ~Bound() { pool().set_bound(before); }
};

}  // namespace

TEST_CASE("pool: buffers of all sizes are aligned, disjoint, large enough, and counted") {
  Rng rng(1);
  struct Buffer {
    unsigned char* data;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Buffer> live;
  const Index before = pool().usage().current;
  for (int i = 0; i < 3000; ++i) {
    if (live.empty() || rng.uniform() < 0.55) {
      const auto bytes = static_cast<std::size_t>(std::exp2(rng.uniform(0, 21)));
      auto* data = static_cast<unsigned char*>(pool().allocate(bytes));
      if (reinterpret_cast<std::uintptr_t>(data) % BufferPool::alignment != 0) FAIL("not aligned");
      const auto mark = static_cast<unsigned char>(i);
      std::memset(data, mark, bytes);
      live.push_back({data, bytes, mark});
    } else {
      const std::size_t at = rng.below(live.size());
      const Buffer b = live[at];
      for (std::size_t k = 0; k < b.bytes; k += 61)
        if (b.data[k] != b.mark) FAIL("two buffers overlap");
      pool().release(b.data, b.bytes);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  Index asked = 0;
  for (const Buffer& b : live) asked += static_cast<Index>(b.bytes);
  const Index held = pool().usage().current - before;
  CHECK(held >= asked);
  CHECK(held <= asked * 5 / 4 + 64 * static_cast<Index>(live.size()));
  for (const Buffer& b : live) pool().release(b.data, b.bytes);
  CHECK(pool().usage().current == before);
}

TEST_CASE("pool: a freed buffer comes back for the same size") {
  void* a = pool().allocate(5000);
  pool().release(a, 5000);
  void* b = pool().allocate(5000);
  CHECK(a == b);
  pool().release(b, 5000);
}

TEST_CASE("pool: the peak is the most that was held since it was reset") {
  pool().reset_peak();
  const PoolUsage start = pool().usage();
  CHECK(start.peak == start.current);
  for (Index n : {100, 5000, 1 << 20, 3 << 20}) {
    pool().reset_peak();
    const auto bytes = static_cast<std::size_t>(n);
    void* a = pool().allocate(bytes);
    void* b = pool().allocate(bytes);
    const Index both = pool().usage().current;
    pool().release(a, bytes);
    void* c = pool().allocate(bytes);
    pool().release(b, bytes);
    pool().release(c, bytes);
    CHECK(both - start.current >= 2 * n);
    CHECK(pool().usage().peak == both);
    CHECK(pool().usage().current == start.current);
  }
}

TEST_CASE("pool: what is kept never exceeds the bound") {
  for (Index bound : {Index{0}, Index{1} << 16, Index{1} << 20, Index{16} << 20}) {
    const Bound guard(bound);
    CHECK(pool().usage().cached <= bound);
    std::vector<std::pair<void*, std::size_t>> buffers;
    for (std::size_t bytes = 64; bytes < std::size_t{8} << 20; bytes *= 2)
      for (int i = 0; i < 4; ++i) buffers.emplace_back(pool().allocate(bytes), bytes);
    for (const auto& [data, bytes] : buffers) {
      pool().release(data, bytes);
      if (pool().usage().cached > bound) FAIL("kept " << pool().usage().cached);
    }
    if (bound >= Index{1} << 20) CHECK(pool().usage().cached > bound / 4);
  }
}

TEST_CASE("pool: trim gives everything back") {
  pool().release(pool().allocate(100), 100);
  pool().release(pool().allocate(1 << 22), 1 << 22);
  CHECK(pool().usage().cached > 0);
  pool().trim();
  CHECK(pool().usage().cached == 0);
}

TEST_CASE("pool: an impossible size is bad_alloc, and nothing is counted") {
  const PoolUsage before = pool().usage();
  CHECK_THROWS_AS(pool().allocate(SIZE_MAX), std::bad_alloc);
  CHECK_THROWS_AS(pool().allocate((std::size_t{1} << 59) + 1), std::bad_alloc);
#if !defined(CFM_TEST_SANITIZED)  // a sanitizer ends the process instead
  CHECK_THROWS_AS(pool().allocate(std::size_t{1} << 58), std::bad_alloc);
#endif
  CHECK(pool().usage().current == before.current);
}

TEST_CASE("pool: threads allocate here and free there") {
  const Index before = pool().usage().current;
  constexpr int n = 4;
  std::vector<std::vector<std::pair<unsigned char*, std::size_t>>> boxes(n);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::thread> threads;
    for (int k = 0; k < n; ++k)
      threads.emplace_back([&, k] {
        auto& box = boxes[static_cast<std::size_t>(k)];
        for (const auto& [data, bytes] : box) pool().release(data, bytes);
        box.clear();
        Rng rng(static_cast<std::uint64_t>(10 * round + k));
        for (int i = 0; i < 500; ++i) {
          const std::size_t bytes = 1 + rng.below(200000);
          auto* data = static_cast<unsigned char*>(pool().allocate(bytes));
          data[0] = data[bytes - 1] = 1;
          if (i % 3 == 0)
            box.emplace_back(data, bytes);
          else
            pool().release(data, bytes);
        }
      });
    for (std::thread& t : threads) t.join();
    std::rotate(boxes.begin(), boxes.begin() + 1, boxes.end());  // the next thread frees them
  }
  for (const auto& box : boxes)
    for (const auto& [data, bytes] : box) pool().release(data, bytes);
  CHECK(pool().usage().current == before);
}

TEST_CASE("pool: a program that repeats itself asks the system for nothing new") {
  const auto step = [] {
    std::vector<Tensor> kept;
    for (Index n : {3, 1000, 77777, 4, 1 << 18}) kept.push_back(Tensor::zeros({n}));
  };
  step();
  const Index cached = pool().usage().cached;
  for (int i = 0; i < 20; ++i) step();
  CHECK(pool().usage().cached == cached);
}
