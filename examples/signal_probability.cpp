/// @file  Predicts how often each gate of a circuit is 1, on circuits that the models never saw.
///
/// Cuts cones out of some circuits, labels them by simulation, trains encoders on nine in ten of
/// them, and measures all on the other cones and on the other circuits, whole: beside two
/// predictors that learn nothing. Without files, the circuits are generated.

#include <filesystem>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/circuit/independent_probabilities.hpp>
#include <cfm/circuit/read.hpp>
#include <cfm/circuit/sample_cones.hpp>
#include <cfm/circuit/strash.hpp>
#include <cfm/core/version.hpp>
#include <cfm/io/json.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/train/schedule.hpp>

#include "common/probability_models.hpp"
#include "common/progress.hpp"
#include "common/stopwatch.hpp"
#include "common/svg.hpp"
#include "common/table.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using cfm::Var;
using examples::fixed;
using examples::grouped;
using examples::Labelled;
using examples::ProbabilityModel;
using examples::Sample;

struct Options {
  std::vector<std::string> train, test, models{"deepgate2", "deepgate", "polargate"};
  Index cones = 300, epochs = 20, batch = 8, width = 64, rounds = 4, patterns = 15000;
  Index nodes = 600, levels = 25;  // of a cone
  Index pairs = 100;               // of a cone, with near truth tables
  Index largest = 30000;           // nodes of a circuit that is measured
  double learning_rate = 2e-3, dropout = 0;
  std::string out = "out";
  examples::CommonOptions common;
};

/// With `pairs`, also gates whose truth tables are near, as DeepGate2 draws them.
Labelled simulate(const cfm::Aig& aig, const Options& o, bool pairs) {
  Labelled out;
  out.net = cfm::explicit_not_graph(aig);
  const auto patterns =
      cfm::source_patterns(aig, {.patterns = o.patterns, .rng = cfm::Rng(o.common.seed).split(1)});
  if (!pairs) {
    out.probability = cfm::node_probabilities(out.net, cfm::signal_probabilities(aig, patterns));
    return out;
  }
  const cfm::NodeFunctions functions = cfm::node_functions(out.net, patterns);
  out.probability = functions.probability;
  auto options = cfm::TruthTablePairOptions::deepgate2();
  options.max_pairs = o.pairs;
  out.pairs = cfm::truth_table_pairs(out.net.graph, functions, options);
  return out;
}

/// The sum of absolute errors over ANDs and NOTs, and their number.
struct Error {
  double sum = 0, gates = 0;

  template <class T>
  void add(std::span<const T> predicted, const Sample& s) {
    for (std::size_t v = 0; v < predicted.size(); ++v) {
      if (s.kinds[v] == cfm::NodeKind::input) continue;
      sum += std::abs(static_cast<double>(predicted[v]) - s.probability[v]);
      ++gates;
    }
  }
  double mean() const { return gates == 0 ? 0 : sum / gates; }
};

struct Trained {
  ProbabilityModel model;
  std::vector<std::pair<double, double>> curve{};  // epoch, mean loss
  double epoch_seconds = 0, order = 0;             // order: of truth-table distances
};

void train(Trained& trained, const std::vector<Sample>& batches, const Options& o) {
  const ProbabilityModel& model = trained.model;
  examples::ProgressBar bar(model.name + " loss");
  const auto report = bar.function();
  const Index steps = std::ssize(batches), all = o.epochs * steps, warm = std::min<Index>(50, all);
  const cfm::WarmUp<cfm::CosineDecay> schedule{warm, {.steps = all - warm}};
  const examples::Stopwatch clock;
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
      const Var loss = model.loss(s, tape.input(Tensor::zeros({1})), 2 * epoch >= o.epochs,
                                  static_cast<std::uint64_t>(done));
      sum += loss.value().item<float>();
      tape.backward(loss);
      model.step(tape, schedule(done));
      report({"training", done + 1, all, sum / static_cast<double>(i + 1)});
    }
    trained.curve.emplace_back(static_cast<double>(epoch + 1), sum / static_cast<double>(steps));
  }
  bar.finish();
  trained.epoch_seconds = clock.seconds() / static_cast<double>(o.epochs);
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

/// Cones of all training circuits: joined to batches, and every tenth kept back.
struct Data {
  std::vector<Sample> batches, held;
  double mean_label = 0.5;
  Index cones = 0, held_cones = 0, nodes = 0, pairs = 0, held_pairs = 0;
};

std::vector<Sample> join_mixed(const std::vector<Labelled>& cones, Index batch) {
  std::vector<Sample> out;
  const std::size_t batches =
      std::max<std::size_t>(1, cones.size() / static_cast<std::size_t>(batch));
  for (std::size_t b = 0; b < batches; ++b) {  // every n-th cone, so of many circuits
    std::vector<Labelled> part;
    for (std::size_t i = b; i < cones.size(); i += batches) part.push_back(cones[i]);
    out.push_back(examples::join(part));
  }
  return out;
}

Data training_data(const std::vector<Circuit>& circuits, const Options& o) {
  std::vector<Labelled> cones, held;
  Data out;
  double sum = 0, count = 0;
  const Index share = (o.cones + std::ssize(circuits) - 1) / std::ssize(circuits);
  for (std::size_t c = 0; c < circuits.size(); ++c) {
    Index place = 0;
    for (const cfm::Cone& cone : cfm::sample_cones(
             circuits[c].aig,
             {.cones = share,
             .window = {.max_nodes = o.nodes, .max_levels = static_cast<std::int32_t>(o.levels)},
             .overlap = true,
             .rng = cfm::Rng(o.common.seed).split(10 + c)})) {
      Labelled l = simulate(cone.aig, o, true);
      const bool keep_back = ++place % 10 == 0;
      (keep_back ? out.held_pairs : out.pairs) += std::ssize(l.pairs.first);
      (keep_back ? held : cones).push_back(std::move(l));
    }
  }
  if (cones.empty()) throw cfm::Error("the training circuits have no cone of 30 nodes, 4 levels");
  for (const Labelled& l : cones) {
    for (const double p : l.probability) sum += p, ++count;
    out.nodes += l.net.nodes();
  }
  out.mean_label = sum / count;
  out.cones = std::ssize(cones);
  out.held_cones = std::ssize(held);
  out.batches = join_mixed(cones, o.batch);
  if (!held.empty()) out.held.push_back(examples::join(held));
  return out;
}

/// What all predictors do on one sample, as a line of the table.
class Measurement {
 public:
  Measurement(const std::vector<Trained>& models, double mean_label)
      : models_(models), mean_label_(mean_label) {
    std::vector<std::string> heads{"circuit", "nodes", "levels", "constant", "independence"};
    for (const Trained& m : models) heads.push_back(m.model.name), heads.push_back("ms");
    table_.emplace(heads);
    total_.assign(models.size() + 2, 0);
  }

  void add(const std::string& name, const Sample& s, bool circuit) {
    std::vector<std::string> line{name, grouped(s.nodes()),
                                  std::to_string(s.levels.schedule.levels() - 1)};
    std::size_t column = 0;
    const auto row = [&](const std::string& model, auto values, double seconds) {
      Error error;
      error.add(values, s);
      if (circuit) total_[column] += error.mean();
      ++column;
      line.push_back(fixed(error.mean(), 4));
      cfm::Json j;
      j.set("model", model);
      j.set("circuit", name);
      j.set("nodes", s.nodes());
      j.set("mae", error.mean());
      j.set("seconds", seconds);
      rows.push_back(std::move(j));
    };
    row("constant", std::span<const double>(std::vector<double>(s.probability.size(), mean_label_)),
        0);
    cfm::ExplicitNotGraph net;
    net.graph = s.levels.schedule.rows();
    net.kinds = s.kinds;
    const std::vector<double> product = cfm::independent_probabilities(net);
    row("independence", std::span<const double>(product), 0);
    for (std::size_t m = 0; m < models_.size(); ++m) {
      const examples::Stopwatch clock;
      const Tensor p = cfm::clamp(models_[m].model.forward(s, Var()), 0, 1).value();
      const double seconds = clock.seconds();
      const std::span<const float> values = p.span<float>();
      row(models_[m].model.name, values, seconds);
      line.push_back(fixed(1e3 * seconds, 1));
      if (!circuit) continue;
      if (cloud.size() <= m)
        cloud.push_back(
            {.name = models_[m].model.name, .points = {}, .line = false, .markers = true});
      const std::size_t every = std::max<std::size_t>(1, values.size() / 300);
      for (std::size_t v = 0; v < values.size(); v += every)
        cloud[m].points.emplace_back(s.probability[v], values[v]);
    }
    table_->add(line);
    measured_ += circuit;
  }

  void print() {
    if (measured_ > 0) {
      std::vector<std::string> line{"mean of circuits", "", ""};
      for (std::size_t i = 0; i < total_.size(); ++i) {
        line.push_back(fixed(total_[i] / measured_, 4));
        if (i >= 2) line.push_back("");
      }
      table_->add(line);
    }
    table_->print();
  }

  cfm::Json rows{cfm::Json::Array{}};
  std::vector<examples::Series> cloud;

 private:
  const std::vector<Trained>& models_;
  Index largest_;
  double mean_label_, measured_ = 0;
  std::optional<examples::Table> table_;
  std::vector<double> total_;
};

void run(const Options& o) {
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  std::vector<Trained> models;
  for (const std::string& name : o.models)
    models.push_back({examples::probability_model(name, {.width = o.width,
                                                         .rounds = o.rounds,
                                                         .learning_rate = o.learning_rate,
                                                         .dropout = o.dropout,
                                                         .seed = o.common.seed})});
  std::vector<Circuit> train_on, test_on;
  for (const std::string& f : o.train) train_on.push_back(read(f));
  for (const std::string& f : o.test) test_on.push_back(read(f));
  if (train_on.empty()) train_on = generated(false);
  if (test_on.empty()) test_on = generated(true);

  const examples::Stopwatch clock;
  const Data data = training_data(train_on, o);
  std::printf(
      "%zu circuits: %s cones to train on with %s nodes and %s pairs, %s cones kept back with %s "
      "pairs; labelled by simulation in %s s\n",
      train_on.size(), grouped(data.cones).c_str(), grouped(data.nodes).c_str(),
      grouped(data.pairs).c_str(), grouped(data.held_cones).c_str(),
      grouped(data.held_pairs).c_str(), fixed(clock.seconds(), 1).c_str());
  for (Trained& m : models) train(m, data.batches, o);

  Measurement measurement(models, data.mean_label);
  for (const Sample& s : data.held) {
    measurement.add("cones kept back", s, false);
    if (!s.targets.function_pairs.defined()) continue;
    for (Trained& m : models) {
      if (!m.model.function) continue;
      const auto [a, b] =
          cfm::isa_detail::pair_rows(m.model.function(s, Var()), s.targets.function_pairs);
      m.order = cfm::distance_order_accuracy((1.0 - cfm::cosine_similarity(a, b)).value(),
                                             s.targets.function_distance);
    }
  }
  for (const Circuit& c : test_on) {
    Labelled l = simulate(c.aig, o, false);
    if (l.net.nodes() > o.largest)
      std::printf("%s: left out, %s nodes (--largest)\n", c.name.c_str(),
                  grouped(l.net.nodes()).c_str());
    else
      measurement.add(c.name, examples::join({std::move(l)}), true);
  }
  std::printf(
      "\nMean absolute error of the probability of each AND and NOT, circuits not trained on\n\n");
  measurement.print();
  std::printf("\n");
  examples::Table costs(
      {"model", "parameters", "s / epoch", "last training loss", "order of distances"});
  std::vector<examples::Series> curves;
  for (const Trained& m : models) {
    costs.add({m.model.name, grouped(m.model.parameters), fixed(m.epoch_seconds, 2),
               fixed(m.curve.back().second, 4), m.order > 0 ? fixed(m.order, 3) : ""});
    curves.push_back({.name = m.model.name, .points = m.curve});
  }
  costs.print();
  std::filesystem::create_directories(o.out);
  const std::string loss = o.out + "/signal_probability_loss.svg";
  const std::string scatter = o.out + "/signal_probability.svg";
  examples::chart(
      curves, {.title = "Training on cones", .x_label = "epoch", .y_label = "loss", .log_y = true})
      .save(loss);
  examples::chart(measurement.cloud, {.title = "Gates of circuits that were not trained on",
                                      .x_label = "simulated probability",
                                      .y_label = "predicted"})
      .save(scatter);
  std::printf("\nwrote %s and %s\n", loss.c_str(), scatter.c_str());
  if (!o.common.json.empty()) {
    cfm::write_json(o.common.json, measurement.rows);
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
      .add("models", o.models, "NAME,...",
           "of convgnn, dag-conv, dag-rec, deepgate, deepgate2, polargate")
      .add("cones", o.cones, "N", "cones, one in ten of them kept back (default 300)")
      .add("nodes", o.nodes, "N", "of a cone at most (default 600)")
      .add("levels", o.levels, "N", "of a cone at most (default 25)")
      .add("pairs", o.pairs, "N", "gates of near truth tables a cone (default 100)")
      .add("epochs", o.epochs, "N", "passes over the cones (default 20)")
      .add("batch", o.batch, "N", "cones a step (default 8)")
      .add("width", o.width, "N", "of the state of a gate (default 64)")
      .add("rounds", o.rounds, "N",
           "sweeps of the DeepGate family, both ways (default 4; published 10)")
      .add("patterns", o.patterns, "N", "random patterns of a simulation (default 15000)")
      .add("learning-rate", o.learning_rate, "X", "at first, falling to 0 (default 0.002)")
      .add("dropout", o.dropout, "X", "in the heads (default 0; published .2 and .5)")
      .add("largest", o.largest, "N", "leave out circuits of more nodes (default 30000)")
      .add("out", o.out, "FOLDER", "for the pictures (default out)")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] {
    if (o.cones < 1 || o.epochs < 1 || o.batch < 1 || o.width < 1 || o.rounds < 1 ||
        o.patterns < 1 || o.nodes < 1 || o.levels < 1 || o.pairs < 1 || o.models.empty())
      throw examples::UsageError("numbers must be at least 1");
    if (o.test.empty() && o.train.size() > 2)
      for (std::size_t i = o.train.size(); i-- > 0;)
        if (i % 3 == 2) {
          o.test.insert(o.test.begin(), o.train[i]);
          o.train.erase(o.train.begin() + static_cast<std::ptrdiff_t>(i));
        }
    examples::on_threads(o.common, [&] { run(o); });
  });
}
