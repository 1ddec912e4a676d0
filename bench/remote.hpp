#pragma once
/// @file  Peers in a process of their own: bench/peer_<name>.py, asked line by line over pipes.
///
/// It says "ready <name>" and then answers a line {"workload": .., "repeat": n, ...} with the
/// seconds that n runs took, or with "none" if it does not offer the workload.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cfm/io/json.hpp>

#include "race.hpp"

namespace cfm::bench {

/// A running peer.
class Remote {
 public:
  /// Starts `program script`; empty if it does not come up.
  static std::shared_ptr<Remote> start(const std::string& program, const std::string& script) {
    std::shared_ptr<Remote> out(new Remote(program, script));
    const std::optional<std::string> line = out->read_line();
    if (!line || !line->starts_with("ready ")) return nullptr;
    out->name_ = line->substr(6);
    return out;
  }
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;
  ~Remote() {
    if (to_ != nullptr) std::fclose(to_);
    if (from_ != nullptr) std::fclose(from_);
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }

  const std::string& name() const { return name_; }

  /// Seconds of n runs, or nothing if it does not offer the workload.
  std::optional<double> run(Json request, int n) {
    request.set("repeat", n);
    const std::string line = to_text(request) + "\n";
    std::fwrite(line.data(), 1, line.size(), to_);
    std::fflush(to_);
    const std::optional<std::string> answer = read_line();
    if (!answer || *answer == "none") return std::nullopt;
    return std::strtod(answer->c_str(), nullptr);
  }

 private:
  Remote(const std::string& program, const std::string& script) {
    int in[2], out[2];
    // Closed in later children: a peer ends when nobody can write to it any more.
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      execlp(program.c_str(), program.c_str(), script.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
  }

  std::optional<std::string> read_line() {
    std::string line;
    if (from_ == nullptr) return std::nullopt;
    for (int c = std::fgetc(from_); c != '\n'; c = std::fgetc(from_)) {
      if (c == EOF) return std::nullopt;
      line += static_cast<char>(c);
    }
    return line;
  }

  std::string name_;
  pid_t child_ = -1;
  std::FILE *to_ = nullptr, *from_ = nullptr;
};

/// The peers that CFM_BENCH_PEERS names as "program script;program script", started once.
inline const std::vector<std::shared_ptr<Remote>>& remotes() {
  static const std::vector<std::shared_ptr<Remote>> all = [] {
    std::vector<std::shared_ptr<Remote>> out;
    const char* const text = std::getenv("CFM_BENCH_PEERS");
    std::string rest = text == nullptr ? "" : text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string entry = rest.substr(0, end);
      rest = end < rest.size() ? rest.substr(end + 1) : "";
      const std::size_t space = entry.find(' ');
      if (space == std::string::npos) continue;
      if (auto peer = Remote::start(entry.substr(0, space), entry.substr(space + 1)))
        out.push_back(peer);
    }
    return out;
  }();
  return all;
}

/// Adds every remote peer that offers the workload of `request`.
inline void add_remotes(Race& race, const Json& request) {
  for (const std::shared_ptr<Remote>& peer : remotes())
    if (peer->run(request, 1))
      race.remote(peer->name(), [peer, request](int n) {
        return peer->run(request, n).value_or(std::nan(""));
      });
}

}  // namespace cfm::bench
