/// @file  HOGA over the nodes of a netlist, against PyTorch (bench/peer_graph.py through
///        CFM_BENCH_PEERS). Nodes do not see each other: a rate holds for any number of them.
#include <cfm/models/hoga.hpp>
#include <cfm/tensor/factories.hpp>

#include "race.hpp"
#include "remote.hpp"

namespace {

using namespace cfm;

// Both sides run batches of this many nodes.
constexpr Index batch = 2048, count = 4 * batch, hops = 8;

void race_mix(bench::Races& races, const HogaConfig& config) {
  const auto width = static_cast<double>(config.width), nodes = static_cast<double>(count);
  // Five products of width x width a hop, two of attention among the hops, and the heads'.
  const double flops =
      nodes * 2 *
      (5 * (hops + 1) * width * width + 2 * (hops + 1) * (hops + 1) * width + width * width);
  races.add(
      {.workload = "hoga", .shape = concat(count, " nodes, width ", config.width), .flops = flops},
      [&](bench::Race& race) {
        const Hoga<> model(config, Rng(1));
        Tensor x = Tensor::empty({count, hops + 1, config.features}, DType::f32);
        Rng rng(2);
        for (float& v : x.span<float>()) v = static_cast<float>(rng.uniform());
        race.ours([=] {
          for (Index begin = 0; begin < count; begin += batch)
            bench::keep(model(Var(x.slice(0, begin, begin + batch))).root);
        });
        Json request{JsonObject{}};
        request.set("workload", "hoga");
        request.set("count", count);
        request.set("batch", batch);
        request.set("hops", hops);
        request.set("width", config.width);
        request.set("heads", config.heads);
        bench::add_remotes(race, request);
      });
}

}  // namespace

int main(int argc, char** argv) {
  return bench::races(argc, argv, [](bench::Races& races) {
    race_mix(races, {});
    race_mix(races, {.width = 64});
  });
}
