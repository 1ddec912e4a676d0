#pragma once
/// @file  Circuits for the encoders: from files and folders, with latches cut where that is needed.

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <cfm/circuit/read.hpp>
#include <cfm/circuit/strash.hpp>

#include "encoders.hpp"

namespace examples {

/// The files, and the circuits in the folders and below them, sorted.
inline std::vector<std::filesystem::path> circuit_files(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  constexpr std::array<std::string_view, 8> known{".aig", ".aag",  ".bench", ".blif",
                                                  ".eqn", ".json", ".kiss2", ".v"};
  const auto is_circuit = [&](fs::path path) {
    if (path.extension() == ".gz") path = path.stem();
    return std::find(known.begin(), known.end(), path.extension().string()) != known.end();
  };
  std::vector<fs::path> out;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      out.emplace_back(path);
      continue;
    }
    const std::size_t first = out.size();
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && is_circuit(entry.path())) out.push_back(entry.path());
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  }
  return out;
}

/// Latches as inputs and their next states as outputs; variables keep their numbers.
inline cfm::Aig without_latches(const cfm::Aig& aig) {
  cfm::Aig out;
  for (std::size_t i = 0; i < aig.inputs(); ++i) out.add_input(aig.input_name(i));
  for (std::size_t i = 0; i < aig.latches().size(); ++i) out.add_input(aig.latch_name(i));
  for (const auto& fanins : aig.all_fanins()) out.add_and(fanins[0], fanins[1]);
  for (const cfm::Literal l : aig.output_literals()) out.add_output(l);
  for (const cfm::Latch& latch : aig.latches()) out.add_output(latch.next);
  return out;
}

/// The forms that encoders start from.   Errors:  Error if there is no gate and no input.
inline Circuit circuit_of(std::string name, const cfm::Aig& aig) {
  if (aig.variables() <= 1) throw cfm::Error(name + ": has nothing to encode");
  Circuit c{std::move(name), without_latches(aig), {}, cfm::explicit_not_graph(aig)};
  c.net = cfm::explicit_not_graph(c.aig);
  return c;
}

/// `undriven_false`: signals of a BLIF file that nothing drives are false, not an error.
inline Circuit read_for_encoders(const std::filesystem::path& path, bool undriven_false = false) {
  const bool lenient = undriven_false && path.extension() == ".blif";
  const cfm::Aig aig =
      lenient ? cfm::read_blif(path, {.undriven_is_false = true}) : cfm::read_circuit(path);
  return circuit_of(path.filename().string(), cfm::strash(aig));
}

}  // namespace examples
