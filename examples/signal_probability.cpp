/// @file  Predicts how often each gate of a circuit is 1, on circuits that the models never saw.
///
/// Cuts cones out of some circuits, labels them by simulation, trains three encoders on them, and
/// measures all on the other circuits, whole: beside two predictors that learn nothing. Without
/// files, the circuits are generated.

#include <chrono>
#include <filesystem>
#include <functional>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/circuit/node_functions.hpp>
#include <cfm/circuit/read.hpp>
#include <cfm/circuit/sample_cones.hpp>
#include <cfm/circuit/strash.hpp>
#include <cfm/core/version.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/io/json.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/models/deepgate.hpp>
#include <cfm/models/deepgate2_training.hpp>
#include <cfm/models/polargate.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/schedule.hpp>

#include "common/args.hpp"
#include "common/progress.hpp"
#include "common/svg.hpp"
#include "common/table.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using cfm::Var;
using examples::fixed;
using examples::grouped;

struct Options {
  std::vector<std::string> train, test;
  Index cones = 200, epochs = 20, batch = 16, width = 64, rounds = 4, patterns = 15000;
  Index largest = 30000;  // nodes of a circuit that is measured
  double learning_rate = 1e-3;
  std::string out = "out";
  examples::CommonOptions common;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Circuits in one graph, in the forms that the models read, with the simulated probabilities.
struct Sample {
  std::string name;
  cfm::ExplicitNotGraph net;  // of a batch: the union
  cfm::DeepGate2Graph levels;
  cfm::DeepGateGraph both_ways;
  cfm::SignedGraph signs;
  Tensor features;
  std::vector<float> probability;

  Index nodes() const { return net.nodes(); }
  Tensor target() const { return Tensor::from(probability, {nodes()}); }
};

Sample make_sample(std::string name, std::vector<cfm::ExplicitNotGraph> nets,
                   std::vector<float> probability) {
  Sample s;
  s.name = std::move(name);
  s.levels = cfm::deepgate2_graph(std::span<const cfm::ExplicitNotGraph>(nets));
  std::vector<cfm::Graph> graphs;
  for (const cfm::ExplicitNotGraph& net : nets) graphs.push_back(net.graph);
  s.net.graph = cfm::GraphBatch(graphs).graph();
  s.net.kinds = s.levels.kinds;
  s.both_ways = cfm::deepgate_graph(s.net);
  s.signs = cfm::signed_graph(s.net);
  s.features = cfm::one_hot(s.net.kinds, 3);
  s.probability = std::move(probability);
  return s;
}

std::vector<float> simulate(const cfm::Aig& aig, const cfm::ExplicitNotGraph& net,
                            const Options& o) {
  const auto patterns =
      cfm::source_patterns(aig, {.patterns = o.patterns, .rng = cfm::Rng(o.common.seed).split(1)});
  const auto p = cfm::node_probabilities(net, cfm::signal_probabilities(aig, patterns));
  return {p.begin(), p.end()};
}

/// Signals as if they were independent: p(a and b) = p(a) p(b).
std::vector<float> independence(const Sample& s) {
  const cfm::CsrView rows = s.net.graph.fanins();
  std::vector<float> p(static_cast<std::size_t>(s.nodes()), 0.5f);
  for (const std::int32_t v : cfm::topological_order(rows)) {
    const auto fanins = rows[v];
    if (fanins.empty()) continue;
    const auto of = [&](std::size_t i) { return p[static_cast<std::size_t>(fanins[i])]; };
    p[static_cast<std::size_t>(v)] =
        s.net.kinds[static_cast<std::size_t>(v)] == cfm::NodeKind::not_gate
            ? 1 - of(0)
            : of(0) * of(fanins.size() - 1);
  }
  return p;
}

/// The mean absolute error over ANDs and NOTs.
double error_of(std::span<const float> predicted, const Sample& s) {
  double sum = 0;
  std::size_t gates = 0;
  for (std::size_t v = 0; v < predicted.size(); ++v) {
    if (s.net.kinds[v] == cfm::NodeKind::input) continue;
    sum += std::abs(predicted[v] - s.probability[v]);
    ++gates;
  }
  return gates == 0 ? 0 : sum / static_cast<double>(gates);
}

/// What a model makes of a sample: probabilities, [nodes]. The second argument is a value on the
/// tape that records, or nothing.
using Forward = std::function<Var(const Sample&, const Var&)>;

struct Model {
  std::string name;
  Index parameters = 0;
  Forward forward;
  std::function<void(cfm::Tape&, double scale)> step;
  std::vector<std::pair<double, double>> curve{};  // epoch, mean loss
  double epoch_seconds = 0;
};

template <class M, class F>
Model make_model(const std::string& name, std::shared_ptr<M> model, double rate, F forward) {
  auto adam = std::make_shared<cfm::Adam>(*model, cfm::AdamOptions{.learning_rate = rate});
  return {name, cfm::parameter_count(*model),
          [model, forward](const Sample& s, const Var& tape) { return forward(*model, s, tape); },
          [model, adam](cfm::Tape& tape, double scale) {
            adam->scale_learning_rate(scale);
            adam->step(tape);
          }};
}

std::vector<Model> make_models(const Options& o) {
  const cfm::Rng rng(o.common.seed);
  std::vector<Model> out;
  out.push_back(make_model(
      "DeepGate2",
      std::make_shared<cfm::DeepGate2<>>(cfm::DeepGate2Config{.width = o.width}, rng.split(2)),
      o.learning_rate, [](const cfm::DeepGate2<>& m, const Sample& s, const Var& tape) {
        return cfm::reshape(m.readout_prob(m(s.levels, tape).function), {s.nodes()});
      }));
  out.push_back(
      make_model("DeepGate",
                 std::make_shared<cfm::DeepGate<>>(
                     cfm::DeepGateConfig{.width = o.width, .rounds = o.rounds}, rng.split(3)),
                 o.learning_rate, [](const cfm::DeepGate<>& m, const Sample& s, const Var& tape) {
                   return cfm::reshape(m.predict(m(s.both_ways, tape)), {s.nodes()});
                 }));
  out.push_back(make_model(
      "PolarGate",
      std::make_shared<cfm::PolarGate<>>(
          cfm::PolarGateConfig{.width = o.width, .negated_minimum = false}, rng.split(4)),
      o.learning_rate, [](const cfm::PolarGate<>& m, const Sample& s, const Var& tape) {
        const Var x(s.features);
        return cfm::sigmoid(m(s.signs, tape.tape() ? tape.tape()->input(s.features) : x).logits);
      }));
  return out;
}

void train(Model& model, const std::vector<Sample>& batches, const Options& o) {
  examples::ProgressBar bar(model.name + " loss");
  const auto report = bar.function();
  const Index steps = std::ssize(batches);
  const cfm::CosineDecay schedule{.steps = o.epochs * steps};
  const double start = now();
  for (Index epoch = 0; epoch < o.epochs; ++epoch) {
    double sum = 0;
    cfm::Rng order = cfm::Rng(o.common.seed).split(static_cast<std::uint64_t>(100 + epoch));
    std::vector<Index> turn(static_cast<std::size_t>(steps));
    for (std::size_t i = 0; i < turn.size(); ++i) {
      turn[i] = static_cast<Index>(i);
      std::swap(turn[i], turn[order.below(i + 1)]);
    }
    for (Index i = 0; i < steps; ++i) {
      const Sample& s = batches[static_cast<std::size_t>(turn[static_cast<std::size_t>(i)])];
      const Index done = epoch * steps + i;
      cfm::Tape tape({.training = true, .rng = order.split(static_cast<std::uint64_t>(i))});
      const Var anchor = tape.input(Tensor::zeros({1}));
      const Var loss = cfm::l1_loss(model.forward(s, anchor), s.target());
      sum += loss.value().item<float>();
      tape.backward(loss);
      model.step(tape, schedule(done));
      if (!report({"training", done + 1, o.epochs * steps, sum / static_cast<double>(i + 1)}))
        return;
    }
    model.curve.emplace_back(static_cast<double>(epoch + 1), sum / static_cast<double>(steps));
  }
  bar.finish();
  model.epoch_seconds = (now() - start) / static_cast<double>(o.epochs);
}

struct Circuit {
  std::string name;
  cfm::Aig aig;
};

Circuit read(const std::string& file) {
  return {std::filesystem::path(file).stem().string(), cfm::strash(cfm::read_circuit(file))};
}

std::vector<Circuit> generated(bool test) {
  std::vector<Circuit> out;
  const auto add = [&](std::string name, cfm::Aig aig) {
    out.push_back({std::move(name), std::move(aig)});
  };
  const auto random = [&](std::size_t inputs, std::size_t ands, std::size_t window,
                          std::uint64_t seed) {
    add(cfm::concat("random", ands),
        cfm::random_aig({.inputs = inputs, .ands = ands, .outputs = 16, .window = window},
                        cfm::Rng(seed)));
  };
  if (test) {
    add("booth12", cfm::booth_multiplier(12));
    add("lookahead32", cfm::carry_lookahead_adder(32));
    add("dadda10", cfm::dadda_multiplier(10));
    random(30, 2500, 300, 11);
  } else {
    add("wallace16", cfm::wallace_multiplier(16));
    add("ripple64", cfm::ripple_adder(64));
    add("shifter64", cfm::barrel_shifter(64));
    add("comparator64", cfm::comparator(64));
    add("carry_save8x8", cfm::carry_save_adder(8, 8));
    random(40, 3000, 200, 12);
    random(60, 6000, 1000, 13);
    random(20, 1000, 0, 14);
  }
  return out;
}

// Cones of all training circuits, joined to batches.
std::vector<Sample> training_batches(const std::vector<Circuit>& circuits, const Options& o,
                                     double& mean_label) {
  std::vector<cfm::ExplicitNotGraph> nets;
  std::vector<std::vector<float>> labels;
  const Index share = (o.cones + std::ssize(circuits) - 1) / std::ssize(circuits);
  for (std::size_t c = 0; c < circuits.size(); ++c)
    for (const cfm::Cone& cone :
         cfm::sample_cones(circuits[c].aig, {.cones = share,
                                            .window = {.max_nodes = 600},
                                            .overlap = true,
                                            .rng = cfm::Rng(o.common.seed).split(10 + c)})) {
      nets.push_back(cfm::explicit_not_graph(cone.aig));
      labels.push_back(simulate(cone.aig, nets.back(), o));
    }
  if (nets.empty()) throw cfm::Error("the training circuits have no cone of 30 nodes, 4 levels");
  double sum = 0, count = 0;
  for (const auto& l : labels)
    for (const float p : l) sum += p, ++count;
  mean_label = sum / count;
  // Circuits are mixed: batch b takes every n-th cone.
  std::vector<Sample> out;
  const std::size_t batches =
      std::max<std::size_t>(1, nets.size() / static_cast<std::size_t>(o.batch));
  for (std::size_t b = 0; b < batches; ++b) {
    std::vector<cfm::ExplicitNotGraph> part;
    std::vector<float> p;
    for (std::size_t i = b; i < nets.size(); i += batches) {
      part.push_back(nets[i]);
      p.insert(p.end(), labels[i].begin(), labels[i].end());
    }
    out.push_back(make_sample(cfm::concat("batch ", b), std::move(part), std::move(p)));
  }
  return out;
}

void run(const Options& o) {
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  std::vector<Circuit> train_on, test_on;
  for (const std::string& f : o.train) train_on.push_back(read(f));
  for (const std::string& f : o.test) test_on.push_back(read(f));
  if (train_on.empty()) train_on = generated(false);
  if (test_on.empty()) test_on = generated(true);

  double start = now(), mean_label = 0.5;
  const std::vector<Sample> batches = training_batches(train_on, o, mean_label);
  Index nodes = 0;
  for (const Sample& s : batches) nodes += s.nodes();
  std::printf("%zu circuits, %s nodes in cones, labelled by simulation in %s s\n", train_on.size(),
              grouped(nodes).c_str(), fixed(now() - start, 1).c_str());

  std::vector<Model> models = make_models(o);
  for (Model& m : models) train(m, batches, o);

  std::vector<std::string> heads{"circuit", "nodes", "levels", "constant", "independence"};
  for (const Model& m : models) heads.push_back(m.name), heads.push_back("ms");
  examples::Table table(heads);
  cfm::Json rows{cfm::Json::Array{}};
  std::vector<examples::Series> cloud;
  std::vector<double> total(models.size() + 2, 0);
  Index measured = 0;
  for (const Circuit& c : test_on) {
    std::vector<cfm::ExplicitNotGraph> net{cfm::explicit_not_graph(c.aig)};
    if (net[0].nodes() > o.largest) {
      std::printf("%s: left out, %s nodes (--largest)\n", c.name.c_str(),
                  grouped(net[0].nodes()).c_str());
      continue;
    }
    std::vector<float> labels = simulate(c.aig, net[0], o);
    const Sample s = make_sample(c.name, std::move(net), std::move(labels));
    std::vector<std::string> line{c.name, grouped(s.nodes()),
                                  std::to_string(s.levels.schedule.levels() - 1)};
    std::size_t column = 0;
    const auto row = [&](const std::string& model, std::span<const float> p, double seconds) {
      const double mae = error_of(p, s);
      total[column++] += mae;
      line.push_back(fixed(mae, 4));
      cfm::Json j;
      j.set("model", model);
      j.set("circuit", c.name);
      j.set("nodes", s.nodes());
      j.set("mae", mae);
      j.set("seconds", seconds);
      rows.push_back(std::move(j));
    };
    row("constant", std::vector<float>(s.probability.size(), static_cast<float>(mean_label)), 0);
    start = now();
    const std::vector<float> product = independence(s);
    row("independence", product, now() - start);
    for (std::size_t m = 0; m < models.size(); ++m) {
      start = now();
      const Tensor p = cfm::clamp(models[m].forward(s, Var()), 0, 1).value();
      const double seconds = now() - start;
      const auto values = p.span<float>();
      row(models[m].name, values, seconds);
      line.push_back(fixed(1e3 * seconds, 1));
      if (cloud.size() <= m)
        cloud.push_back({.name = models[m].name, .points = {}, .line = false, .markers = true});
      const std::size_t every = std::max<std::size_t>(1, values.size() / 300);
      for (std::size_t v = 0; v < values.size(); v += every)
        cloud[m].points.emplace_back(s.probability[v], values[v]);
    }
    table.add(line);
    ++measured;
  }
  if (measured == 0) throw cfm::Error("no circuit is left to measure");
  std::vector<std::string> line{"mean", "", ""};
  for (std::size_t i = 0; i < total.size(); ++i) {
    line.push_back(fixed(total[i] / static_cast<double>(measured), 4));
    if (i >= 2) line.push_back("");
  }
  table.add(line);
  std::printf(
      "\nMean absolute error of the probability of each AND and NOT, circuits not trained on\n\n");
  table.print();
  std::printf("\n");
  examples::Table costs({"model", "parameters", "s / epoch", "last training loss"});
  std::vector<examples::Series> curves;
  for (const Model& m : models) {
    costs.add({m.name, grouped(m.parameters), fixed(m.epoch_seconds, 2),
               m.curve.empty() ? "" : fixed(m.curve.back().second, 4)});
    curves.push_back({.name = m.name, .points = m.curve});
  }
  costs.print();
  std::filesystem::create_directories(o.out);
  const std::string loss = o.out + "/signal_probability_loss.svg";
  const std::string scatter = o.out + "/signal_probability.svg";
  examples::chart(curves, {.title = "Training on cones",
                           .x_label = "epoch",
                           .y_label = "mean absolute error",
                           .log_y = true})
      .save(loss);
  examples::chart(cloud, {.title = "Gates of circuits that were not trained on",
                          .x_label = "simulated probability",
                          .y_label = "predicted"})
      .save(scatter);
  std::printf("\nwrote %s and %s\n", loss.c_str(), scatter.c_str());
  if (!o.common.json.empty()) {
    cfm::write_json(o.common.json, rows);
    std::printf("wrote %s\n", o.common.json.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("signal_probability",
                      "Trains circuit encoders to predict how often each gate is 1, and measures "
                      "them on other circuits.");
  args.add("train", o.train, "FILE,...", "circuits to cut cones from (default: generated)")
      .add("test", o.test, "FILE,...", "circuits to measure (default: every third of --train)")
      .add("cones", o.cones, "N", "cones to train on (default 200)")
      .add("epochs", o.epochs, "N", "passes over the cones (default 20)")
      .add("batch", o.batch, "N", "cones a step (default 16)")
      .add("width", o.width, "N", "of the state of a gate (default 64)")
      .add("rounds", o.rounds, "N", "sweeps of DeepGate, both ways (default 4; published 10)")
      .add("patterns", o.patterns, "N", "random patterns of a simulation (default 15000)")
      .add("learning-rate", o.learning_rate, "X", "at first, falling to 0 (default 0.001)")
      .add("largest", o.largest, "N", "leave out circuits of more nodes (default 30000)")
      .add("out", o.out, "FOLDER", "for the pictures (default out)")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] {
    if (o.cones < 1 || o.epochs < 1 || o.batch < 1 || o.width < 1 || o.rounds < 1 || o.patterns < 1)
      throw examples::UsageError("numbers must be at least 1");
    if (o.common.threads < 0 || o.common.threads > 1024)
      throw examples::UsageError("--threads: 0 to 1024");
    if (o.test.empty() && o.train.size() > 2)
      for (std::size_t i = o.train.size(); i-- > 0;)
        if (i % 3 == 2) {
          o.test.insert(o.test.begin(), o.train[i]);
          o.train.erase(o.train.begin() + static_cast<std::ptrdiff_t>(i));
        }
    if (o.common.threads == 0) return run(o);
    cfm::ThreadLimit(o.common.threads).run([&] { run(o); });
  });
}
