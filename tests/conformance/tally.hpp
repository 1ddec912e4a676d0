#pragma once
/// @file  What became of the samples and cases, counted and with reasons.

#include <cstdio>
#include <exception>
#include <map>
#include <set>
#include <string>

#include "registry.hpp"

namespace cfm::conformance {

/// Counts of one kind of cases; a failure is printed when it happens.
struct Tally {
  int passed = 0, failed = 0, skipped = 0;
  std::map<std::string, std::map<std::string, int>> reasons;  // of skipped samples, by file
  std::set<std::string> names;                                // files with a sample that passed

  int run() const { return passed + failed; }
  int all() const { return passed + failed + skipped; }

  void skip(const std::string& name, const std::string& reason, int count = 1) {
    skipped += count;
    reasons[reason][name] += count;
  }
  void fail(const std::string& name, const std::string& text) {
    ++failed;
    std::printf("FAILED  %s: %s\n", name.c_str(), text.c_str());
  }
  void pass(const std::string& name) {
    ++passed;
    names.insert(name);
  }

  void print_reasons() const {
    for (const auto& [reason, files] : reasons) {
      int count = 0;
      std::string list;
      for (const auto& [file, n] : files) {
        count += n;
        list += (list.empty() ? "" : ", ") + file;
      }
      std::printf("skipped %d, %s: %s\n", count, reason.c_str(), list.c_str());
    }
  }
};

/// Runs f and books its outcome under `file`; failures are printed with `name`.
template <class F>
void book(Tally& tally, const std::string& file, const std::string& name, const F& f) {
  try {
    f();
    tally.pass(file);
  } catch (const Skip& s) {
    tally.skip(file, s.reason);
  } catch (const Mismatch& m) {
    tally.fail(name, m.text);
  } catch (const std::exception& e) {
    tally.fail(name, e.what());
  }
}

}  // namespace cfm::conformance
