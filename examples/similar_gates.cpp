/// @file  Finds gates of a second version of a design that compute what gates of the first do.
///
/// DeepGate2 gives every gate of both versions a vector of its function; the nearest few by cosine
/// are candidates, and simulation says which of them are equal. The model learns from cones of the
/// two versions, always of one version at a time: no pair of gates across them is ever trained on.
/// Without files, a ripple and a lookahead adder are compared.

#include <cmath>
#include <filesystem>
#include <numeric>
#include <unordered_map>

#include <cfm/circuit/generate_adders.hpp>
#include <cfm/circuit/node_functions.hpp>
#include <cfm/circuit/read.hpp>
#include <cfm/circuit/sample_cones.hpp>
#include <cfm/circuit/strash.hpp>
#include <cfm/circuit/truth_table_pairs.hpp>
#include <cfm/core/version.hpp>
#include <cfm/io/json.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/top_k.hpp>
#include <cfm/models/deepgate2_training.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/schedule.hpp>

#include "common/args.hpp"
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

struct Options {
  std::string first, second, load, save, picture = "out/similar_gates.svg";
  Index cones = 200, epochs = 60, batch = 10, pairs = 200, width = 64, patterns = 16384, show = 12;
  Index candidates = 8;
  double learning_rate = 2e-3;
  examples::CommonOptions common;
};

std::size_t at(std::int32_t node) { return static_cast<std::size_t>(node); }

/// One version of the design.
struct Design {
  std::string name;
  cfm::Aig aig;
  cfm::ExplicitNotGraph net;
  cfm::DeepGate2Graph graph;
  std::vector<std::int32_t> level;
  cfm::NodeFunctions functions;     // under patterns that both versions share
  std::vector<double> probability;  // of ones, under patterns of its own
  std::vector<std::int32_t> gates;  // ANDs and NOTs that change often enough to be told apart

  bool agrees(std::int32_t a, const Design& other, std::int32_t b) const {
    const auto x = functions.values[a], y = other.functions.values[b];
    return std::equal(x.begin(), x.end(), y.begin());
  }

  // Part of the patterns in which a gate differs from one of the other version.
  double distance(std::int32_t a, const Design& other, std::int32_t b) const {
    const auto x = functions.values[a], y = other.functions.values[b];
    std::int64_t differ = 0;
    for (std::size_t w = 0; w < x.size(); ++w) differ += std::popcount(x[w] ^ y[w]);
    return static_cast<double>(differ) / static_cast<double>(functions.values.patterns());
  }

  std::string gate(std::int32_t v) const {
    for (std::size_t i = 0; i < net.outputs.size(); ++i)
      if (net.outputs[i] == v)
        return aig.output_name(i).empty() ? cfm::concat("output ", i)
                                          : cfm::concat("output ", aig.output_name(i));
    return cfm::concat(net.kinds[at(v)] == cfm::NodeKind::not_gate ? "NOT " : "AND ", v);
  }
};

Design make_design(std::string name, cfm::Aig aig, const Options& o, std::uint64_t own) {
  constexpr double changes = 16;  // gates with fewer ones or zeros look alike by chance
  Design d;
  d.name = std::move(name);
  d.aig = std::move(aig);
  d.net = cfm::explicit_not_graph(d.aig);
  d.graph = cfm::deepgate2_graph(d.net);
  d.level = cfm::forward_levels(d.net.graph.fanins());
  const auto patterns = [&](std::uint64_t stream) {
    return cfm::source_patterns(
        d.net, {.patterns = o.patterns, .rng = cfm::Rng(o.common.seed).split(stream)});
  };
  d.functions = cfm::node_functions(d.net, patterns(1));
  d.probability = cfm::node_probabilities(d.net, cfm::signal_probabilities(d.aig, patterns(own)));
  const double least =
      d.functions.exact ? 0 : changes / static_cast<double>(d.functions.values.patterns());
  for (std::int32_t v = 0; v < d.net.nodes(); ++v) {
    const double p = d.functions.probability[at(v)];
    const cfm::NodeKind kind = d.net.kinds[at(v)];
    if ((kind == cfm::NodeKind::and_gate || kind == cfm::NodeKind::not_gate) && p > least &&
        p < 1 - least)
      d.gates.push_back(v);
  }
  return d;
}

/// Literals of all nodes in one hashed graph: what is built alike in both versions has one literal.
std::vector<cfm::Literal> hash_nodes(const Design& d, cfm::Strash& builder) {
  std::vector<cfm::Literal> map(d.aig.variables(), cfm::literal_false);
  for (std::uint32_t v = 1; v < d.aig.variables(); ++v) {
    const auto in = [&](std::size_t i) {
      const cfm::Literal l = d.aig.fanins(v)[i];
      return map[l.variable()] ^ l.inverted();
    };
    map[v] = d.aig.is_and(v) ? builder.land(in(0), in(1)) : cfm::Literal(v, false);
  }
  std::vector<cfm::Literal> out;
  for (std::int32_t v = 0; v < d.net.nodes(); ++v)
    out.push_back(d.net.kinds[at(v)] == cfm::NodeKind::not_gate
                      ? !out[at(d.net.graph.fanins()[v][0])]
                      : map[at(v) + 1]);
  return out;
}

/// A gate of the first version and what is right for it.
struct Question {
  std::int32_t node = 0;
  std::vector<std::int32_t> equal;  // gates of the second with the same bits
  bool same_structure = false;      // one of them is built from the inputs in the same way
};

std::vector<Question> make_questions(const Design& first, const Design& second) {
  const auto hash = [](std::span<const std::uint64_t> row) {
    std::uint64_t h = 0;
    for (const std::uint64_t word : row) {
      h = (h ^ word) * 0x9E3779B97F4A7C15u;
      h ^= h >> 29;
    }
    return h;
  };
  std::unordered_map<std::uint64_t, std::vector<std::int32_t>> by_function;
  for (const std::int32_t v : second.gates)
    by_function[hash(second.functions.values[v])].push_back(v);
  cfm::Strash builder;
  for (std::uint32_t v = 1; v < first.aig.first_and(); ++v) builder.add_input();
  const auto of_first = hash_nodes(first, builder), of_second = hash_nodes(second, builder);
  std::vector<Question> out;
  for (const std::int32_t v : first.gates) {
    Question q{.node = v, .equal = {}};
    if (const auto found = by_function.find(hash(first.functions.values[v]));
        found != by_function.end())
      for (const std::int32_t u : found->second)
        if (first.agrees(v, second, u)) {
          q.equal.push_back(u);
          q.same_structure |= of_first[at(v)] == of_second[at(u)];
        }
    out.push_back(std::move(q));
  }
  return out;
}

/// Cones of one version, labelled.
struct Batch {
  cfm::DeepGate2Graph graph;
  cfm::DeepGate2Targets targets;
};

struct LabelledCone {
  cfm::ExplicitNotGraph net;
  std::vector<double> probability, distance;
  std::vector<std::array<std::int32_t, 2>> pairs;
};

LabelledCone label(const cfm::Aig& cone, const Options& o, cfm::Rng rng) {
  LabelledCone out;
  out.net = cfm::explicit_not_graph(cone);
  const cfm::NodeFunctions functions =
      cfm::node_functions(out.net, {.patterns = 4096, .rng = rng.split(0)});
  out.probability = functions.probability;
  cfm::TruthTablePairOptions options;  // of the same inputs, however near or far
  options.max_probability_gap = 1;
  options.discard_above = 1;
  options.max_pairs = o.pairs;
  options.rng = rng.split(1);
  const cfm::TruthTablePairs near = cfm::truth_table_pairs(out.net.graph, functions, options);
  for (std::size_t i = 0; i < near.first.size(); ++i) {
    out.pairs.push_back({near.first[i], near.second[i]});
    out.distance.push_back(near.distance[i]);
  }
  // And as many gates of any inputs, so that these are told apart too.
  const auto nodes = static_cast<std::uint64_t>(out.net.nodes());
  cfm::Rng draw = rng.split(2);
  for (Index i = 0; i < o.pairs; ++i) {
    const auto a = static_cast<std::int32_t>(draw.below(nodes));
    const auto b = static_cast<std::int32_t>(draw.below(nodes));
    if (a == b) continue;
    out.pairs.push_back({a, b});
    out.distance.push_back(functions.distance(a, b));
  }
  return out;
}

Batch join(const std::vector<const LabelledCone*>& cones) {
  std::vector<cfm::ExplicitNotGraph> nets;
  std::vector<float> probability, distance;
  std::vector<std::int32_t> pairs;
  std::int32_t before = 0;
  for (const LabelledCone* cone : cones) {
    for (const auto& [a, b] : cone->pairs) {
      pairs.push_back(before + a);
      pairs.push_back(before + b);
    }
    for (const double p : cone->probability) probability.push_back(static_cast<float>(p));
    for (const double x : cone->distance) distance.push_back(static_cast<float>(x));
    before += static_cast<std::int32_t>(cone->net.nodes());
    nets.push_back(cone->net);
  }
  Batch out;
  out.graph = cfm::deepgate2_graph(std::span<const cfm::ExplicitNotGraph>(nets));
  out.targets.probability = Tensor::from(probability, {std::ssize(probability)});
  out.targets.function_pairs = Tensor::from(pairs, {std::ssize(distance), 2});
  out.targets.function_distance = Tensor::from(distance, {std::ssize(distance)});
  return out;
}

std::vector<Batch> training_batches(const std::vector<const Design*>& designs, const Options& o) {
  std::vector<LabelledCone> cones;
  const cfm::Rng rng(o.common.seed);
  const Index share = (o.cones + 1) / 2;
  for (std::size_t d = 0; d < designs.size(); ++d) {
    const auto cut = cfm::sample_cones(
        designs[d]->aig,
        {.cones = share,
         .window = {.min_nodes = 8, .max_nodes = 300, .min_levels = 2, .max_levels = 40},
         .overlap = true,
         .rng = rng.split(10 + d)});
    for (std::size_t i = 0; i < cut.size(); ++i)
      cones.push_back(label(cut[i].aig, o, rng.split(20 + d).split(i)));
  }
  if (cones.empty()) throw cfm::Error("the designs have no cone of 8 nodes and 2 levels");
  std::vector<Batch> out;
  const std::size_t batches =
      std::max<std::size_t>(1, cones.size() / static_cast<std::size_t>(o.batch));
  for (std::size_t b = 0; b < batches; ++b) {  // every n-th cone, so of both versions
    std::vector<const LabelledCone*> part;
    for (std::size_t i = b; i < cones.size(); i += batches) part.push_back(&cones[i]);
    out.push_back(join(part));
  }
  return out;
}

/// The loss of the last epoch.
double train(cfm::DeepGate2<>& model, const std::vector<Batch>& batches, const Options& o) {
  examples::ProgressBar bar("loss");
  const auto report = bar.function();
  const Index steps = std::ssize(batches);
  const cfm::CosineDecay schedule{.steps = o.epochs * steps};
  cfm::Adam adam(model, {.learning_rate = o.learning_rate});
  double mean = 0;
  for (Index epoch = 0; epoch < o.epochs; ++epoch) {
    double sum = 0;
    cfm::Rng order = cfm::Rng(o.common.seed).split(static_cast<std::uint64_t>(100 + epoch));
    std::vector<std::size_t> turn(batches.size());
    std::iota(turn.begin(), turn.end(), std::size_t{0});
    for (std::size_t i = turn.size(); i > 1; --i) std::swap(turn[i - 1], turn[order.below(i)]);
    for (Index i = 0; i < steps; ++i) {
      const Batch& batch = batches[turn[static_cast<std::size_t>(i)]];
      const Index done = epoch * steps + i;
      cfm::Tape tape({.training = true, .rng = order.split(static_cast<std::uint64_t>(i))});
      const Var anchor = tape.input(Tensor::zeros({1}));
      const Var loss = cfm::deepgate2_loss(model, model(batch.graph, anchor), batch.targets,
                                           {.probability = 1, .reconvergence = 0, .function = 2});
      sum += loss.value().item<float>();
      tape.backward(loss);
      adam.scale_learning_rate(schedule(done));
      adam.step(tape);
      mean = sum / static_cast<double>(i + 1);
      if (!report({"training", done + 1, o.epochs * steps, mean})) return mean;
    }
  }
  bar.finish();
  return mean;
}

/// Rows of unit length.   Shapes:  [nodes listed, width].
Tensor unit_rows(const Tensor& states, const std::vector<std::int32_t>& nodes) {
  const Index width = states.size(1);
  Tensor out = Tensor::empty({std::ssize(nodes), width});
  const Tensor dense = states.contiguous();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const float* const from = dense.data<float>() + nodes[i] * width;
    float* const to = out.data<float>() + static_cast<Index>(i) * width;
    const double length = std::sqrt(std::inner_product(from, from + width, from, 0.0));
    for (Index c = 0; c < width; ++c) to[c] = static_cast<float>(from[c] / std::max(length, 1e-8));
  }
  return out;
}

/// A gate of the second version, and how near it is to one of the first.
struct Candidate {
  std::int32_t node = 0;
  double cosine = 0;
};
using Answer = std::vector<Candidate>;  // the nearest first

/// The k gates of the second version that are nearest to each gate of the first.
std::vector<Answer> nearest(const cfm::DeepGate2<>& model, const Design& first,
                            const Design& second, Index k, double& seconds) {
  const examples::Stopwatch clock;
  const Tensor a = unit_rows(model(first.graph).function.value(), first.gates);
  const Tensor b = unit_rows(model(second.graph).function.value(), second.gates).transpose(0, 1);
  k = std::min(k, std::ssize(second.gates));
  std::vector<Answer> out;
  for (Index begin = 0; begin < a.size(0); begin += 512) {
    const cfm::Ordered best =
        cfm::top_k(cfm::matmul(a.slice(0, begin, std::min(a.size(0), begin + 512)), b), k);
    for (Index i = 0; i < best.values.size(0); ++i) {
      Answer& answer = out.emplace_back();
      for (Index j = i * k; j < (i + 1) * k; ++j)
        answer.push_back(
            {second.gates[static_cast<std::size_t>(best.indices.data<std::int64_t>()[j])],
             best.values.data<float>()[j]});
    }
  }
  seconds = clock.seconds();
  return out;
}

/// How often a method names an equal gate, of the gates that have one.
struct Precision {
  double all = 0, rebuilt = 0;  // rebuilt: without those that are built alike
  std::size_t gates = 0, rebuilt_gates = 0;

  void add(const Question& q, double right) {
    if (q.equal.empty()) return;
    all += right;
    ++gates;
    if (q.same_structure) return;
    rebuilt += right;
    ++rebuilt_gates;
  }
  static double share(double sum, std::size_t count) {
    return count == 0 ? 0 : sum / static_cast<double>(count);
  }
  double of_all() const { return share(all, gates); }
  double of_rebuilt() const { return share(rebuilt, rebuilt_gates); }
};

/// The place of the first of k candidates that simulation confirms, or k.
std::size_t confirmed(const Question& q, const Answer& a, std::size_t k) {
  k = std::min(k, a.size());
  for (std::size_t i = 0; i < k; ++i)
    if (std::find(q.equal.begin(), q.equal.end(), a[i].node) != q.equal.end()) return i;
  return k;
}

Precision precision_of(const std::vector<Question>& questions, const std::vector<Answer>& answers,
                       std::size_t k) {
  Precision out;
  for (std::size_t i = 0; i < questions.size(); ++i)
    out.add(questions[i],
            confirmed(questions[i], answers[i], k) < std::min(k, answers[i].size()) ? 1 : 0);
  return out;
}

/// How likely one of k gates out of `total` is one of `equal`.
double drawn(double equal, double total, double k) {
  double none = 1;
  for (double i = 0; i < std::min(k, total); ++i)
    none *= std::max(0.0, total - equal - i) / (total - i);
  return 1 - none;
}

/// Any k gates, drawn uniformly: what is expected.
Precision random_choice(const std::vector<Question>& questions, const Design& second, double k) {
  Precision out;
  for (const Question& q : questions)
    out.add(q, drawn(static_cast<double>(q.equal.size()), static_cast<double>(second.gates.size()),
                     k));
  return out;
}

/// The k gates of the nearest probabilities of ones, each version simulated under patterns of its
/// own; among equally near ones any: what is expected.
Precision by_probability(const std::vector<Question>& questions, const Design& first,
                         const Design& second, std::size_t k) {
  std::vector<double> sorted;
  const auto of = [&](std::int32_t v) { return second.probability[at(v)]; };
  for (const std::int32_t v : second.gates) sorted.push_back(of(v));
  Precision out;
  for (const Question& q : questions) {
    const double p = first.probability[at(q.node)];
    std::vector<double> gaps;
    for (const double x : sorted) gaps.push_back(std::abs(x - p));
    const auto last = gaps.begin() + static_cast<std::ptrdiff_t>(std::min(k, gaps.size())) - 1;
    std::nth_element(gaps.begin(), last, gaps.end());
    // Nearer than the last are in, with those as near as it the rest of the k is filled.
    const double gap = *last, rounding = 1e-9;
    const auto within = [&](double most) {
      return std::count_if(sorted.begin(), sorted.end(),
                           [&](double x) { return std::abs(x - p) <= most; });
    };
    const auto inside = within(gap - rounding), as_near = within(gap + rounding) - inside;
    double equal = 0;
    bool certain = false;
    for (const std::int32_t v : q.equal) {
      certain |= std::abs(of(v) - p) <= gap - rounding;
      equal += std::abs(of(v) - p) <= gap + rounding ? 1 : 0;
    }
    out.add(q, certain ? 1
                       : drawn(equal, static_cast<double>(as_near),
                               static_cast<double>(k) - static_cast<double>(inside)));
  }
  return out;
}

/// The places of gates that are not built alike, most certain first candidate first.
std::vector<std::size_t> by_certainty(const std::vector<Question>& questions,
                                      const std::vector<Answer>& answers) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < questions.size(); ++i)
    if (!questions[i].same_structure) out.push_back(i);
  std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) {
    return answers[a][0].cosine > answers[b][0].cosine;
  });
  return out;
}

examples::Series curve(std::string name, const std::vector<Question>& questions,
                       const std::vector<Answer>& answers, std::size_t k) {
  examples::Series out{.name = std::move(name), .points = {}};
  double good = 0, count = 0;
  for (const std::size_t i : by_certainty(questions, answers)) {
    good += confirmed(questions[i], answers[i], k) < k ? 1 : 0;
    count += 1;
    out.points.emplace_back(count, 100 * good / count);
  }
  return out;
}

cfm::DeepGate2<> trained_model(const cfm::DeepGate2<>& fresh, const Design& first,
                               const Design& second, const Options& o) {
  if (!o.load.empty()) {
    std::printf("model: %s\n", o.load.c_str());
    return cfm::load<cfm::DeepGate2<>>(o.load);
  }
  cfm::DeepGate2<> model = cfm::clone(fresh);
  examples::Stopwatch clock;
  const std::vector<Batch> batches = training_batches({&first, &second}, o);
  Index nodes = 0, pairs = 0;
  for (const Batch& b : batches) {
    nodes += b.graph.nodes();
    pairs += b.targets.function_distance.size();
  }
  std::printf("training: %s nodes in cones, %s pairs, labelled by simulation in %s s\n",
              grouped(nodes).c_str(), grouped(pairs).c_str(), fixed(clock.seconds(), 1).c_str());
  clock = {};
  const double loss = train(model, batches, o);
  std::printf("trained %s parameters in %s s, loss %s\n",
              grouped(cfm::parameter_count(model)).c_str(), fixed(clock.seconds(), 1).c_str(),
              fixed(loss, 4).c_str());
  return model;
}

std::size_t equal_outputs(const Design& first, const Design& second) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < std::min(first.aig.outputs(), second.aig.outputs()); ++i) {
    const std::int32_t a = first.net.outputs[i], b = second.net.outputs[i];
    equal += a < 0 || b < 0 ? a == b : first.agrees(a, second, b);
  }
  return equal;
}

void print_design(const Design& d) {
  std::printf(
      "%s: %zu inputs, %zu outputs, %s ANDs, %s gates with NOTs, %s of them change enough\n",
      d.name.c_str(), d.aig.first_and() - std::size_t{1}, d.aig.outputs(),
      grouped(static_cast<Index>(d.aig.ands())).c_str(),
      grouped(d.net.nodes() - Index{d.aig.first_and()} + 1).c_str(),
      grouped(std::ssize(d.gates)).c_str());
}

void run(const Options& o) {
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  const auto read = [&](const std::string& file, std::uint64_t own) {
    return make_design(std::filesystem::path(file).filename().string(),
                       cfm::strash(cfm::read_circuit(file)), o, own);
  };
  const Design first =
      o.first.empty() ? make_design("ripple16", cfm::ripple_adder(16), o, 2) : read(o.first, 2);
  const Design second = o.first.empty()
                            ? make_design("lookahead16", cfm::carry_lookahead_adder(16), o, 3)
                            : read(o.second, 3);
  print_design(first);
  print_design(second);
  if (first.aig.inputs() != second.aig.inputs() ||
      first.aig.latches().size() != second.aig.latches().size())
    throw cfm::Error("versions of a design must have the same inputs and latches in one order");
  if (first.gates.empty() || second.gates.empty())
    throw cfm::Error("a version has no gate that changes");
  const std::vector<Question> questions = make_questions(first, second);
  std::printf("outputs: %zu of %zu agree on %s patterns%s\n", equal_outputs(first, second),
              std::max(first.aig.outputs(), second.aig.outputs()),
              grouped(first.functions.values.patterns()).c_str(),
              first.functions.exact ? ", which are all" : "");

  const cfm::DeepGate2<> fresh(cfm::DeepGate2Config{.width = o.width},
                               cfm::Rng(o.common.seed).split(4));
  const cfm::DeepGate2<> model = trained_model(fresh, first, second, o);
  if (!o.save.empty()) {
    cfm::save(model, o.save);
    std::printf("wrote %s\n", o.save.c_str());
  }
  double seconds = 0, ignored = 0;
  const std::vector<Answer> untrained = nearest(fresh, first, second, o.candidates, ignored);
  const std::vector<Answer> answers = nearest(model, first, second, o.candidates, seconds);
  const std::size_t k = answers[0].size();
  std::printf("both versions encoded and matched in %s ms\n", fixed(1e3 * seconds, 1).c_str());

  cfm::Json rows{cfm::Json::Array{}};
  const std::string among = cfm::concat("among ", k);
  examples::Table methods(
      {"an equal gate is (%)", "the nearest", among, "not built alike: the nearest", among});
  const auto method = [&](const std::string& name, const Precision& one, const Precision& some) {
    const auto percent = [](std::size_t gates, double part) {
      return gates == 0 ? std::string("-") : fixed(100 * part, 1);
    };
    methods.add({name, percent(one.gates, one.of_all()), percent(some.gates, some.of_all()),
                 percent(one.rebuilt_gates, one.of_rebuilt()),
                 percent(some.rebuilt_gates, some.of_rebuilt())});
    cfm::Json row;
    row.set("row", "method");
    row.set("name", name);
    row.set("candidates", k);
    row.set("gates", one.gates);
    row.set("precision", one.of_all());
    row.set("found", some.of_all());
    row.set("rebuilt_gates", one.rebuilt_gates);
    row.set("rebuilt_precision", one.of_rebuilt());
    row.set("rebuilt_found", some.of_rebuilt());
    rows.push_back(std::move(row));
  };
  const Precision trained = precision_of(questions, answers, k);
  method("random choice", random_choice(questions, second, 1),
         random_choice(questions, second, static_cast<double>(k)));
  method("simulated probability", by_probability(questions, first, second, 1),
         by_probability(questions, first, second, k));
  method("DeepGate2, random weights", precision_of(questions, untrained, 1),
         precision_of(questions, untrained, k));
  method("DeepGate2, trained", precision_of(questions, answers, 1), trained);
  std::printf("\n");
  methods.print();
  std::printf(
      "\nOf %s gates of %s, %zu have an equal in %s; %zu of these are not built alike, so that\n"
      "structural hashing does not find them. Equal: the same bits under all simulated patterns.\n",
      grouped(std::ssize(questions)).c_str(), first.name.c_str(), trained.gates,
      second.name.c_str(), trained.rebuilt_gates);

  examples::Table table(
      {first.name, "level", second.name, "level", "cosine", "place", "simulation"});
  table.align_left(2).align_left(6);
  Index shown = 0;
  std::size_t found = 0, asked = 0;
  for (const std::size_t i : by_certainty(questions, answers)) {
    const std::int32_t a = questions[i].node;
    const std::size_t place = confirmed(questions[i], answers[i], k);
    ++asked;
    found += place < k;
    if (place < k && shown++ < o.show) {
      const Candidate& b = answers[i][place];
      table.add({first.gate(a), std::to_string(first.level[at(a)]), second.gate(b.node),
                 std::to_string(second.level[at(b.node)]), fixed(b.cosine, 4),
                 std::to_string(place + 1), "equal"});
    }
    for (std::size_t j = 0; j < k; ++j) {
      const Candidate& b = answers[i][j];
      cfm::Json row;
      row.set("row", "candidate");
      row.set("first", a);
      row.set("second", b.node);
      row.set("place", j + 1);
      row.set("cosine", b.cosine);
      row.set("differ", first.distance(a, second, b.node));
      row.set("equals", questions[i].equal.size());
      row.set("right", confirmed(questions[i], {b}, 1) == 0);
      rows.push_back(std::move(row));
    }
  }
  std::printf("\nNot built alike: simulation confirmed a candidate for %zu of %zu gates%s\n\n", found,
              asked, found > static_cast<std::size_t>(o.show) ? ", among them" : "");
  table.print();
  if (!o.picture.empty() && shown > 0) {
    const std::filesystem::path path(o.picture);
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    examples::chart(
        {curve("trained", questions, answers, k),
         curve("random weights", questions, untrained, k)},
        {.title = "Gates of " + first.name + " not built alike in " + second.name,
         .x_label = "gates, highest cosine first",
         .y_label = cfm::concat("% with an equal among their ", k, " candidates")})
        .save(path);
    std::printf("\nwrote %s\n", o.picture.c_str());
  }
  if (!o.common.json.empty()) {
    cfm::write_json(o.common.json, rows);
    std::printf("wrote %s\n", o.common.json.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args(
      "similar_gates",
      "Finds gates of two versions of a design that compute the same, by vectors of "
      "DeepGate2, checked by simulation.");
  args.add_positional(o.first, "FIRST", "circuit: .aig .aag .bench .blif .v ... (none: two adders)")
      .add_positional(o.second, "SECOND", "the other version: the same inputs in the same order")
      .add("cones", o.cones, "N", "to train on, half of each version (default 200)")
      .add("pairs", o.pairs, "N", "of gates, in a cone, twice (default 200)")
      .add("epochs", o.epochs, "N", "passes over the cones (default 60)")
      .add("batch", o.batch, "N", "cones a step (default 10)")
      .add("width", o.width, "N", "of the vectors of a gate (default 64)")
      .add("learning-rate", o.learning_rate, "X", "at first, falling to 0 (default 0.002)")
      .add("patterns", o.patterns, "N", "random patterns of the check (default 16384)")
      .add("candidates", o.candidates, "N", "gates to check for each (default 8)")
      .add("show", o.show, "N", "confirmed pairs to print (default 12)")
      .add("save", o.save, "FILE", "write the model as safetensors")
      .add("load", o.load, "FILE", "read a model that --save wrote, instead of training")
      .add("picture", o.picture, "FILE", "SVG to write (default out/similar_gates.svg)")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] {
    for (const Index n :
         {o.cones, o.epochs, o.batch, o.width, o.patterns, o.pairs, o.candidates})
      if (n < 1) throw examples::UsageError("numbers must be at least 1");
    if (o.first.empty() != o.second.empty())
      throw examples::UsageError("needs two circuits, or none");
    examples::on_threads(o.common, [&] { run(o); });
  });
}
