#pragma once
/// @file  How long a piece of work took.

#include <chrono>

namespace examples {

/// Seconds since it was made, by a clock that only goes forward.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace examples
