#pragma once
// What the tests of readers share: the development circuits, their counts and simulations.

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <cfm/circuit/levels.hpp>
#include <cfm/circuit/read.hpp>
#include <cfm/circuit/simulate.hpp>

#include "../test.hpp"

namespace cfm::test {

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == at) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

inline std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder,
                                                      const std::string& extension) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == extension)
      out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

// inputs, outputs, latches, ANDs, levels by "folder/file", as ABC counts them.
inline std::map<std::string, std::vector<std::string>> abc_counts(
    const std::filesystem::path& circuits) {
  std::map<std::string, std::vector<std::string>> out;
  std::ifstream file(circuits / "SOURCES.md");
  std::string folder;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) folder = line.substr(3);
    if (!line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    for (std::string& cell : split(line, '|')) {
      while (!cell.empty() && cell.front() == ' ') cell.erase(0, 1);
      while (!cell.empty() && cell.back() == ' ') cell.pop_back();
      cells.push_back(cell);
    }
    if (cells.size() >= 10 && cells[5] != "in")
      out[folder + "/" + cells[1]] = {cells.begin() + 5, cells.begin() + 10};
  }
  return out;
}

// ABC takes signals that nothing drives as false; cfm does on request.
inline Aig read_as_abc(const std::filesystem::path& path) {
  if (path.extension() == ".blif") return read_blif(path, {.undriven_is_false = true});
  return read_circuit(path);
}

inline void check_counts(const std::string& extension, std::size_t at_least) {
  const auto data = data_dir("circuits");
  if (!data) return;
  const auto counts = abc_counts(*data);
  std::size_t checked = 0;
  for (const auto& path : files_below(*data, extension)) {
    const std::string name =
        path.parent_path().filename().string() + "/" + path.filename().string();
    CAPTURE(name);
    const Aig aig = strash(read_as_abc(path));
    const auto known = counts.find(name);
    REQUIRE(known != counts.end());
    if (known->second[0] == "-") continue;
    ++checked;
    // ABC makes bad states outputs.
    const std::vector<std::string> found = {
        std::to_string(aig.inputs()), std::to_string(aig.outputs() + aig.properties.bad.size()),
        std::to_string(aig.latches().size()), std::to_string(aig.ands()),
        std::to_string(depth(aig))};
    CHECK(found == known->second);
  }
  CHECK(checked >= at_least);
}

// One .sim file: rows of input bits and output bits; consecutive steps if there are latches.
struct Simulation {
  std::vector<std::string> inputs, outputs;  // names; empty if there are none
  std::size_t latches = 0;
  std::vector<std::pair<std::string, std::string>> rows;
};

inline Simulation read_simulation(const std::filesystem::path& path) {
  Simulation out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> words = split(line, ' ');
    std::erase(words, "");
    if (line.starts_with("inputs ")) {
      out.inputs.assign(words.begin() + 2, words.end());
    } else if (line.starts_with("outputs ")) {
      out.outputs.assign(words.begin() + 2, words.end());
    } else if (line.starts_with("latches ")) {
      out.latches = std::stoul(words.at(1));
    } else {
      const std::vector<std::string> cells = split(line, ' ');
      out.rows.emplace_back(cells.at(0), cells.size() > 1 ? cells[1] : "");
    }
  }
  return out;
}

// The position of each name, or the positions themselves where there are no names.
inline std::vector<std::size_t> places(const std::vector<std::string>& names, std::size_t n,
                                       const std::function<std::string(std::size_t)>& name_of) {
  std::map<std::string, std::size_t> known;
  for (std::size_t i = n; i-- > 0;) known[name_of(i)] = i;
  std::vector<std::size_t> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = i;
    if (i < names.size() && known.contains(names[i])) out[i] = known[names[i]];
  }
  return out;
}

// Whether the circuit behaves as recorded.
inline bool simulates(const Aig& aig, const Simulation& simulation) {
  const auto inputs =
      places(simulation.inputs, aig.inputs(), [&](std::size_t i) { return aig.input_name(i); });
  const auto outputs =
      places(simulation.outputs, aig.outputs(), [&](std::size_t i) { return aig.output_name(i); });
  const bool sequential = simulation.latches > 0;
  const auto patterns = static_cast<Index>(simulation.rows.size());
  const Index words = sequential ? 1 : (patterns + 63) / 64;
  BitRows in(static_cast<Index>(aig.inputs()), words), state = reset_state(aig, words), out;
  for (Index p = 0; p < patterns; ++p) {
    const std::string& bits = simulation.rows[static_cast<std::size_t>(p)].first;
    if (bits.size() != aig.inputs()) return false;
    for (std::size_t i = 0; i < bits.size(); ++i)
      in.set(static_cast<Index>(inputs[i]), sequential ? 0 : p, bits[i] == '1');
    if (sequential || p + 1 == patterns) out = simulate_step(aig, in, state);
    const auto matches = [&](Index row, Index bit) {
      const std::string& want = simulation.rows[static_cast<std::size_t>(row)].second;
      if (want.size() != aig.outputs()) return false;
      for (std::size_t o = 0; o < want.size(); ++o)
        if (out.get(static_cast<Index>(outputs[o]), bit) != (want[o] == '1')) return false;
      return true;
    };
    if (sequential && !matches(p, 0)) return false;
    if (sequential || p + 1 < patterns) continue;
    for (Index row = 0; row < patterns; ++row)
      if (!matches(row, row)) return false;
  }
  return true;
}

inline void check_simulations(const std::string& extension, std::size_t at_least) {
  const auto circuits = data_dir("circuits");
  const auto expected = data_dir("circuits_sim");
  if (!circuits || !expected) return;
  std::size_t checked = 0;
  for (const auto& path : files_below(*expected, ".sim")) {
    const auto circuit = *circuits / path.parent_path().filename() / path.stem();
    if (circuit.extension() != extension) continue;
    CAPTURE(circuit.string());
    CHECK(simulates(read_as_abc(circuit), read_simulation(path)));
    ++checked;
  }
  CHECK(checked >= at_least);
}

// Whether two circuits, step by step from reset, give the same outputs for the same inputs. Inputs
// and outputs meet by name; those of `a` may be more. `name_in_a` gives what a calls a name of b, or
// another that may be meant: the first that a has counts.
inline bool behave_alike(const Aig& a, const Aig& b,
                         const std::function<std::vector<std::string>(const std::string&)>&
                             name_in_a = [](const std::string& name) {
                               return std::vector<std::string>{name};
                             }) {
  std::map<std::string, Index> inputs, outputs;
  for (std::size_t i = 0; i < a.inputs(); ++i) inputs[a.input_name(i)] = static_cast<Index>(i);
  for (std::size_t i = 0; i < a.outputs(); ++i) outputs[a.output_name(i)] = static_cast<Index>(i);
  const auto find = [&](const std::map<std::string, Index>& places, const std::string& name) {
    for (const std::string& other : name_in_a(name))
      if (const auto place = places.find(other); place != places.end()) return place->second;
    return Index{-1};
  };
  constexpr Index words = 4;
  const Rng rng(7);
  BitRows state_a = reset_state(a, words), state_b = reset_state(b, words);
  const std::uint64_t steps = b.latches().empty() ? 4 : 40;
  for (std::uint64_t step = 0; step < steps; ++step) {
    const BitRows in_b = random_patterns(static_cast<Index>(b.inputs()), words, rng.split(step));
    BitRows in_a(static_cast<Index>(a.inputs()), words);
    for (std::size_t i = 0; i < b.inputs(); ++i) {
      const Index place = find(inputs, b.input_name(i));
      if (place < 0) return false;
      for (std::size_t w = 0; w < words; ++w) in_a[place][w] = in_b[static_cast<Index>(i)][w];
    }
    const BitRows out_a = simulate_step(a, in_a, state_a);
    const BitRows out_b = simulate_step(b, in_b, state_b);
    for (std::size_t i = 0; i < b.outputs(); ++i) {
      const Index place = find(outputs, b.output_name(i));
      if (place < 0) return false;
      for (std::size_t w = 0; w < words; ++w)
        if (out_a[place][w] != out_b[static_cast<Index>(i)][w]) return false;
    }
  }
  return true;
}

// The verdicts of the manifest for one folder of malformed files.
inline void check_verdicts(const std::string& folder, std::size_t at_least) {
  const auto data = data_dir("malformed");
  if (!data) return;
  std::ifstream manifest(*data / "manifest.tsv");
  std::size_t checked = 0;
  for (std::string line; std::getline(manifest, line);) {
    const std::vector<std::string> cells = split(line, '\t');
    if (cells.size() < 3 || !cells[0].starts_with(folder + "/")) continue;
    CAPTURE(cells[0]);
    CAPTURE(cells[2]);
    ++checked;
    const auto read = [&] { read_circuit(*data / cells[0]); };
    if (cells[1] == "accept") CHECK_NOTHROW(read());
    if (cells[1] == "reject") CHECK_THROWS_AS(read(), FormatError);
    if (cells[1] == "either") {
      try {
        read();
      } catch (const FormatError&) {
      }
    }
  }
  CHECK(checked >= at_least);
}

// Every prefix of a text is read or refused; nothing else happens.
template <class Parse>
void check_prefixes(const std::string& bytes, const Parse& parse) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<char> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    try {
      parse(std::string_view(copy.data(), copy.size()));
    } catch (const FormatError&) {
    }
  }
}

template <class Parse>
void check_prefixes_of_files(const std::string& extension, const Parse& parse) {
  const auto data = data_dir("circuits");
  if (!data) return;
  for (const auto& path : files_below(*data, extension))
    if (std::filesystem::file_size(path) <= 1500) check_prefixes(read_text_file(path), parse);
}

// Runs f in a thread with a stack of 256 KB. False if it threw.
inline bool runs_on_small_stack(const std::function<void()>& f) {
  struct Call {
    const std::function<void()>& f;
    bool ok = false;
  } call{f};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{256} << 10);
  pthread_t thread;
  const auto body = [](void* argument) -> void* {
    Call& c = *static_cast<Call*>(argument);
    try {
      c.f();
      c.ok = true;
    } catch (...) {
    }
    return nullptr;
  };
  const bool started = pthread_create(&thread, &attributes, body, &call) == 0;
  if (started) pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  return started && call.ok;
}

// A chain of n ANDs over inputs a and b: x(k) = !x(k - 1) & (a or b in turn).
inline Aig and_chain(std::size_t n) {
  Aig aig;
  const Literal in[] = {aig.add_input("a"), aig.add_input("b")};
  Literal last = in[0];
  for (std::size_t k = 0; k < n; ++k) last = aig.add_and(!last, in[(k + 1) % 2]);
  aig.add_output(last, "y");
  return aig;
}

// Random, with every AND read: inputs, latches with all resets, outputs of both signs, constants.
inline Aig random_aig(std::uint64_t seed, bool named) {
  Rng rng(seed);
  Strash build;
  const std::uint64_t inputs = rng.below(6), latches = rng.below(4), ands = rng.below(40);
  std::vector<Literal> pool = {literal_false};
  const auto name = [&](std::string_view kind, std::uint64_t i) {
    return named ? concat(kind, "_", i, "[", i, "]") : std::string();
  };
  for (std::uint64_t i = 0; i < inputs; ++i) pool.push_back(build.add_input(name("in", i)));
  for (std::uint64_t i = 0; i < latches; ++i)
    pool.push_back(build.add_latch(static_cast<Reset>(rng.below(3)), name("q", i)));
  const auto any = [&] { return pool[rng.below(pool.size())] ^ (rng.below(2) == 1); };
  for (std::uint64_t i = 0; i < ands; ++i) pool.push_back(build.land(any(), any()));
  for (std::uint64_t i = 0; i < latches; ++i) build.set_next(i, any());
  const std::uint64_t outputs = rng.below(5);
  for (std::uint64_t i = 0; i < outputs; ++i) build.add_output(any(), name("out", i));
  return strash(build.take());
}

}  // namespace cfm::test
