#pragma once
/// @file  How many threads a program uses. For programs and tests, never for the library itself.

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Limits the process to n threads as long as it lives. More threads than cores are allowed.
class ThreadLimit {
 public:
  explicit ThreadLimit(int n)
      : control_(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(n)),
        arena_(n) {}

  /// Runs f with exactly this many threads offered, also beyond the number of cores.
  template <class F>
  decltype(auto) run(F&& f) {
    return arena_.execute(std::forward<F>(f));
  }

 private:
  tbb::global_control control_;
  tbb::task_arena arena_;
};

/// Threads that the caller's arena may use.
inline int thread_count() { return tbb::this_task_arena::max_concurrency(); }

CFM_NAMESPACE_END
