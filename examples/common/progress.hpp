#pragma once
/// @file  Progress on stderr: a bar on a terminal, a few plain lines elsewhere.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <cfm/core/progress.hpp>

namespace examples {

/// Shows the reports of long work: at most ten updates a second on a terminal, else one line each
/// 10 %. stdout stays clean for results. Colours only on a terminal and without NO_COLOR.
class ProgressBar {
 public:
  /// `value_name` names what Progress::value is, "loss" say; empty: it is not shown.
  explicit ProgressBar(std::string value_name = {}) : value_name_(std::move(value_name)) {
    const char* const term = std::getenv("TERM");
    terminal_ = ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
    const char* const no_color = std::getenv("NO_COLOR");
    color_ = terminal_ && (no_color == nullptr || *no_color == '\0');
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { finish(); }

  /// Takes one report; always says to go on.
  bool operator()(const cfm::Progress& p) {
    const Clock::time_point now = Clock::now();
    if (p.stage != stage_ || p.step < step_) {
      finish();
      stage_ = p.stage;
      start_ = now;
      shown_ = now - std::chrono::hours(1);
      decile_ = -1;
    }
    step_ = p.step;
    const bool last = p.total > 0 && p.step >= p.total;
    if (terminal_) {
      if (last || now - shown_ >= std::chrono::milliseconds(100)) draw(p, now);
    } else {
      print_line(p, now);
    }
    if (last) finish();
    return true;
  }

  /// This bar as a function; the bar must outlive it.
  cfm::ProgressFunction function() {
    return [this](const cfm::Progress& p) { return (*this)(p); };
  }

  /// Ends the line that is being drawn.
  void finish() {
    if (open_) std::fputc('\n', stderr);
    open_ = false;
    stage_.clear();
    step_ = 0;
  }

 private:
  using Clock = std::chrono::steady_clock;

  static std::string seconds(double s) {
    char buffer[32];
    if (s < 60) std::snprintf(buffer, sizeof buffer, "%.1f s", s);
    else std::snprintf(buffer, sizeof buffer, "%d:%02d min", int(s) / 60, int(s) % 60);
    return buffer;
  }

  std::string figures(const cfm::Progress& p, Clock::time_point now) const {
    char buffer[64];
    const long long step = p.step, total = p.total;
    if (total > 0) std::snprintf(buffer, sizeof buffer, "%lld/%lld", step, total);
    else std::snprintf(buffer, sizeof buffer, "%lld", step);
    std::string out = buffer;
    if (!value_name_.empty()) {
      std::snprintf(buffer, sizeof buffer, "  %s %.4g", value_name_.c_str(), p.value);
      out += buffer;
    }
    const double spent = std::chrono::duration<double>(now - start_).count();
    out += "  " + seconds(spent);
    if (total > step && step > 0 && spent > 0.5)
      out += ", " + seconds(spent * double(total - step) / double(step)) + " left";
    return out;
  }

  void draw(const cfm::Progress& p, Clock::time_point now) {
    std::string line = "\r" + stage_ + " ";
    if (p.total > 0) {
      constexpr cfm::Index cells = 24;
      const cfm::Index full = std::min(cells, cells * p.step / p.total);
      line += color_ ? "\x1b[32m" : "";
      line.append(static_cast<std::size_t>(full), '#');
      line += color_ ? "\x1b[90m" : "";
      line.append(static_cast<std::size_t>(cells - full), '-');
      line += color_ ? "\x1b[0m " : " ";
    }
    line += figures(p, now) + "\x1b[K";
    std::fputs(line.c_str(), stderr);
    std::fflush(stderr);
    shown_ = now;
    open_ = true;
  }

  void print_line(const cfm::Progress& p, Clock::time_point now) {
    if (p.total > 0) {
      const cfm::Index decile = 10 * std::min(p.step, p.total) / p.total;
      if (decile <= std::max<cfm::Index>(decile_, 0)) return;
      decile_ = decile;
    } else if (now - shown_ < std::chrono::seconds(10)) {
      return;
    }
    std::fprintf(stderr, "%s %s\n", stage_.c_str(), figures(p, now).c_str());
    shown_ = now;
  }

  std::string value_name_, stage_;
  bool terminal_ = false, color_ = false, open_ = false;
  cfm::Index step_ = 0, decile_ = -1;
  Clock::time_point start_{}, shown_{};
};

}  // namespace examples
