/// @file  Finds the adders of netlists with a graph network that saw one 8-bit multiplier.
///
/// Without a file: trains on the 8-bit carry-save multiplier, then measures the model on larger
/// ones. With a file: reports the adders of that netlist, model and exact extraction side by side.

#include <cmath>
#include <filesystem>
#include <set>

#include <cfm/circuit/exact_adder_labels.hpp>
#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/circuit/levels.hpp>
#include <cfm/circuit/read.hpp>
#include <cfm/core/version.hpp>
#include <cfm/io/json.hpp>
#include <cfm/io/torch_zip.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/models/gamora_classifier.hpp>
#include <cfm/models/gamora_training.hpp>

#include "common/args.hpp"
#include "common/progress.hpp"
#include "common/stopwatch.hpp"
#include "common/svg.hpp"
#include "common/table.hpp"

namespace {

using examples::fixed;
using examples::grouped;

struct Options {
  std::string file, save, load, checkpoint, picture = "out/find_adders.svg";
  std::vector<std::size_t> widths{16, 32, 64, 128, 256};
  cfm::Index epochs = 100;
  examples::CommonOptions common;
};

/// Seconds of one call of f: the median of as many calls as fit 0.1 s, at least one.
template <class F>
double seconds_of(const F& f) {
  std::vector<double> samples;
  for (double left = 0.1; left > 0 || samples.empty();) {
    const examples::Stopwatch clock;
    f();
    samples.push_back(clock.seconds());
    left -= samples.back();
  }
  std::nth_element(samples.begin(), samples.begin() + static_cast<long>(samples.size() / 2),
                   samples.end());
  return samples[samples.size() / 2];
}

/// What both methods say about one netlist.
struct Comparison {
  cfm::GamoraGraph graph;
  cfm::Adders adders;
  cfm::AdderLabels predicted, exact;
  cfm::AdderAccuracy accuracy;
  std::size_t full_found = 0, half_found = 0;  ///< exact adders whose sum and carry were predicted
  std::size_t extra_roots = 0;  ///< predicted sums and carries that belong to no exact adder
  double model_seconds = 0, exact_seconds = 0;
  cfm::Index peak_bytes = 0;  ///< of the model's stage, from netlist to labels
};

bool found(const cfm::AdderRecord& r, const cfm::AdderLabels& labels) {
  return labels.root[r.sum - 1] == cfm::RootLabel::sum &&
         labels.root[r.carry - 1] == cfm::RootLabel::carry;
}

Comparison compare(const cfm::Aig& aig, const cfm::GamoraClassifier& classifier) {
  Comparison c;
  cfm::BufferPool& pool = cfm::BufferPool::instance();
  const cfm::Index before = pool.usage().current;
  pool.reset_peak();
  c.model_seconds = seconds_of([&] {
    c.graph = cfm::gamora_graph(aig);
    c.predicted = classifier(c.graph);
  });
  c.peak_bytes = pool.usage().peak - before;
  c.exact_seconds = seconds_of([&] {
    c.adders = cfm::extract_adders(aig);
    c.exact = cfm::adder_labels(aig, c.adders);
  });
  c.accuracy = cfm::adder_accuracy(c.predicted, c.exact);
  for (const cfm::AdderRecord& r : c.adders.records)
    if (found(r, c.predicted)) ++(r.is_full() ? c.full_found : c.half_found);
  for (std::size_t v = 0; v < c.exact.root.size(); ++v) {
    const auto root = [](cfm::RootLabel l) {
      return l == cfm::RootLabel::sum || l == cfm::RootLabel::carry;
    };
    c.extra_roots += root(c.predicted.root[v]) && !root(c.exact.root[v]) ? 1u : 0u;
  }
  return c;
}

/// The netlist by level, from inputs on the left to outputs on the right. Each full adder has a
/// colour of its own; nodes that the model got wrong are ringed.
void draw(const Comparison& c, const cfm::Aig& aig, const std::string& title,
          const std::filesystem::path& path) {
  const auto level = cfm::levels(aig);
  const auto gates = static_cast<std::size_t>(c.graph.inputs + c.graph.ands);
  const auto nodes = static_cast<std::size_t>(c.graph.nodes());
  std::vector<std::size_t> column(nodes);
  std::size_t columns = 0;
  for (std::size_t v = 0; v < gates; ++v) {
    column[v] = static_cast<std::size_t>(level[v + 1]);
    columns = std::max(columns, column[v] + 1);
  }
  for (std::size_t v = gates; v < nodes; ++v) column[v] = columns;
  ++columns;
  std::vector<std::size_t> height(columns, 0), place(nodes);
  for (std::size_t v = 0; v < nodes; ++v) place[v] = height[column[v]]++;

  const double width = 1400, top = 70, tall = 760, left = 30;
  examples::Svg svg(width, top + tall + 50);
  const auto x = [&](std::size_t v) {
    return left + (width - 2 * left) * static_cast<double>(column[v]) /
                      static_cast<double>(std::max<std::size_t>(1, columns - 1));
  };
  const auto y = [&](std::size_t v) {
    return top + tall * (static_cast<double>(place[v]) + 0.5) /
                     static_cast<double>(height[column[v]]);
  };
  using Svg = examples::Svg;
  std::string wires;
  const cfm::CsrView fanins = c.graph.graph.fanins();
  for (std::size_t v = 0; v < nodes; ++v)
    for (std::int32_t u : fanins[static_cast<cfm::Index>(v)]) {
      const auto s = static_cast<std::size_t>(u);
      if (s >= gates) continue;  // the exporter's edges between outputs are no wires
      wires += "M" + Svg::number(x(s)) + " " + Svg::number(y(s)) + "L" + Svg::number(x(v)) + " " +
               Svg::number(y(v));
    }
  svg.path(wires, {.fill = "none", .stroke = "#9aa4b2", .width = 0.35, .opacity = 0.55});

  std::vector<std::string> color(nodes, "#c3c9d2");
  std::size_t full = 0;
  for (const cfm::AdderRecord& r : c.adders.records) {
    if (!r.is_full()) continue;
    const int hue = static_cast<int>(full++ * 137 % 360);  // neighbours differ: the golden angle
    const std::string paint = "hsl(" + std::to_string(hue) + ",70%,48%)";
    color[r.sum - 1] = color[r.carry - 1] = paint;
  }
  const double radius = std::clamp(200.0 / std::sqrt(static_cast<double>(nodes)), 1.5, 6.0);
  std::size_t wrong = 0;
  for (std::size_t v = 0; v < nodes; ++v) {
    const bool root = v < gates && v >= static_cast<std::size_t>(c.graph.inputs) &&
                      c.exact.root[v] != cfm::RootLabel::other;
    svg.circle(x(v), y(v), root ? radius * 1.25 : radius * 0.7,
               {.fill = v < static_cast<std::size_t>(c.graph.inputs) ? "#2f3b4c" : color[v],
                .stroke = {}});
    const bool error = (c.predicted.root[v] != c.exact.root[v] ||
                        c.predicted.shared[v] != c.exact.shared[v]) &&
                       v >= static_cast<std::size_t>(c.graph.inputs) && v < gates;
    if (!error) continue;
    ++wrong;
    svg.circle(x(v), y(v), radius * 2.2, {.fill = "none", .stroke = "#d6142b", .width = 2});
  }
  svg.text(left, 30, title, 20);
  svg.text(left, 52,
           grouped(static_cast<cfm::Index>(nodes)) + " nodes, " + std::to_string(columns - 1) +
               " levels, " + std::to_string(full) + " full adders (sum and carry in one colour), " +
               std::to_string(wrong) + " nodes the model got wrong (red rings)",
           13);
  svg.text(left, top + tall + 34, "inputs at the left, outputs at the right, one column a level",
           12);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  svg.save(path);
}

cfm::Gamora<> get_model(const Options& o) {
  if (!o.load.empty()) {
    std::printf("model: %s\n", o.load.c_str());
    return cfm::load<cfm::Gamora<>>(o.load);
  }
  if (!o.checkpoint.empty()) {
    cfm::Gamora<> model;
    cfm::load_into(model, cfm::read_torch(o.checkpoint).tensors, {}, o.checkpoint);
    std::printf("model: %s, %s parameters\n", o.checkpoint.c_str(),
                grouped(cfm::parameter_count(model)).c_str());
    return model;
  }
  const cfm::Aig aig = cfm::carry_save_multiplier(8);
  const cfm::GamoraGraph graph = cfm::gamora_graph(aig);
  const cfm::AdderLabels labels = cfm::adder_labels(aig, cfm::extract_adders(aig));
  cfm::Gamora<> model({.dropout = 0}, cfm::Rng(o.common.seed));
  examples::ProgressBar bar("loss");
  const examples::Stopwatch clock;
  const cfm::GamoraTrainingResult result = cfm::train_gamora(
      model, graph, labels,
      {.epochs = o.epochs, .rng = cfm::Rng(o.common.seed), .progress = bar.function()});
  bar.finish();
  std::printf("trained on the 8-bit multiplier (%s nodes, %s parameters) in %s s, validation loss %s\n",
              grouped(graph.nodes()).c_str(), grouped(cfm::parameter_count(model)).c_str(),
              fixed(clock.seconds(), 1).c_str(), fixed(result.validation_loss, 4).c_str());
  return model;
}

cfm::Json row_of(std::size_t n, const Comparison& c) {
  cfm::Json row;
  row.set("n", n);
  row.set("nodes", c.graph.nodes());
  row.set("edges", c.graph.graph.edges());
  row.set("full_adders", c.adders.full());
  row.set("half_adders", c.adders.half());
  row.set("full_adders_found", c.full_found);
  row.set("half_adders_found", c.half_found);
  row.set("shared", c.accuracy.shared);
  row.set("root", c.accuracy.root);
  row.set("model_seconds", c.model_seconds);
  row.set("exact_seconds", c.exact_seconds);
  row.set("peak_bytes", c.peak_bytes);
  return row;
}

void evaluate_widths(const Options& o, const cfm::GamoraClassifier& classifier, cfm::Json& rows) {
  examples::Table table({"width", "nodes", "shared %", "root %", "adders", "found", "model ms",
                         "exact ms", "peak MB"});
  for (std::size_t n : o.widths) {
    const cfm::Aig aig = cfm::carry_save_multiplier(n);
    const Comparison c = compare(aig, classifier);
    table.add({std::to_string(n), grouped(c.graph.nodes()), fixed(c.accuracy.shared, 3),
               fixed(c.accuracy.root, 3),
               grouped(static_cast<cfm::Index>(c.adders.records.size())),
               grouped(static_cast<cfm::Index>(c.full_found + c.half_found)),
               fixed(c.model_seconds * 1e3, 2), fixed(c.exact_seconds * 1e3, 2),
               fixed(static_cast<double>(c.peak_bytes) / 1e6, 1)});
    rows.push_back(row_of(n, c));
    if (n == o.widths.front() && !o.picture.empty())
      draw(c, aig, "Adders of a " + std::to_string(n) + "-bit carry-save multiplier", o.picture);
  }
  std::printf("\n");
  table.print();
  std::printf(
      "\nshared: adder-only, XOR-only, both or neither; root: sum, carry or neither; both in %% of "
      "the nodes.\nfound: adders whose sum and carry the model names. model: netlist to labels, "
      "exact: cut enumeration.\n");
}

void evaluate_file(const Options& o, const cfm::GamoraClassifier& classifier, cfm::Json& rows) {
  const cfm::Aig aig = cfm::read_circuit(o.file);
  const std::string name = std::filesystem::path(o.file).filename().string();
  std::printf("%s: %s inputs, %s outputs, %s latches, %s ANDs, %d levels\n", name.c_str(),
              grouped(static_cast<cfm::Index>(aig.inputs())).c_str(),
              grouped(static_cast<cfm::Index>(aig.outputs())).c_str(),
              grouped(static_cast<cfm::Index>(aig.latches().size())).c_str(),
              grouped(static_cast<cfm::Index>(aig.ands())).c_str(), cfm::depth(aig));
  const Comparison c = compare(aig, classifier);
  const auto count = [](std::size_t n) { return grouped(static_cast<cfm::Index>(n)); };
  examples::Table table({"", "exact", "model finds"});
  table.add({"full adders", count(c.adders.full()), count(c.full_found)});
  table.add({"half adders", count(c.adders.half()), count(c.half_found)});
  table.add({"sums and carries of no adder", "0", count(c.extra_roots)});
  table.add({"time (ms)", fixed(c.exact_seconds * 1e3, 2), fixed(c.model_seconds * 1e3, 2)});
  std::printf("\n");
  table.print();
  std::printf("\naccuracy of the model: shared %s %%, root %s %% of the nodes\n",
              fixed(c.accuracy.shared, 3).c_str(), fixed(c.accuracy.root, 3).c_str());
  cfm::Json row = row_of(0, c);
  row.set("circuit", name);
  row.set("extra_roots", c.extra_roots);
  rows.push_back(row);
  constexpr cfm::Index drawable = 20000;  // more nodes than pixels make no picture
  if (o.picture.empty()) return;
  if (c.graph.nodes() <= drawable) draw(c, aig, "Adders of " + name, o.picture);
  else std::printf("no picture: more than %s nodes\n", grouped(drawable).c_str());
}

void run(const Options& o) {
  if (!o.load.empty() && !o.checkpoint.empty())
    throw examples::UsageError("--load and --checkpoint exclude each other");
  for (std::size_t n : o.widths)
    if (n < 1 || n > 4096) throw examples::UsageError("--widths: 1 to 4096 bits");
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  const cfm::Gamora<> model = get_model(o);
  if (!o.save.empty()) {
    cfm::save(model, o.save);
    std::printf("wrote %s\n", o.save.c_str());
  }
  const cfm::GamoraClassifier classifier(model);
  cfm::Json rows{cfm::Json::Array{}};
  if (o.file.empty()) evaluate_widths(o, classifier, rows);
  else evaluate_file(o, classifier, rows);
  if (!o.picture.empty() && std::filesystem::exists(o.picture))
    std::printf("wrote %s\n", o.picture.c_str());
  if (!o.common.json.empty()) {
    cfm::write_json(o.common.json, rows);
    std::printf("wrote %s\n", o.common.json.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("find_adders", "Finds the adders of a netlist with a graph network (GAMORA).");
  args.add_positional(o.file, "FILE", "netlist: .aig .aag .bench .blif (none: multipliers)")
      .add("widths", o.widths, "N,N,...", "multipliers to measure (default 16,32,64,128,256)")
      .add("epochs", o.epochs, "N", "epochs of training (default 100)")
      .add("save", o.save, "FILE", "write the model as safetensors")
      .add("load", o.load, "FILE", "read a model that --save wrote, instead of training")
      .add("checkpoint", o.checkpoint, "FILE", "read the public torch weights, instead of training")
      .add("picture", o.picture, "FILE", "SVG to write (default out/find_adders.svg)")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] { examples::on_threads(o.common, [&] { run(o); }); });
}
