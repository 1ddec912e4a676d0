/// @file  Level-wise GRU message passing and the encoders on it, against PyTorch.
///
///   CFM_BENCH_PEERS="python3 bench/levels_torch.py" levels [--quick] [--json FILE] [FILTER]
///   levels --memory [again]    one forward and backward (gates computed again), then the largest
///                              resident size so far
///
/// Graphs and weights follow formulas that both sides know; values are compared before timing.

#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_level.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/models/deepgate2.hpp>

#include "race.hpp"
#include "remote.hpp"

namespace {

using cfm::Index;

struct Problem {
  Index nodes = 100'000, levels = 100, width = 64;
  bool attention = false;

  cfm::Json request(bool train) const {
    cfm::Json out{cfm::JsonObject{}};
    out.set("workload", "level_gru");
    out.set("nodes", nodes);
    out.set("levels", levels);
    out.set("width", width);
    out.set("attention", attention);
    out.set("train", train);
    return out;
  }
};

// 0.5 sin(...) scaled to the fan-in: what levels_torch.py computes too.
cfm::Tensor formula(Index rows, Index columns, Index seed) {
  cfm::Tensor out = cfm::Tensor::empty({rows, columns});
  const double scale = 1 / std::sqrt(static_cast<double>(columns));
  Index k = 0;
  for (float& v : out.span<float>())
    v = static_cast<float>(scale * std::sin(static_cast<double>(seed + 7 * k++)));
  return out;
}

struct Run {
  explicit Run(const Problem& p) : problem(p) {
    std::vector<std::int32_t> from, to;
    const Index wide = p.nodes / p.levels;
    for (Index v = wide; v < p.nodes; ++v) {
      const Index level = v / wide;
      from.push_back(static_cast<std::int32_t>((level - 1) * wide + v * 7919 % wide));
      from.push_back(static_cast<std::int32_t>(v * 104'729 % (level * wide)));
      to.insert(to.end(), 2, static_cast<std::int32_t>(v));
    }
    const std::vector<std::uint8_t> kinds(static_cast<std::size_t>(p.nodes), 0);
    schedule = cfm::LevelSchedule(cfm::Graph::from_edges(p.nodes, from, to), kinds);
    const Index h = p.width;
    state = formula(p.nodes, h, 1);
    message = formula(h, h, 2);
    ih = formula(3 * h, h, 3);
    hh = formula(3 * h, h, 4);
    bias_ih = formula(1, 3 * h, 5).reshape({3 * h});
    bias_hh = formula(1, 3 * h, 6).reshape({3 * h});
    bias = formula(1, h, 7).reshape({h});
    score = formula(1, h, 8).reshape({h});
    grad = formula(p.nodes, h, 9);
    schedule.rows().fanout_edges();
  }

  // The message layer goes into the input weights; a sum brings its bias once a source: two.
  cfm::Var forward(const auto& leaf, bool keep) const {
    const cfm::Var w = leaf(ih), m = leaf(message);
    const Index h = problem.width;
    const double sources = problem.attention ? 1 : 2;
    const cfm::Var b =
        leaf(bias_ih) +
        cfm::reshape(cfm::matmul(w, cfm::reshape(leaf(bias), {h, 1})), {3 * h}) * sources;
    return cfm::level_sweep(schedule, leaf(state),
                            {{cfm::matmul(w, m), leaf(hh), b, leaf(bias_hh),
                              problem.attention ? leaf(score) : cfm::Var()}},
                            {.keep_gates = keep});
  }
  cfm::Tensor infer() const {
    return forward([](const cfm::Tensor& t) { return cfm::Var(t); }, false).value();
  }
  cfm::Tensor train(bool keep) const {
    cfm::Tape tape;
    const cfm::Var y = forward([&](const cfm::Tensor& t) { return tape.leaf(t); }, keep);
    tape.backward(y, grad);
    return tape.grad(ih);
  }

  Problem problem;
  cfm::LevelSchedule schedule;
  cfm::Tensor state, message, ih, hh, bias_ih, bias_hh, bias, score, grad;
};

// Some elements of the result, there and here.
void compare_rows(const cfm::Tensor& ours, cfm::Json request, double tolerance) {
  for (const auto& peer : cfm::bench::remotes())
    for (Index i = 0; i < 8; ++i) {
      const Index row = ours.size(0) - 1 - i * 7, column = i * 5 % ours.size(1);
      request.set("row", row);
      request.set("column", column);
      const double theirs = peer->run(request, 0).value_or(std::nan(""));
      const double value = static_cast<double>(ours.view<float, 2>()(row, column));
      if (!(std::abs(theirs - value) <= tolerance * std::max(1.0, std::abs(theirs))))
        std::printf("  %s differs at %lld, %lld: %g, ours %g\n", peer->name().c_str(),
                    static_cast<long long>(row), static_cast<long long>(column), theirs, value);
    }
}

void compare_sweep(const Run& run) {
  compare_rows(run.infer(), run.problem.request(false), 1e-5);
}
void compare_gradients(const Run& run, bool keeps) {
  compare_rows(run.train(keeps), run.problem.request(true), 1e-3);
}

// Circuits of 500 nodes, ANDs and NOTs in turn, as one batch.
struct Circuits {
  static constexpr Index nodes = 500, inputs = 20;

  Circuits(Index count, Index width) : model({.width = width}) {
    std::vector<std::int32_t> from, to;
    std::vector<cfm::NodeKind> kinds;
    std::vector<std::int64_t> circuits{0};
    for (Index c = 0; c < count; ++c) {
      for (Index v = 0; v < nodes; ++v) {
        const Index sources = v < inputs ? 0 : v % 2 == 0 ? 2 : 1;
        kinds.push_back(sources == 0   ? cfm::NodeKind::input
                        : sources == 2 ? cfm::NodeKind::and_gate
                                       : cfm::NodeKind::not_gate);
        for (Index k = 0; k < sources; ++k) {
          const Index back = (v * 7919 + c * 104'729 + k * 31) % std::min<Index>(v, 60);
          from.push_back(static_cast<std::int32_t>(c * nodes + v - 1 - back));
          to.push_back(static_cast<std::int32_t>(c * nodes + v));
        }
      }
      circuits.push_back((c + 1) * nodes);
    }
    const Index all = count * nodes;
    graph = cfm::deepgate2_graph(cfm::Graph::from_edges(all, from, to), kinds, circuits);
    // As the model starts: structure at the inputs, and one function vector for all.
    structure = cfm::Tensor::zeros({all, width});
    const cfm::Tensor rows = formula(inputs, width, 1);
    for (Index c = 0; c < count; ++c)
      structure.slice(0, c * nodes, c * nodes + inputs).copy_from(rows);
    function = formula(1, width, 2).expand({all, width});
    Index seed = 100;
    cfm::for_each_parameter(model, [&](std::string_view, cfm::Parameter& p) {
      const Index columns = p.value.size(-1);
      p.value = formula(p.value.size() / columns, columns, seed++).reshape(p.value.shape());
    });
    const double h = static_cast<double>(width), gates = static_cast<double>(all - count * inputs);
    // Products with messages; those with first states are one a kind.
    flops = gates / 2 * (2 * 6 * h * h + 6 * h * h + 2 * 6 * h * h);
  }

  cfm::Tensor infer() const {
    return model.sweep(graph.schedule, cfm::Var(structure), cfm::Var(function)).function.value();
  }

  cfm::DeepGate2<> model;
  cfm::DeepGate2Graph graph;
  cfm::Tensor structure, function;
  double flops = 0;
};

void circuits(cfm::bench::Races& races, Index count, Index width) {
  const auto run = std::make_shared<Circuits>(count, width);
  cfm::Json request{cfm::JsonObject{}};
  request.set("workload", "deepgate2");
  request.set("count", count);
  request.set("width", width);
  const std::string shape = cfm::concat(count, " x 500, width ", width);
  races.add({.workload = "deepgate2", .shape = shape, .flops = run->flops}, [&](auto& race) {
    compare_rows(run->infer(), request, 1e-5);
    race.ours([run] { run->infer(); });
    add_remotes(race, request);
  });
}

void races(cfm::bench::Races& races) {
  for (const bool attention : {false, true}) {
    Problem p;
    p.attention = attention;
    const auto nodes = static_cast<double>(p.nodes), h = static_cast<double>(p.width);
    // As the network is written: a message product a node, six gate products.
    const double forward = 2 * nodes * 7 * h * h;
    const std::string name = attention ? "level gru attn" : "level gru sum";
    races.add({.workload = name, .shape = "forward", .flops = forward}, [&](auto& race) {
      const auto run = std::make_shared<Run>(p);
      compare_sweep(*run);
      race.ours([run] { run->infer(); });
      add_remotes(race, p.request(false));
    });
    for (const bool keeps : {true, false}) {  // the gates, or computes them again
      const char* const shape = keeps ? "forward+backward" : "forward+backward, gates again";
      races.add({.workload = name, .shape = shape, .flops = 3 * forward}, [&](auto& race) {
        const auto run = std::make_shared<Run>(p);
        compare_gradients(*run, keeps);
        race.ours([run, keeps] { run->train(keeps); });
        add_remotes(race, p.request(true));
      });
    }
  }
  circuits(races, 1000, 64);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--memory") == 0) {
    Problem p;
    p.attention = true;
    cfm::ThreadLimit one(1);
    one.run([&] { Run(p).train(argc < 3); });
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("largest resident size %.0f MB\n", static_cast<double>(usage.ru_maxrss) / 1024);
    return 0;
  }
  return cfm::bench::races(argc, argv, races);
}
