#pragma once
/// @file  Races: ours and its peers take turns in one process, beside the limit of the machine, which
///        is measured again in every round. Prints a table and writes rows of JSON.
///
///     int main(int argc, char** argv) {
///       return cfm::bench::races(argc, argv, [](cfm::bench::Races& races) {
///         races.add({.workload = "exp", .shape = "n 1000", .bytes = 8000}, [](auto& race) {
///           race.ours([] { ... });
///           race.peer("Eigen", [] { ... });
///         });
///       });
///     }

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/json.hpp>

#include "probe.hpp"

namespace cfm::bench {

/// The bandwidth that a workload without operations is held against: what moves how.
enum class Traffic { read, copy, update };

/// What is raced. Its limit is the multiply-add rate if it has `flops`, else the bandwidth.
struct Workload {
  std::string workload, shape;
  double flops = 0;  ///< of one run
  double bytes = 0;  ///< that one run has to move; with flops: for the roofline picture
  Traffic traffic = Traffic::read;
  std::function<double()> probe = {};  ///< bytes a second at the limit, where it is neither

  double limit() const {
    if (probe) return probe();
    if (flops > 0) return multiply_add_rate();
    if (traffic == Traffic::read) return stream_rate();
    return traffic == Traffic::copy ? copy_rate() : update_rate();
  }
};

/// One side: runs n times, returns the seconds that this took.
struct Contender {
  std::string name;
  std::function<double(int n)> run;
  int repeat = 1;
  std::vector<double> seconds;  ///< of one run, round by round
};

/// What a setup sees: where it names both sides, after it has checked that they agree.
class Race {
 public:
  template <class F>
  void ours(F f) {
    add("cfm", timed(std::move(f)));
  }
  template <class F>
  void peer(const std::string& name, F f) {
    add(name, timed(std::move(f)));
  }
  /// A peer that times itself.
  void remote(const std::string& name, std::function<double(int)> run) { add(name, std::move(run)); }

  std::vector<Contender>& contenders() { return contenders_; }

 private:
  template <class F>
  static std::function<double(int)> timed(F f) {
    return [f = std::move(f)](int n) {
      const double begin = thread_seconds();
      for (int i = 0; i < n; ++i) f();
      return thread_seconds() - begin;
    };
  }
  void add(const std::string& name, std::function<double(int)> run) {
    contenders_.push_back({name, std::move(run), 1, {}});
  }

  std::vector<Contender> contenders_;
};

inline double median(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Races {
 public:
  Races(bool quick, std::string filter) : quick_(quick), filter_(std::move(filter)) {}

  /// Runs the race unless the filter excludes it. The first side of `setup` is ours.
  void add(const Workload& w, const std::function<void(Race&)>& setup) {
    const std::string name = w.workload + " " + w.shape;
    if (name.find(filter_) == std::string::npos) return;
    Race race;
    setup(race);
    std::vector<Contender>& sides = race.contenders();
    const double burst = quick_ ? 0.01 : 0.03;
    for (Contender& side : sides) {  // the first run warms up, the second tells how many to take
      side.run(1);
      const double once = std::max(1e-9, side.run(1));
      side.repeat = static_cast<int>(std::clamp(burst / once, 1.0, 1e6));
    }
    std::vector<double> limits;
    for (int round = 0; round < (quick_ ? 5 : 11); ++round) {
      limits.push_back(w.limit());
      for (Contender& side : sides) side.seconds.push_back(side.run(side.repeat) / side.repeat);
    }
    report(w, sides, limits);
  }

  const std::string& json() const { return json_; }

 private:
  void report(const Workload& w, const std::vector<Contender>& sides,
              const std::vector<double>& limits) {
    const double work = w.flops > 0 ? w.flops : w.bytes, ours = median(sides[0].seconds);
    std::vector<double> shares;
    for (std::size_t r = 0; r < limits.size(); ++r)
      shares.push_back(work / sides[0].seconds[r] / limits[r]);
    const double share = median(shares);
    std::printf("%-16s %-26s %8.1f %s %4.0f %%", w.workload.c_str(), w.shape.c_str(),
                1e-9 * work / ours, w.flops > 0 ? "GFLOP/s" : "GB/s   ", 100 * share);
    double best = 1e300;
    std::string best_name;
    for (std::size_t i = 1; i < sides.size() || i == 1; ++i) {
      const bool alone = sides.size() == 1;
      // Round by round: what disturbs a round disturbs both sides.
      std::vector<double> ratios;
      if (!alone)
        for (std::size_t r = 0; r < limits.size(); ++r)
          ratios.push_back(sides[i].seconds[r] / sides[0].seconds[r]);
      const double ratio = median(ratios);
      if (!alone) std::printf("  %s %.2f", sides[i].name.c_str(), ratio);
      if (!alone && ratio < best) {
        best = ratio;
        best_name = sides[i].name;
      }
      Json row{JsonObject{}};
      row.set("workload", w.workload);
      row.set("shape", w.shape);
      row.set("threads", 1);
      row.set("ours", ours);
      row.set("peer", alone ? Json() : Json(median(sides[i].seconds)));
      row.set("peer_name", alone ? Json() : Json(sides[i].name));
      row.set("ratio", alone ? Json() : Json(ratio));
      row.set("limit_fraction", share);
      row.set("limit", w.flops > 0 ? "multiply-add" : "bandwidth");
      row.set("rate", work / ours);
      row.set("intensity", w.bytes > 0 ? Json(w.flops / w.bytes) : Json());
      json_ += to_text(row) + "\n";
    }
    if (best_name.empty())
      std::printf("\n");
    else
      std::printf("  | %.2f of %s\n", best, best_name.c_str());
    std::fflush(stdout);
  }

  bool quick_;
  std::string filter_, json_;
};

/// The main function of a benchmark: [--quick] [--json FILE] [FILTER], on one thread.
template <class F>
int races(int argc, char** argv, const F& all) {
  bool quick = false;
  std::string json, filter;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--quick") {
      quick = true;
    } else if (arg == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else if (arg.starts_with("-")) {
      std::printf("usage: %s [--quick] [--json FILE] [FILTER]\n", argv[0]);
      return 2;
    } else {
      filter = arg;
    }
  }
  try {
    Races races(quick, filter);
    ThreadLimit one(1);
    one.run([&] { all(races); });
    if (!json.empty()) write_file_atomic(json, races.json());
    return 0;
  } catch (const std::exception& e) {
    std::printf("error: %s\n", e.what());
    return 1;
  }
}

}  // namespace cfm::bench
