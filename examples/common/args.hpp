#pragma once
/// @file  Command lines of the example programs: flags with defaults, --help, did-you-mean.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <cfm/exec/thread_limit.hpp>

namespace examples {

/// What the user typed cannot be understood; main() answers with exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The flags that every example has.
struct CommonOptions {
  int threads = 0;         ///< 0: as many as the machine offers
  std::uint64_t seed = 7;  ///< the same seed gives the same bits
  std::string json;        ///< empty: no JSON file
};

namespace detail {

// Edits (insert, delete, replace, swap of neighbours) from one word to another.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = last;
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

template <class T>
void parse_value(std::string_view flag, std::string_view text, T& out) {
  if constexpr (std::is_same_v<T, std::string>) {
    out = text;
  } else {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
      throw UsageError(std::string(flag) + ": '" + std::string(text) + "' is not " +
                       (std::is_floating_point_v<T> ? "a number"
                        : std::is_signed_v<T>       ? "a whole number in range"
                                                    : "a whole number of at least 0"));
    out = value;
  }
}

// "8,16,32"
template <class T>
void parse_value(std::string_view flag, std::string_view text, std::vector<T>& out) {
  std::vector<T> values;
  while (true) {
    const std::size_t comma = text.find(',');
    parse_value(flag, text.substr(0, comma), values.emplace_back());
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  out = std::move(values);
}

}  // namespace detail

/// The flags of one program. `add` ties a flag to a variable, whose value is the default; `parse`
/// fills the variables. Both `--flag value` and `--flag=value` are understood.
class Args {
 public:
  Args(std::string program, std::string purpose)
      : program_(std::move(program)), purpose_(std::move(purpose)) {}

  /// A flag with a value: a number, a string, or a vector given as "8,16,32".
  template <class T>
    requires(!std::is_same_v<T, bool>)
  Args& add(std::string name, T& variable, std::string value_name, std::string help) {
    const std::string flag = "--" + name;
    flags_.push_back({flag, std::move(value_name), std::move(help),
                      [&variable, flag](std::string_view text) {
                        detail::parse_value(flag, text, variable);
                      }});
    return *this;
  }

  /// A switch: present means true.
  Args& add(std::string name, bool& variable, std::string help) {
    flags_.push_back({"--" + name, "", std::move(help),
                      [&variable](std::string_view) { variable = true; }});
    return *this;
  }

  /// An argument without a flag; all of them may be left out.
  Args& add_positional(std::string& variable, std::string name, std::string help) {
    positional_.push_back({std::move(name), "", std::move(help),
                           [&variable](std::string_view text) { variable = text; }});
    return *this;
  }

  /// All arguments without a flag that are left.
  Args& add_rest(std::vector<std::string>& variable, std::string name, std::string help) {
    rest_ = Flag{std::move(name), "", std::move(help), [&variable](std::string_view text) {
                   variable.emplace_back(text);
                 }};
    return *this;
  }

  /// --threads, --seed, --json.
  Args& add_common(CommonOptions& options) {
    add("threads", options.threads, "N", "threads to use (default: all)");
    add("seed", options.seed, "N", "seed of all randomness");
    return add("json", options.json, "FILE", "also write the results as JSON");
  }

  /// Fills the variables. Returns false if --help was asked for and printed.
  /// Errors:  UsageError that names the flag, and the nearest one where it is unknown.
  bool parse(int argc, const char* const* argv) const {
    std::size_t next = 0;
    bool flags_end = false;
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (!flags_end && word == "--") {
        flags_end = true;
        continue;
      }
      if (flags_end || word.size() < 2 || word[0] != '-') {
        if (next < positional_.size())
          positional_[next++].set(word);
        else if (rest_.set)
          rest_.set(word);
        else
          throw UsageError("unexpected argument '" + std::string(word) + "'");
        continue;
      }
      if (word == "--help" || word == "-h") {
        std::fputs(help().c_str(), stdout);
        return false;
      }
      const std::size_t equals = word.find('=');
      const Flag& flag = find(word.substr(0, equals));
      if (flag.value_name.empty()) {
        if (equals != word.npos) throw UsageError(flag.name + " takes no value");
        flag.set({});
      } else if (equals != word.npos) {
        flag.set(word.substr(equals + 1));
      } else if (i + 1 < argc) {
        flag.set(argv[++i]);
      } else {
        throw UsageError(flag.name + " needs a value: " + flag.name + " " + flag.value_name);
      }
    }
    return true;
  }

  /// What --help prints.
  std::string help() const {
    std::string out = purpose_ + "\n\nusage: " + program_ + " [flags]";
    std::vector<Flag> words = positional_, flags = flags_;
    if (rest_.set) words.push_back(rest_);
    for (const Flag& p : words) out += " [" + p.name + "]";
    out += '\n';
    std::size_t width = 6;
    const auto left = [](const Flag& f) {
      return f.value_name.empty() ? f.name : f.name + " " + f.value_name;
    };
    for (const auto* list : {&words, &flags})
      for (const Flag& f : *list) width = std::max(width, left(f).size());
    const auto line = [&](const std::string& a, const std::string& b) {
      out += "  " + a + std::string(width - a.size() + 2, ' ') + b + "\n";
    };
    out += '\n';
    for (const auto* list : {&words, &flags})
      for (const Flag& f : *list) line(left(f), f.help);
    line("--help", "this text");
    return out;
  }

  const std::string& program() const { return program_; }

 private:
  struct Flag {
    std::string name, value_name, help;
    std::function<void(std::string_view)> set;
  };

  const Flag& find(std::string_view name) const {
    const Flag* nearest = nullptr;
    std::size_t best = 4;  // farther than three edits is no likely slip
    for (const Flag& f : flags_) {
      if (f.name == name) return f;
      const std::size_t distance = detail::edit_distance(name, f.name);
      if (distance < best && distance * 2 < f.name.size()) {
        best = distance;
        nearest = &f;
      }
    }
    throw UsageError("unknown flag '" + std::string(name) + "'" +
                     (nearest ? ", did you mean " + nearest->name + "?" : "; see --help"));
  }

  std::string program_, purpose_;
  std::vector<Flag> flags_, positional_;
  Flag rest_{};
};

/// Calls f() on the threads that --threads asks for.
template <class F>
void on_threads(const CommonOptions& options, const F& f) {
  if (options.threads < 0 || options.threads > 1024) throw UsageError("--threads: 0 to 1024");
  if (options.threads == 0) return f();
  cfm::ThreadLimit(options.threads).run(f);
}

/// Parses and runs: body() is called if the arguments are good. Turns what went wrong into one line
/// on stderr and an exit code: 2 for the command line, 1 for everything else.
template <class Body>
int run(const Args& args, int argc, const char* const* argv, const Body& body) {
  try {
    if (!args.parse(argc, argv)) return 0;
    body();
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "%s: %s\n", args.program().c_str(), error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", args.program().c_str(), error.what());
    return 1;
  }
}

}  // namespace examples
