#pragma once
/// @file  The most memory that a stretch of a program held at once.

#include <sys/resource.h>

#include <cstdio>
#include <cstring>

namespace examples {

/// Largest resident set since the object was made, where the system can reset its mark (Linux);
/// elsewhere since the program began.
class PeakMemory {
 public:
  PeakMemory() {
    if (std::FILE* file = std::fopen("/proc/self/clear_refs", "w")) {
      std::fputs("5", file);
      std::fclose(file);
    }
  }

  double bytes() const {
    double kilobytes = 0;
    if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
      char line[256];
      while (std::fgets(line, sizeof line, file))
        if (std::strncmp(line, "VmHWM:", 6) == 0) std::sscanf(line + 6, "%lf", &kilobytes);
      std::fclose(file);
    }
    if (kilobytes == 0) {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      kilobytes = static_cast<double>(usage.ru_maxrss);
    }
    return 1024 * kilobytes;
  }
};

}  // namespace examples
