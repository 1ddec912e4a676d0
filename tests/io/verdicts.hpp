#pragma once
// The files of data/malformed with the verdict that a careful reader gives.

#include <filesystem>
#include <string>

#include <cfm/io/file.hpp>

#include "../test.hpp"

namespace cfm::test {

/// Runs read(path) on every file of one folder: it must return, or throw a cfm::Error, as the
/// manifest says.
template <class Read>
void check_verdicts(const std::string& folder, const Read& read) {
  const auto root = data_dir("malformed");
  if (!root) return;
  const std::string manifest = read_text_file(*root / "manifest.tsv");
  int checked = 0;
  for (std::size_t begin = 0; begin < manifest.size();) {
    const std::size_t end = std::min(manifest.find('\n', begin), manifest.size());
    const std::string line = manifest.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(folder + "/")) continue;
    const std::size_t tab = line.find('\t');
    const std::string path = line.substr(0, tab);
    const std::string expect = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
    CAPTURE(path);
    std::string got = "accept";
    try {
      read(*root / path);
    } catch (const Error& error) {
      got = "reject";
      CHECK(std::string(error.what()).find(path) != std::string::npos);
    }
    if (expect != "either") CHECK(got == expect);
    ++checked;
  }
  CHECK(checked > 0);
}

}  // namespace cfm::test
