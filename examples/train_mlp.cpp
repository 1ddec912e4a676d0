/// @file  Trains a small network to add: its data are simulated input and output bits of a ripple
///        adder, and it is asked about sums that it has not seen.

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_loss.hpp>
#include <cfm/circuit/generate_adders.hpp>
#include <cfm/circuit/simulate.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/norm.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/tensor/pool.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/checkpoint.hpp>
#include <cfm/train/loop.hpp>
#include <cfm/train/schedule.hpp>

#include "common/args.hpp"
#include "common/progress.hpp"
#include "common/stopwatch.hpp"
#include "common/svg.hpp"
#include "common/table.hpp"

namespace {

struct Options {
  std::size_t bits = 4;
  cfm::Index hidden = 64, steps = 1500, batch = 128, stop_after = 0;
  double learning_rate = 1e-2;
  std::string save, checkpoint, picture;
  examples::CommonOptions common;
};

struct NetworkConfig {
  cfm::Index inputs = 8, hidden = 64, outputs = 5;

  static void visit(auto& self, auto&& v) {
    v("inputs", self.inputs);
    v("hidden", self.hidden);
    v("outputs", self.outputs);
  }
};

/// Two hidden layers, a normalisation, and one logit for each output bit.
class Network {
 public:
  using Config = NetworkConfig;
  static constexpr std::string_view kind = "adder-network";

  explicit Network(const Config& config, cfm::Init init = {})
      : config_(config),
        first_(config.inputs, config.hidden, init.next()),
        second_(config.hidden, config.hidden, init.next()),
        norm_(config.hidden, init.next()),
        out_(config.hidden, config.outputs, init.next()) {}

  cfm::Var operator()(const cfm::Var& x) const {
    return out_(norm_(relu(second_(relu(first_(x))))));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("first", self.first_);
    v("second", self.second_);
    v("norm", self.norm_);
    v("out", self.out_);
  }

 private:
  Config config_;
  cfm::Linear<> first_, second_;
  cfm::LayerNorm norm_;
  cfm::Linear<> out_;
};

/// One row a pattern: input bits as -1 and 1, output bits as 0 and 1.
struct Samples {
  cfm::Tensor x, y;
};

/// Random patterns of a circuit in two sets. The input bits decide, by a hash, where a pattern goes
/// (one of four to the second set), so no pattern is in both.
std::pair<Samples, Samples> simulate_samples(const cfm::Aig& aig, cfm::Index words,
                                             std::uint64_t seed) {
  const cfm::BitRows in = cfm::random_patterns(static_cast<cfm::Index>(aig.inputs()), words,
                                               cfm::Rng(seed));
  const cfm::BitRows out = cfm::simulate(aig, in);
  std::vector<float> x[2], y[2];
  for (cfm::Index p = 0; p < in.patterns(); ++p) {
    std::uint64_t key = 0;
    for (cfm::Index r = 0; r < in.rows(); ++r) key = 2 * key + (in.get(r, p) ? 1 : 0);
    const std::size_t set = cfm::Rng(key).next() % 4 == 0 ? 1 : 0;
    for (cfm::Index r = 0; r < in.rows(); ++r) x[set].push_back(in.get(r, p) ? 1.0f : -1.0f);
    for (cfm::Index r = 0; r < out.rows(); ++r) y[set].push_back(out.get(r, p) ? 1.0f : 0.0f);
  }
  const auto samples = [&](std::size_t set) {
    const auto rows = static_cast<cfm::Index>(x[set].size()) / in.rows();
    return Samples{cfm::Tensor::from(x[set], {rows, in.rows()}),
                   cfm::Tensor::from(y[set], {rows, out.rows()})};
  };
  return {samples(0), samples(1)};
}

/// Part of the rows in which each output bit is right, and, last, in which all of them are.
std::vector<double> accuracies(const Network& model, const Samples& data) {
  const cfm::Tensor logits = model(data.x).value();
  const auto z = std::as_const(logits).view<float, 2>(), y = std::as_const(data.y).view<float, 2>();
  std::vector<double> out(static_cast<std::size_t>(y.cols() + 1), 0);
  for (cfm::Index r = 0; r < y.rows(); ++r) {
    bool all = true;
    for (cfm::Index c = 0; c < y.cols(); ++c) {
      const bool right = (z(r, c) > 0) == (y(r, c) > 0.5f);
      out[static_cast<std::size_t>(c)] += right ? 1 : 0;
      all = all && right;
    }
    out.back() += all ? 1 : 0;
  }
  for (double& a : out) a /= static_cast<double>(std::max<cfm::Index>(1, y.rows()));
  return out;
}

void run(const Options& o) {
  if (o.bits < 1 || o.bits > 16) throw examples::UsageError("--bits: from 1 to 16");
  const examples::Stopwatch clock;
  const cfm::Aig adder = cfm::ripple_adder(o.bits);
  const std::pair<Samples, Samples> samples = simulate_samples(adder, 64, o.common.seed);
  const Samples &seen = samples.first, &unseen = samples.second;

  Network model({.inputs = static_cast<cfm::Index>(adder.inputs()),
                 .hidden = o.hidden,
                 .outputs = static_cast<cfm::Index>(adder.outputs())},
                cfm::Rng(o.common.seed));
  cfm::AdamW optimizer(model, {.learning_rate = o.learning_rate, .weight_decay = 0.02},
                       {.groups = {{.parameters = cfm::NamePattern("*.bias"), .weight_decay = 0}},
                        .clip_norm = 1.0});
  const cfm::WarmUp<cfm::CosineDecay> schedule{.steps = 50, .next = {.steps = o.steps - 50}};

  const auto step = [&](cfm::Index k) {
    const cfm::Rng rng = cfm::Rng(o.common.seed).split(static_cast<std::uint64_t>(k));
    std::vector<std::int64_t> rows(static_cast<std::size_t>(o.batch));
    cfm::Rng draw = rng;
    for (std::int64_t& r : rows)
      r = static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(seen.x.size(0))));
    const cfm::Tensor batch = cfm::Tensor::from(rows, {o.batch});

    cfm::Tape tape({.training = true, .rng = rng});
    const cfm::Var loss = cfm::bce_with_logits(model(tape.input(cfm::gather_rows(seen.x, batch))),
                                               cfm::gather_rows(seen.y, batch));
    tape.backward(loss);
    optimizer.scale_learning_rate(schedule(k));
    optimizer.step(tape);
    return static_cast<double>(loss.item<float>());
  };

  cfm::TrainingState state;
  if (!o.checkpoint.empty() && std::filesystem::exists(o.checkpoint))
    state = cfm::load_checkpoint(o.checkpoint, model, optimizer);
  cfm::FitOptions how{.steps = o.steps, .first = std::min(state.step, o.steps)};
  if (!o.checkpoint.empty()) {
    how.save_every = 250;
    how.save = [&](cfm::Index done) {
      cfm::save_checkpoint(o.checkpoint, model, optimizer, {.step = done});
    };
  }
  examples::ProgressBar bar("loss");
  std::vector<std::pair<double, double>> losses;
  const cfm::FitResult result = cfm::fit(how, step, [&](const cfm::Progress& p) {
    losses.emplace_back(static_cast<double>(p.step), p.value);
    return bar(p) && p.step != o.stop_after;
  });
  bar.finish();

  const std::vector<double> train = accuracies(model, seen), test = accuracies(model, unseen);
  std::printf("%zu-bit ripple adder, %zu AND gates; %s samples to learn from, %s of other "
              "patterns; %s parameters\n",
              o.bits, adder.ands(), examples::grouped(seen.x.size(0)).c_str(),
              examples::grouped(unseen.x.size(0)).c_str(),
              examples::grouped(cfm::parameter_count(model)).c_str());
  examples::Table table({"output", "seen %", "not seen %"});
  cfm::Json rows{cfm::Json::Array{}};
  for (std::size_t i = 0; i < test.size(); ++i) {
    const std::string name = i + 1 == test.size() ? "all bits"
                             : i == o.bits        ? "carry"
                                                  : "sum " + std::to_string(i);
    table.add({name, examples::fixed(100 * train[i], 2), examples::fixed(100 * test[i], 2)});
    cfm::Json row;
    row.set("output", name);
    row.set("seen", 100 * train[i]);
    row.set("unseen", 100 * test[i]);
    rows.push_back(std::move(row));
  }
  table.print();
  std::printf("%lld steps, last loss %.5f, %.2f s, peak %s of tensors\n",
              static_cast<long long>(result.step), result.loss, clock.seconds(),
              examples::human_bytes(
                  static_cast<double>(cfm::BufferPool::instance().usage().peak)).c_str());
  if (!o.common.json.empty()) cfm::write_json(o.common.json, rows, {.indent = 2});
  if (!o.save.empty()) cfm::save(model, o.save);
  if (!o.picture.empty())
    examples::chart({{.name = "batch loss", .points = losses}},
                    {.title = "Learning to add", .x_label = "step", .y_label = "loss",
                     .log_y = true})
        .save(o.picture);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("train_mlp",
                      "Trains a small network on simulated patterns of an adder and tests it on "
                      "patterns that it has not seen.");
  args.add("bits", o.bits, "N", "width of the adder (default 4)")
      .add("hidden", o.hidden, "N", "width of the network (default 64)")
      .add("steps", o.steps, "N", "training steps (default 1500)")
      .add("batch", o.batch, "N", "patterns a step (default 128)")
      .add("learning-rate", o.learning_rate, "X", "peak learning rate (default 0.01)")
      .add("checkpoint", o.checkpoint, "FILE", "go on from this file if it exists; keep it current")
      .add("stop-after", o.stop_after, "N", "stop when this many steps are done, to be resumed")
      .add("save", o.save, "FILE", "write the model as safetensors")
      .add("picture", o.picture, "FILE", "write the loss curve as SVG")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] { examples::on_threads(o.common, [&] { run(o); }); });
}
