#include <cfm/exec/thread_limit.hpp>

#include <atomic>
#include <set>
#include <thread>

#include <cfm/exec/parallel.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("thread limit: offers as many threads as it was told, also beyond the cores") {
  for (int n : {1, 2, 3, 8}) ThreadLimit(n).run([&] { CHECK(thread_count() == n); });
}

TEST_CASE("thread limit: one thread means this thread") {
  ThreadLimit(1).run([] {
    const std::thread::id here = std::this_thread::get_id();
    std::atomic<int> elsewhere{0};
    parallel_for(1000, 1, [&](Index, Index) {
      if (std::this_thread::get_id() != here) ++elsewhere;
    });
    CHECK(elsewhere == 0);
  });
}

TEST_CASE("thread limit: hands the result through") {
  CHECK(ThreadLimit(2).run([] { return 42; }) == 42);
}
