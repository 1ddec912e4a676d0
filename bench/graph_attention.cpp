/// @file  Attention over neighbours, forward and with gradients, against PyG and the same in plain
///        PyTorch (bench/peer_graph.py through CFM_BENCH_PEERS); lambdas beside the fused kernels.
#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/autograd/ops_edge_attention.hpp>
#include <cfm/tensor/factories.hpp>

#include "graphs.hpp"
#include "remote.hpp"

namespace {

using namespace cfm;

Tensor randoms(const Shape& shape, std::uint64_t seed) {
  Tensor out = Tensor::empty(shape, DType::f32);
  Rng rng(seed);
  for (float& v : out.span<float>()) v = static_cast<float>(rng.normal());
  return out;
}

template <class Score>
void race_score(bench::Races& races, const bench::GraphFile& file, const Graph& graph,
                const char* graph_name, const char* name, const Score& score, Index heads,
                Index width) {
  const Index n = graph.nodes(), keys = std::is_same_v<Score, AdditiveScore> ? 1 : width;
  for (const bool train : {false, true}) {
    const bench::PassTraffic pass(graph, heads * width);
    const double passes = train ? 3 : 1;
    races.add({.workload = concat(name, train ? " both" : ""),
               .shape = concat(graph_name, " ", n / 1000, " k, ", heads, " x ", width),
               .bytes = passes * pass.bytes(),
               .probe = [pass] { return pass.limit(); }},
              [&](bench::Race& race) {
      const Tensor q = randoms({n, heads, keys}, 1), k = randoms({n, heads, keys}, 2);
      const Tensor v = randoms({n, heads, width}, 3), w = randoms({heads, width}, 4);
      const Tensor dy = randoms({n, heads, width}, 5);
      race.ours([=] {
        Tape tape;
        const auto in = [&](const Tensor& x) { return train ? tape.leaf(x) : Var(x); };
        EdgeAttentionExtras extras;
        if constexpr (std::is_same_v<Score, LeakyDotScore>) extras.weight = in(w);
        const Var y = edge_attention(graph, in(q), in(k), in(v), score, extras);
        if (train) tape.backward(y, dy);
        bench::keep(y);
      });
      for (const char* form : {"pyg", "scatter"}) {
        Json request{JsonObject{}};
        request.set("workload", "attention");
        request.set("path", file.path());
        request.set("score", name);
        request.set("heads", heads);
        request.set("width", width);
        request.set("form", form);
        request.set("train", train);
        for (const auto& peer : bench::remotes())
          if (peer->run(request, 1))
            race.remote(concat(peer->name(), " ", form), [peer, request](int times) {
              return peer->run(request, times).value_or(std::nan(""));
            });
      }
    });
  }
}

// The same sum as a lambda and as a fused kernel, forward and with gradients.
void race_lambda(bench::Races& races, const Graph& graph, Index width) {
  const bench::PassTraffic pass(graph, width);
  races.add({.workload = "lambda, mean both",
             .shape = concat(graph.nodes() / 1000, " k, ", width),
             .bytes = 2 * pass.bytes(),
             .probe = [pass] { return pass.limit(); }},
            [&](bench::Race& race) {
    const Tensor x = randoms({graph.nodes(), width}, 1);
    race.ours([=] {
      Tape tape;
      tape.backward(propagate(graph, tape.leaf(x), [](auto s) { return s; }, Mean{}), x);
    });
    race.peer("fused", [=] {
      Tape tape;
      tape.backward(aggregate_mean(graph, tape.leaf(x)), x);
    });
  });
}

}  // namespace

int main(int argc, char** argv) {
  return bench::races(argc, argv, [](bench::Races& races) {
    const Graph circuit = bench::circuit_graph(200000), power = bench::power_law_graph(16, 600000);
    const bench::GraphFile circuit_file(circuit, "cfm_bench_attention_circuit.graph");
    const bench::GraphFile power_file(power, "cfm_bench_attention_power.graph");
    for (const Index heads : {1, 4}) {
      race_score(races, circuit_file, circuit, "circuit", "additive", AdditiveScore{}, heads,
                 64 / heads);
      race_score(races, power_file, power, "power law", "additive", AdditiveScore{}, heads,
                 64 / heads);
    }
    race_score(races, circuit_file, circuit, "circuit", "leaky_dot", LeakyDotScore{}, 4, 16);
    race_score(races, circuit_file, circuit, "circuit", "dot", DotScore{}, 4, 16);
    race_score(races, power_file, power, "power law", "leaky_dot", LeakyDotScore{}, 4, 16);
    race_score(races, power_file, power, "power law", "dot", DotScore{}, 4, 16);
    race_lambda(races, circuit, 64);
  });
}
