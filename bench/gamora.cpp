/// @file  GAMORA on carry-save multipliers: time and memory by width, and a server for peers.
///
///   gamora [N ...]        a table over widths: nanoseconds and bytes a node, exact extraction
///   gamora --serve N DIR  writes graph, features, targets and weights of width N to DIR, then runs
///                         once for each line of stdin and answers with the seconds: "infer" (graph
///                         to labels), "train E" (E epochs). bench/gamora_torch.py asks.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/exact_adder_labels.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/io/npy.hpp>
#include <cfm/models/gamora_classifier.hpp>
#include <cfm/models/gamora_training.hpp>

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
double seconds(const F& f) {
  const double start = now();
  f();
  return now() - start;
}

void table(const std::vector<std::size_t>& widths) {
  const cfm::GamoraClassifier classifier(cfm::Gamora<>({}, cfm::Rng(7)));
  cfm::BufferPool& pool = cfm::BufferPool::instance();
  std::printf("%6s %12s %12s %9s %9s %9s %9s %11s %9s\n", "n", "nodes", "edges", "gen s", "graph s",
              "model s", "ns/node", "bytes/node", "exact s");
  for (std::size_t n : widths) {
    cfm::Aig aig;
    const double generate = seconds([&] { aig = cfm::carry_save_multiplier(n); });
    pool.trim();
    pool.reset_peak();
    const cfm::Index before = pool.usage().current;
    cfm::GamoraGraph g;
    const double build = seconds([&] { g = cfm::gamora_graph(aig); });
    double model = 1e300;
    for (int round = 0; round < 3; ++round)
      model = std::min(model, seconds([&] { classifier(g); }));
    const auto nodes = static_cast<double>(g.nodes());
    const double bytes = static_cast<double>(pool.usage().peak - before) / nodes + 2;  // + labels
    const double exact = n > 1024 ? 0 : seconds([&] { cfm::extract_adders(aig); });
    std::printf("%6zu %12lld %12lld %9.3f %9.3f %9.4f %9.1f %11.1f %9.3f\n", n,
                static_cast<long long>(g.nodes()), static_cast<long long>(g.graph.edges()),
                generate, build, model, 1e9 * model / nodes, bytes, exact);
    std::fflush(stdout);
  }
}

void serve(std::size_t n, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const cfm::Aig aig = cfm::carry_save_multiplier(n);
  const cfm::GamoraGraph g = cfm::gamora_graph(aig);
  const cfm::AdderLabels labels = cfm::adder_labels(aig, cfm::extract_adders(aig));
  const cfm::AdderTargets targets = cfm::adder_targets(labels);
  const cfm::Gamora<> model({.dropout = 0}, cfm::Rng(7));
  const cfm::GamoraClassifier classifier(model);
  cfm::write_npy(folder / "offsets.npy", g.graph.offsets());
  cfm::write_npy(folder / "columns.npy", g.graph.columns());
  cfm::write_npy(folder / "features.npy", g.features());
  for (const auto& [name, classes] : {std::pair{"first.npy", &targets.first},
                                      std::pair{"second.npy", &targets.second},
                                      std::pair{"root.npy", &targets.root}})
    cfm::write_npy(folder / name, cfm::Tensor::from(*classes, {g.nodes()}));
  cfm::write_npy(folder / "logits.npy", classifier.logits(g));
  cfm::save(model, folder / "model.safetensors");
  std::printf("ready\n");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    double time = 0;
    if (std::strncmp(line, "infer", 5) == 0) {
      time = seconds([&] { classifier(g); });
    } else if (std::strncmp(line, "train ", 6) == 0) {
      cfm::Gamora<> fresh = cfm::clone(model);
      const cfm::Index epochs = std::atoi(line + 6);
      time = seconds([&] { cfm::train_gamora(fresh, g, labels, {.epochs = epochs}); });
    }
    std::printf("%.9f\n", time);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // One thread: what the ratios against peers are about.
    cfm::ThreadLimit limit(1);
    limit.run([&] {
      if (argc == 4 && std::strcmp(argv[1], "--serve") == 0)
        return serve(static_cast<std::size_t>(std::atoll(argv[2])), argv[3]);
      std::vector<std::size_t> widths;
      for (int i = 1; i < argc; ++i) widths.push_back(static_cast<std::size_t>(std::atoll(argv[i])));
      table(widths.empty() ? std::vector<std::size_t>{64, 128, 256, 512, 1024} : widths);
    });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gamora: %s\n", error.what());
    return 1;
  }
}
