#pragma once
/// @file  What the tests of all folders share.

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <cfm/core/error.hpp>

namespace cfm::test {

/// The text of the exception that f throws, or "no error". Only an E counts; others go through.
template <class E = Error, class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

/// The folder of development data, or nothing (with one line that says so) where it is missing.
/// Development data does not ship with cfm: no test may need it.
inline std::optional<std::filesystem::path> data_dir(const std::string& part = {}) {
  const char* set = std::getenv("CFM_TEST_DATA");
#ifdef CFM_TEST_DATA_DEFAULT
  if (set == nullptr) set = CFM_TEST_DATA_DEFAULT;
#endif
  if (set != nullptr) {
    const std::filesystem::path path = std::filesystem::path(set) / part;
    if (std::filesystem::exists(path)) return path;
  }
  MESSAGE("skipped: no development data at CFM_TEST_DATA/" << part);
  return std::nullopt;
}

}  // namespace cfm::test
