#include <cfm/exec/parallel.hpp>

#include <atomic>
#include <cmath>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

using Chunk = std::pair<Index, Index>;

std::vector<Chunk> chunks_of(Index n, Index grain) {
  std::mutex mutex;
  std::vector<Chunk> out;
  parallel_for(n, grain, [&](Index begin, Index end) {
    const std::lock_guard lock(mutex);
    out.emplace_back(begin, end);
  });
  std::sort(out.begin(), out.end());
  return out;
}

// A sum whose bits depend on the order of its additions.
float uneven_sum(Index n) {
  return parallel_reduce(
      n, 100, 0.0f,
      [](Index begin, Index end) {
        float sum = 0;
        for (Index i = begin; i < end; ++i) sum += 1.0f / static_cast<float>(i + 1);
        return sum;
      },
      [](float a, float b) { return a + b; });
}

}  // namespace

TEST_CASE("parallel_for: chunks cover the range once, with bounds from size and grain alone") {
  for (Index n : {0, 1, 9, 10, 11, 99, 100, 101, 1000})
    for (Index grain : {-3, 0, 1, 7, 10, 5000}) {
      CAPTURE(n);
      CAPTURE(grain);
      const Index step = std::max<Index>(1, grain);
      std::vector<Chunk> wanted;
      for (Index b = 0; b < n; b += step) wanted.emplace_back(b, std::min(n, b + step));
      for (int threads : {1, 3}) {
        ThreadLimit limit(threads);
        CHECK(limit.run([&] { return chunks_of(n, grain); }) == wanted);
      }
    }
  CHECK(chunks_of(-5, 2).empty());
}

TEST_CASE("parallel_for: huge ranges do not overflow") {
  CHECK(chunks_of(INT64_MAX, INT64_MAX).size() == 1);
  CHECK(chunks_of(INT64_MAX, INT64_MAX - 1) ==
        std::vector<Chunk>{{0, INT64_MAX - 1}, {INT64_MAX - 1, INT64_MAX}});
}

TEST_CASE("parallel_for: an exception of any chunk reaches the caller, and the next call works") {
  for (Index bad = 0; bad < 64; ++bad) {
    CAPTURE(bad);
    ThreadLimit limit(2);
    CHECK_THROWS_WITH_AS(limit.run([&] {
      parallel_for(64, 1, [&](Index begin, Index) {
        if (begin == bad) throw std::runtime_error("chunk");
      });
    }),
                         "chunk", std::runtime_error);
  }
  CHECK(chunks_of(64, 1).size() == 64);
}

TEST_CASE("parallel_reduce: same bits for 1, 2, 3 and 8 threads, and as the loop over chunks") {
  for (Index n : {1, 99, 100, 101, 12345}) {
    float wanted = 0;
    for (Index b = 0; b < n; b += 100) {
      float sum = 0;
      for (Index i = b; i < std::min(n, b + 100); ++i) sum += 1.0f / static_cast<float>(i + 1);
      wanted += sum;
    }
    for (int threads : {1, 2, 3, 8}) {
      ThreadLimit limit(threads);
      CHECK(limit.run([&] { return uneven_sum(n); }) == wanted);
    }
  }
  CHECK(uneven_sum(0) == 0);
}

TEST_CASE(
    "parallel_reduce: chunks are combined from first to last, types that only move included") {
  const std::string text = parallel_reduce(
      26, 4, std::string("<"),
      [](Index begin, Index end) {
        std::string out;
        for (Index i = begin; i < end; ++i) out += static_cast<char>('a' + i);
        return out;
      },
      [](std::string a, std::string b) { return std::move(a) + b; });
  CHECK(text == "<abcdefghijklmnopqrstuvwxyz");
}

TEST_CASE("parallel_for: nested loops do not deadlock and cover everything") {
  std::vector<std::atomic<int>> hits(40 * 30);
  ThreadLimit limit(3);
  limit.run([&] {
    parallel_for(40, 1, [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        parallel_for(30, 4, [&](Index bb, Index ee) {
          for (Index j = bb; j < ee; ++j) ++hits[static_cast<std::size_t>(i * 30 + j)];
        });
    });
  });
  for (const auto& h : hits) CHECK(h == 1);
}

TEST_CASE("parallel_for: runs in the arena of the host program, with its number of threads") {
  tbb::task_arena arena(1);
  arena.execute([] {
    CHECK(thread_count() == 1);
    const auto home = std::this_thread::get_id();
    std::atomic<int> foreign{0};
    parallel_for(1000, 1, [&](Index, Index) {
      if (std::this_thread::get_id() != home) ++foreign;
    });
    CHECK(foreign == 0);
  });
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism, 5);
  tbb::task_arena wide(5);
  wide.execute([] { CHECK(thread_count() == 5); });
}

TEST_CASE("parallel_for: one chunk runs on the caller's thread") {
  const auto home = std::this_thread::get_id();
  parallel_for(10, 10, [&](Index, Index) { CHECK(std::this_thread::get_id() == home); });
}

TEST_CASE("ThreadLimit: offers the threads it names") {
  for (int n : {1, 2, 8}) {
    ThreadLimit limit(n);
    CHECK(limit.run([] { return thread_count(); }) == n);
  }
}

TEST_CASE("grain_for: bytes to indices") {
  CHECK(grain_for(4) == 16384);
  CHECK(grain_for(0) == 65536);
  CHECK(grain_for(1 << 20) == 1);
  CHECK(grain_for(8, 64) == 8);
}
