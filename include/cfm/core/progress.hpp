#pragma once
/// @file  How long work reports, and how it is stopped.

#include <functional>
#include <string_view>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// One report of long work.
struct Progress {
  std::string_view stage;  ///< what is being done, "epoch" say
  Index step = 0;          ///< steps done
  Index total = 0;         ///< steps to do; 0 if unknown
  double value = 0;        ///< the figure of interest, a loss say
};

/// Called between steps, on the thread that called the long function. Returning false stops the
/// work at the next safe point; what was reached is kept. An empty function reports to nobody.
using ProgressFunction = std::function<bool(const Progress&)>;

/// Reports, and says whether to go on.
inline bool report(const ProgressFunction& function, const Progress& progress) {
  return !function || function(progress);
}

CFM_NAMESPACE_END
