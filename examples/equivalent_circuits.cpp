/// @file  Recognises circuits that compute the same function by other gates.
///
/// FGNN2 learns from pairs: a random function and a rewritten circuit of it are alike, all others
/// of the batch are not. The test has functions that training never drew: for each of 256 circuits
/// the nearest of 256 rewritten ones is looked up.

#include <algorithm>
#include <numeric>
#include <set>

#include <cfm/circuit/cone.hpp>
#include <cfm/circuit/generate_misc.hpp>
#include <cfm/circuit/levels.hpp>
#include <cfm/circuit/node_functions.hpp>
#include <cfm/circuit/random_rewrite.hpp>
#include <cfm/core/version.hpp>
#include <cfm/io/json.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/models/fgnn2.hpp>
#include <cfm/models/fgnn2_training.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/schedule.hpp>

#include "common/args.hpp"
#include "common/progress.hpp"
#include "common/stopwatch.hpp"
#include "common/table.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using cfm::Var;
using examples::fixed;
using examples::grouped;

constexpr std::size_t inputs = 6;  // a truth table is one word

struct Options {
  Index steps = 1000, pairs = 128, candidates = 256, width = 128;
  double rate = 0.15, learning_rate = 4e-3;
  examples::CommonOptions common;
};

std::uint64_t table_of(const cfm::Aig& aig) {
  const cfm::NodeFunctions f = cfm::node_functions(aig);
  const cfm::Literal out = aig.output_literals()[0];
  const std::uint64_t word = f.values[static_cast<Index>(out.variable())][0];
  return out.inverted() ? ~word : word;
}

/// The least table under all orders of the inputs, which this encoder cannot tell apart.
std::uint64_t canonical(std::uint64_t table) {
  std::vector<std::size_t> order(inputs);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::uint64_t least = ~std::uint64_t{0};
  do {
    std::uint64_t permuted = 0;
    for (std::size_t row = 0; row < 64; ++row) {
      std::size_t from = 0;
      for (std::size_t i = 0; i < inputs; ++i) from |= (row >> i & 1) << order[i];
      permuted |= (table >> from & 1) << row;
    }
    least = std::min(least, permuted);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

/// One output that depends on all inputs, is true for 1/8 to 7/8 of the rows, 12 to 40 ANDs.
cfm::Aig random_function(cfm::Rng rng) {
  while (true) {
    cfm::Aig pool = cfm::random_aig({.inputs = inputs, .ands = 50, .outputs = 0, .window = 20},
                                    rng.split(rng.next()));
    const cfm::Literal root(static_cast<std::uint32_t>(pool.variables() - 1), rng.below(2) == 1);
    const cfm::Aig aig = cfm::extract_cone(pool, std::span(&root, 1)).aig;
    if (aig.inputs() != inputs || aig.ands() < 12 || aig.ands() > 40) continue;
    const int ones = std::popcount(table_of(aig));
    if (ones >= 8 && ones <= 56) return aig;
  }
}

/// Vectors of the outputs, [circuits, width].
Var embed(const cfm::Fgnn2<>& model, const std::vector<cfm::Aig>& circuits, const Var& tape) {
  const cfm::Fgnn2Graph graph = cfm::fgnn2_graph(std::span<const cfm::Aig>(circuits));
  return model.outputs(graph, model(graph, tape));
}

struct Pairs {
  std::vector<cfm::Aig> first, second;
};

/// `distinct`: no two functions are equal up to the order of inputs.
Pairs draw(Index count, double rate, bool distinct, cfm::Rng rng) {
  Pairs out;
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; std::ssize(out.first) < count; ++i) {
    cfm::Aig aig = random_function(rng.split(2 * i));
    if (distinct && !seen.insert(canonical(table_of(aig))).second) continue;
    cfm::Aig other = cfm::random_rewrite(aig, {.rate = rate, .rng = rng.split(2 * i + 1)});
    // A rewriting may find that the output is an input or constant; then it has no gate to embed.
    if (!other.is_and(other.output_literals()[0].variable())) continue;
    out.first.push_back(std::move(aig));
    out.second.push_back(std::move(other));
  }
  return out;
}

double train(cfm::Fgnn2<>& model, const Options& o) {
  examples::ProgressBar bar("loss");
  const auto report = bar.function();
  const cfm::WarmUp<cfm::CosineDecay> schedule{20, {.steps = std::max<Index>(1, o.steps - 20)}};
  cfm::Adam adam(model, {.learning_rate = o.learning_rate});
  double mean = 0;
  for (Index step = 0; step < o.steps; ++step) {
    const cfm::Rng rng = cfm::Rng(o.common.seed).split(static_cast<std::uint64_t>(100 + step));
    const Pairs pairs = draw(o.pairs, o.rate, false, rng);
    cfm::Tape tape({.training = true, .rng = rng});
    const Var anchor = tape.input(Tensor::zeros({1}));
    const Var loss = cfm::contrastive_loss(embed(model, pairs.first, anchor),
                                           embed(model, pairs.second, anchor));
    tape.backward(loss);
    adam.scale_learning_rate(schedule(step));
    adam.step(tape);
    const double value = loss.value().item<float>();
    mean = step == 0 ? value : 0.95 * mean + 0.05 * value;
    report({"training", step + 1, o.steps, mean});
  }
  bar.finish();
  return mean;
}

/// How often the nearest by cosine is the partner.
double retrieval(const cfm::Fgnn2<>& model, const Pairs& pairs) {
  const Var a = cfm::normalize(embed(model, pairs.first, Var()), 2, 1, 1e-8),
            b = cfm::normalize(embed(model, pairs.second, Var()), 2, 1, 1e-8);
  const Tensor cosine = cfm::matmul(a, cfm::transpose(b, 0, 1)).value();
  const auto c = std::as_const(cosine).view<float, 2>();
  double right = 0;
  for (Index i = 0; i < c.extent[0]; ++i) {
    bool best = true;
    for (Index j = 0; j < c.extent[1]; ++j) best = best && (j == i || c(i, j) < c(i, i));
    right += best;
  }
  return right / static_cast<double>(c.extent[0]);
}

void run(const Options& o) {
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  cfm::Fgnn2<> model({.width = o.width, .hidden = o.width / 2}, cfm::Rng(o.common.seed).split(1));
  const cfm::Fgnn2<> untrained = cfm::clone(model);
  const examples::Stopwatch clock;
  const double loss = train(model, o);
  std::printf("%s parameters, %s pairs seen in %s s, last loss %s\n\n",
              grouped(cfm::parameter_count(model)).c_str(), grouped(o.steps * o.pairs).c_str(),
              fixed(clock.seconds(), 1).c_str(), fixed(loss, 3).c_str());
  examples::Table table({"rewritten", "untrained", "retrieval@1"});
  cfm::Json rows{cfm::Json::Array{}};
  for (const double rate : {0.1, 0.2, 0.3, 0.5}) {
    const Pairs test = draw(o.candidates, rate, true, cfm::Rng(o.common.seed).split(2));
    const double before = retrieval(untrained, test), after = retrieval(model, test);
    table.add({fixed(rate, 1), fixed(before, 3), fixed(after, 3)});
    cfm::Json j;
    j.set("rate", rate);
    j.set("untrained", before);
    j.set("retrieval@1", after);
    rows.push_back(std::move(j));
  }
  std::printf("The equivalent partner among %s circuits of other functions\n\n",
              grouped(o.candidates).c_str());
  table.print();
  if (!o.common.json.empty()) cfm::write_json(o.common.json, rows);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("equivalent_circuits",
                      "Trains FGNN2 to recognise rewritten circuits of the same function.");
  args.add("steps", o.steps, "N", "steps of training (default 1000)")
      .add("pairs", o.pairs, "N", "pairs a step (default 128)")
      .add("width", o.width, "N", "of a vector (default 128)")
      .add("rate", o.rate, "X", "part of the ANDs that each of two passes rewrites (default 0.15)")
      .add("learning-rate", o.learning_rate, "X", "at most (default 0.004)")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] {
    if (o.steps < 1 || o.pairs < 2 || o.width < 2)
      throw examples::UsageError("numbers must be positive, pairs and width 2 or more");
    if (o.rate < 0 || o.rate > 1) throw examples::UsageError("--rate: 0 to 1");
    examples::on_threads(o.common, [&] { run(o); });
  });
}
