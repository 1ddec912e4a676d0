/// @file  Runs published encoders on a circuit file: a vector for every gate, as .npy.
///
/// Weights come from a checkpoint of PyTorch or safetensors; without one they are random, which
/// shows sizes and times, and is the same for the same seed. Without a file, a multiplier is
/// encoded.

#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <unordered_set>

#include <cfm/circuit/gamora_graph.hpp>
#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/circuit/levels.hpp>
#include <cfm/circuit/read.hpp>
#include <cfm/circuit/strash.hpp>
#include <cfm/core/version.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/graph/hop_features.hpp>
#include <cfm/io/json.hpp>
#include <cfm/io/npy.hpp>
#include <cfm/io/torch_zip.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/models/deepcell.hpp>
#include <cfm/models/deepgate.hpp>
#include <cfm/models/deepgate2.hpp>
#include <cfm/models/deepseq2.hpp>
#include <cfm/models/fgnn2.hpp>
#include <cfm/models/funcgnn.hpp>
#include <cfm/models/gamora.hpp>
#include <cfm/models/hoga.hpp>
#include <cfm/models/mgvga.hpp>
#include <cfm/models/polargate.hpp>

#include "common/args.hpp"
#include "common/progress.hpp"
#include "common/svg.hpp"
#include "common/table.hpp"

namespace {

using cfm::Index;
using cfm::NodeKind;
using cfm::Tensor;
using cfm::Var;
using examples::fixed;
using examples::grouped;

struct Options {
  std::string file, checkpoint, config, out = "out/encode_circuit";
  std::vector<std::string> encoders{"deepgate2"};
  bool list = false;
  examples::CommonOptions common;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A circuit in the forms that encoders start from.
struct Circuit {
  std::string name;
  cfm::Aig aig;                      // latches cut: their outputs are inputs
  cfm::ExplicitNotGraph net;         // of `aig`
  cfm::ExplicitNotGraph sequential;  // with latches
};

/// A vector for each node.   Shapes:  rows [nodes, width].
struct State {
  std::string name;
  Tensor rows;
};

/// What an encoder reads, and what its nodes are.
template <class G>
struct Input {
  G graph;
  std::vector<NodeKind> kinds;
};

template <class G>
Input<G> input(G graph, std::vector<NodeKind> kinds) {
  return {std::move(graph), std::move(kinds)};
}

struct Encoding {
  std::vector<NodeKind> kinds;  // of each row
  std::vector<State> states;
  Index parameters = 0;
  double graph_seconds = 0, seconds = 0;
};

struct Encoder {
  std::string name, source;
  std::function<Index()> parameters;
  std::function<Encoding(const Circuit&, const Options&)> encode;
};

/// A model with the weights that the options ask for. Of a checkpoint, the tensors of the model are
/// read; optimizers and layers that the encoder does not have are left out.
template <class M>
M load_model(const Options& o) {
  typename M::Config config;
  if (!o.config.empty())
    config =
        cfm::config_from_json<typename M::Config>(cfm::parse_json(o.config, "--config").root());
  M model(config, cfm::Rng(o.common.seed));
  if (o.checkpoint.empty()) return model;
  cfm::NamedTensors tensors;
  if (std::filesystem::path(o.checkpoint).extension() == ".safetensors") {
    const cfm::SafetensorsFile file = cfm::read_safetensors(o.checkpoint);
    if (o.config.empty() && file.metadata.contains("cfm.config")) return cfm::load<M>(o.checkpoint);
    tensors = file.tensors;
  } else {
    tensors = cfm::read_torch(o.checkpoint).tensors;
  }
  std::vector<std::string> names;
  cfm::for_each_tensor(model,
                       [&](std::string_view name, const auto&) { names.emplace_back(name); });
  // Training loops keep the model below a key such as "state_dict".
  std::string below;
  for (const auto& [name, tensor] : tensors) {
    if (!name.ends_with(names.front())) continue;
    below = name.substr(0, name.size() - names.front().size());
    if (below.empty() || below.ends_with('.')) break;
    below.clear();
  }
  const std::unordered_set<std::string> ours(names.begin(), names.end());
  cfm::NamedTensors wanted;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(below) && ours.contains(name.substr(below.size())))
      wanted.emplace_back(name.substr(below.size()), tensor);
  cfm::load_into(model, wanted, {.convert = true}, o.checkpoint);
  std::printf("weights: %s, %zu of its %zu tensors\n", o.checkpoint.c_str(), wanted.size(),
              tensors.size());
  return model;
}

/// The entry of a model: `prepare` makes its Input of a Circuit, `run` its states of the model and
/// the input's graph. `variant` follows the name.
template <class M, class Prepare, class Run>
Encoder encoder(std::string source, Prepare prepare, Run run, std::string_view variant = "") {
  return {cfm::concat(M::kind, variant), std::move(source),
          [] { return cfm::parameter_count(M()); },
          [prepare, run](const Circuit& circuit, const Options& o) {
            const M model = load_model<M>(o);
            Encoding out;
            out.parameters = cfm::parameter_count(model);
            const double start = now();
            auto in = prepare(circuit);
            const double prepared = now();
            out.states = run(model, in.graph);
            out.seconds = now() - prepared;
            out.graph_seconds = prepared - start;
            out.kinds = std::move(in.kinds);
            return out;
          }};
}

struct Featured {
  cfm::SignedGraph graph;
  Tensor features;
  double gate_ratio;
};

Input<Featured> signed_input(const Circuit& c) {
  return input(Featured{cfm::signed_graph(c.net), c.net.features(), cfm::gate_ratio(c.net)},
               c.net.kinds);
}

Input<cfm::GamoraGraph> gamora_input(const Circuit& c) {
  cfm::GamoraGraph graph = cfm::gamora_graph(c.aig);
  std::vector<NodeKind> kinds(static_cast<std::size_t>(graph.inputs), NodeKind::input);
  kinds.resize(static_cast<std::size_t>(graph.inputs + graph.ands), NodeKind::and_gate);
  kinds.resize(static_cast<std::size_t>(graph.nodes()), NodeKind::output);
  return input(std::move(graph), std::move(kinds));
}

std::vector<Encoder> all_encoders() {
  const auto deepgate = [](const Circuit& c) {
    return input(cfm::deepgate_graph(c.net), c.net.kinds);
  };
  const auto deepgate2 = [](const Circuit& c) {
    return input(cfm::deepgate2_graph(c.net), c.net.kinds);
  };
  const auto deepseq2 = [](const Circuit& c) {
    return input(cfm::deepseq2_graph(c.sequential), c.sequential.kinds);
  };
  const auto fgnn2 = [](const Circuit& c) {
    std::vector<NodeKind> kinds(c.aig.variables() - 1, NodeKind::and_gate);
    std::fill_n(kinds.begin(), c.aig.inputs(), NodeKind::input);
    return input(cfm::fgnn2_graph(c.aig), std::move(kinds));
  };
  const auto deepcell = [](const Circuit& c) {  // ANDs and NOTs are cells
    std::vector<cfm::CellFunction> cells;
    for (const NodeKind kind : c.net.kinds)
      cells.push_back(kind == NodeKind::and_gate   ? cfm::CellFunction{0b1000, 2}
                      : kind == NodeKind::not_gate ? cfm::CellFunction{0b01, 1}
                                                   : cfm::CellFunction{});
    return input(cfm::deepcell_graph(c.net.graph, cells), c.net.kinds);
  };
  const auto hoga = [](const Circuit& c) {  // as published: the features of 8 hops
    const Input<cfm::GamoraGraph> in = gamora_input(c);
    return input(cfm::hop_features(in.graph.graph, in.graph.features(), {.hops = 8}), in.kinds);
  };
  const auto mgvga = [](const Circuit& c) {
    cfm::MgvgaGraph graph = cfm::mgvga_graph(c.aig);
    constexpr NodeKind kind[] = {NodeKind::input, NodeKind::output, NodeKind::and_gate,
                                 NodeKind::not_gate};
    std::vector<NodeKind> kinds;
    for (const std::uint8_t k : graph.kinds) kinds.push_back(kind[k]);
    return input(std::move(graph), std::move(kinds));
  };
  using States = std::vector<State>;
  std::vector<Encoder> out;
  out.push_back(encoder<cfm::DeepGate<>>("Li et al., DAC 2022", deepgate,
                                         [](const auto& model, const cfm::DeepGateGraph& graph) {
                                           return States{{"state", model(graph).value()}};
                                         }));
  out.push_back(encoder<cfm::DeepGate2<>>(
      "Shi et al., ICCAD 2023", deepgate2, [](const auto& model, const cfm::DeepGate2Graph& graph) {
        const cfm::GateStates s = model(graph);
        return States{{"structure", s.structure.value()}, {"function", s.function.value()}};
      }));
  out.push_back(encoder<cfm::DeepSeq2<>>(
      "Khan et al., ASP-DAC 2025", deepseq2,
      [](const auto& model, const cfm::DeepSeq2Graph& graph) {
        const std::size_t n = graph.inputs.size();  // inputs are fresh coins in every cycle
        const cfm::SequentialStates s =
            model(graph, {std::vector<double>(n, 0.5), std::vector<double>(n, 0.25),
                          std::vector<double>(n, 0.25)});
        return States{{"structure", s.structure.value()},
                      {"function", s.function.value()},
                      {"sequence", s.sequence.value()}};
      }));
  out.push_back(encoder<cfm::PolarGate<>>(
      "Liu et al., ICCAD 2024", signed_input, [](const auto& model, const Featured& in) {
        return States{{"state", model.embed(in.graph, Var(in.features)).value()}};
      }));
  out.push_back(encoder<cfm::FuncGnn<>>(
      "code of FuncGNN's authors", signed_input, [](const auto& model, const Featured& in) {
        return States{{"state", model.embed(in.graph, Var(in.features), in.gate_ratio).value()}};
      }));
  out.push_back(encoder<cfm::Gamora<>>(
      "Wu et al., DAC 2023", gamora_input, [](const auto& model, const cfm::GamoraGraph& graph) {
        return States{{"state", model.embed(graph.graph, Var(graph.features())).value()}};
      }));
  out.push_back(encoder<cfm::Hoga<>>(
      "Deng et al., DAC 2024", hoga, [](const auto& model, const Tensor& hops) {
        // Nodes do not see each other, so the states of all hops need not be there at once.
        constexpr Index batch = 2048;
        Tensor rows = Tensor::empty({hops.size(0), model.config().width});
        for (Index begin = 0; begin < hops.size(0); begin += batch) {
          const Index end = std::min(hops.size(0), begin + batch);
          rows.slice(0, begin, end).copy_from(model.embed(Var(hops.slice(0, begin, end))).value());
        }
        return States{{"state", rows}};
      }));
  const auto run_deepcell = [](const auto& model, const cfm::DeepCellGraph& graph) {
    const cfm::GateStates s = model(graph);
    return States{{"structure", s.structure.value()}, {"function", s.function.value()}};
  };
  const std::string by = "Shi et al., ICCAD 2025";
  out.push_back(encoder<cfm::DeepCell<>>(by, deepcell, run_deepcell));
  out.push_back(encoder<cfm::DeepCell<cfm::AgnnAggregator<>>>(by, deepcell, run_deepcell, "_gat"));
  out.push_back(encoder<cfm::DeepCell<cfm::SumAggregator<>>>(by, deepcell, run_deepcell, "_gcn"));
  out.push_back(encoder<cfm::Fgnn2<>>("Wang et al., TCAD 2024", fgnn2,
                                      [](const auto& model, const cfm::Fgnn2Graph& graph) {
                                        return States{{"state", model(graph).value()}};
                                      }));
  out.push_back(encoder<cfm::Mgvga<>>(
      "Wu et al., ICLR 2025", mgvga, [](const auto& model, const cfm::MgvgaGraph& graph) {
        return States{{"state", model(graph.graph, Var(graph.tokens())).value()}};
      }));
  return out;
}

/// Latches as inputs and their next states as outputs; variables keep their numbers.
cfm::Aig without_latches(const cfm::Aig& aig) {
  cfm::Aig out;
  for (std::size_t i = 0; i < aig.inputs(); ++i) out.add_input(aig.input_name(i));
  for (std::size_t i = 0; i < aig.latches().size(); ++i) out.add_input(aig.latch_name(i));
  for (const auto& fanins : aig.all_fanins()) out.add_and(fanins[0], fanins[1]);
  for (const cfm::Literal l : aig.output_literals()) out.add_output(l);
  for (const cfm::Latch& latch : aig.latches()) out.add_output(latch.next);
  return out;
}

Circuit get_circuit(const Options& o) {
  const cfm::Aig aig =
      o.file.empty() ? cfm::wallace_multiplier(16) : cfm::strash(cfm::read_circuit(o.file));
  Circuit c{o.file.empty() ? "wallace16" : std::filesystem::path(o.file).filename().string(),
            without_latches(aig),
            {},
            cfm::explicit_not_graph(aig)};
  c.net = cfm::explicit_not_graph(c.aig);
  const auto count = [](std::size_t n) { return grouped(static_cast<Index>(n)); };
  std::printf("%s: %s inputs, %s outputs, %s latches, %s ANDs, %d levels\n", c.name.c_str(),
              count(aig.inputs()).c_str(), count(aig.outputs()).c_str(),
              count(aig.latches().size()).c_str(), count(aig.ands()).c_str(), cfm::depth(aig));
  if (aig.ands() == 0) throw cfm::Error(c.name + ": has no gates to encode");
  return c;
}

/// The plane in which points spread most, and the points in it.
struct Plane {
  std::vector<std::size_t> rows;  // at most so many, evenly taken
  std::vector<std::array<double, 2>> points;
  double share[2] = {0, 0};  // of the variance
};

Plane principal_plane(const Tensor& x, std::size_t most) {
  const auto values = x.span<float>();
  const auto nodes = static_cast<std::size_t>(x.size(0)),
             width = static_cast<std::size_t>(x.size(1));
  Plane out;
  for (std::size_t v = 0; v < nodes; v += std::max<std::size_t>(1, (nodes + most - 1) / most))
    out.rows.push_back(v);
  std::vector<double> centred(out.rows.size() * width), mean(width, 0);
  const double n = static_cast<double>(out.rows.size());
  for (const std::size_t v : out.rows)
    for (std::size_t c = 0; c < width; ++c) mean[c] += values[v * width + c] / n;
  double total = 0;
  for (std::size_t r = 0; r < out.rows.size(); ++r)
    for (std::size_t c = 0; c < width; ++c) {
      centred[r * width + c] = values[out.rows[r] * width + c] - mean[c];
      total += centred[r * width + c] * centred[r * width + c];
    }
  out.points.resize(out.rows.size());
  std::vector<double> axes[2], image(out.rows.size());
  cfm::Rng rng(1);
  for (std::size_t k = 0; k < 2; ++k) {
    std::vector<double>& axis = axes[k];
    for (std::size_t c = 0; c < width; ++c) axis.push_back(rng.normal());
    double variance = 0;
    for (int iteration = 0; iteration < 40; ++iteration) {
      if (k == 1) {  // across the first axis
        double dot = 0;
        for (std::size_t c = 0; c < width; ++c) dot += axis[c] * axes[0][c];
        for (std::size_t c = 0; c < width; ++c) axis[c] -= dot * axes[0][c];
      }
      double length = 0;
      for (const double a : axis) length += a * a;
      if (length < 1e-30) break;  // no variance is left
      for (double& a : axis) a /= std::sqrt(length);
      variance = 0;
      for (std::size_t r = 0; r < image.size(); ++r) {
        image[r] = 0;
        for (std::size_t c = 0; c < width; ++c) image[r] += centred[r * width + c] * axis[c];
        variance += image[r] * image[r];
        out.points[r][k] = image[r];
      }
      std::vector<double> next(width, 0);
      for (std::size_t r = 0; r < image.size(); ++r)
        for (std::size_t c = 0; c < width; ++c) next[c] += centred[r * width + c] * image[r];
      if (iteration + 1 < 40) axis = std::move(next);
    }
    out.share[k] = total > 0 ? variance / total : 0;
  }
  return out;
}

void draw(const Plane& plane, const std::vector<NodeKind>& kinds, const std::string& title,
          const std::string& path) {
  const std::pair<NodeKind, std::string> groups[] = {{NodeKind::and_gate, "AND"},
                                                     {NodeKind::not_gate, "NOT"},
                                                     {NodeKind::output, "output"},
                                                     {NodeKind::latch, "latch"},
                                                     {NodeKind::input, "input"}};
  std::vector<examples::Series> series;
  for (const auto& [kind, name] : groups) {
    examples::Series s{.name = name, .points = {}, .line = false, .markers = true};
    for (std::size_t i = 0; i < plane.rows.size(); ++i)
      if (kinds[plane.rows[i]] == kind)
        s.points.emplace_back(plane.points[i][0], plane.points[i][1]);
    if (!s.points.empty()) series.push_back(std::move(s));
  }
  const auto label = [&](const char* which, double share) {
    return std::string(which) + " component (" + fixed(100 * share, 1) + " % of the variance)";
  };
  examples::chart(series, {.title = title,
                           .x_label = label("first", plane.share[0]),
                           .y_label = label("second", plane.share[1])})
      .save(path);
}

void print_list(const std::vector<Encoder>& encoders) {
  examples::Table table({"encoder", "parameters", "source"});
  table.align_left(2);
  for (const Encoder& e : encoders) table.add({e.name, grouped(e.parameters()), e.source});
  table.print();
}

/// The encoders that were asked for, in the order of the list.
std::vector<Encoder> chosen(const std::vector<Encoder>& encoders, const Options& o) {
  std::vector<Encoder> out;
  for (const std::string& name : o.encoders) {
    if (name == "all") return encoders;
    const auto at = std::find_if(encoders.begin(), encoders.end(),
                                 [&](const Encoder& e) { return e.name == name; });
    if (at == encoders.end())
      throw examples::UsageError("--encoder: no encoder '" + name + "'; --list shows all");
    out.push_back(*at);
  }
  return out;
}

void run(const Options& o) {
  const std::vector<Encoder> encoders = all_encoders();
  if (o.list) return print_list(encoders);
  const std::vector<Encoder> todo = chosen(encoders, o);
  if (todo.size() > 1 && !(o.checkpoint.empty() && o.config.empty()))
    throw examples::UsageError("--checkpoint and --config are for one encoder");
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  const Circuit circuit = get_circuit(o);
  if (o.checkpoint.empty()) std::printf("weights: random; --checkpoint reads trained ones\n");

  examples::Table table(
      {"encoder", "state", "rows", "width", "sum", "sum |x|", "plane %", "graph ms", "encode ms"});
  table.align_left(1);
  cfm::Json rows{cfm::Json::Array{}};
  std::vector<std::string> written;
  examples::ProgressBar bar;
  const auto report = bar.function();
  report({"encoding", 0, std::ssize(todo), 0});
  for (std::size_t e = 0; e < todo.size(); ++e) {
    const Encoding encoding = todo[e].encode(circuit, o);
    const std::string folder = todo.size() == 1 ? o.out : o.out + "/" + todo[e].name;
    std::filesystem::create_directories(folder);
    const auto save = [&](const std::string& name, const Tensor& values) {
      written.push_back(folder + "/" + name + ".npy");
      cfm::write_npy(written.back(), values);
    };
    Tensor kinds = Tensor::empty({static_cast<Index>(encoding.kinds.size())}, cfm::DType::u8);
    std::transform(encoding.kinds.begin(), encoding.kinds.end(), kinds.data<std::uint8_t>(),
                   [](NodeKind k) { return static_cast<std::uint8_t>(k); });
    save("kinds", kinds);
    for (const State& state : encoding.states) {
      const Tensor x = state.rows.contiguous();
      save(state.name, x);
      double sum = 0, absolute = 0;
      for (const float v : x.span<float>()) sum += v, absolute += std::abs(v);
      const Plane plane = principal_plane(x, 3000);
      written.push_back(folder + "/" + state.name + ".svg");
      draw(plane, encoding.kinds, circuit.name + ": " + todo[e].name + ", " + state.name,
           written.back());
      const bool first = &state == &encoding.states.front();
      table.add({todo[e].name, state.name, grouped(x.size(0)), std::to_string(x.size(1)),
                 fixed(sum, 3), fixed(absolute, 3),
                 fixed(100 * (plane.share[0] + plane.share[1]), 1),
                 first ? fixed(1e3 * encoding.graph_seconds, 1) : "",
                 first ? fixed(1e3 * encoding.seconds, 1) : ""});
      cfm::Json row, head{cfm::Json::Array{}};
      for (Index c = 0; c < std::min<Index>(8, x.size(1)); ++c) head.push_back(x.data<float>()[c]);
      row.set("encoder", todo[e].name);
      row.set("circuit", circuit.name);
      row.set("checkpoint", o.checkpoint);
      row.set("parameters", encoding.parameters);
      row.set("name", state.name);
      row.set("rows", x.size(0));
      row.set("width", x.size(1));
      row.set("sum", sum);
      row.set("absolute_sum", absolute);
      row.set("first", std::move(head));
      row.set("graph_seconds", encoding.graph_seconds);
      row.set("seconds", encoding.seconds);
      rows.push_back(std::move(row));
    }
    if (!report({"encoding", static_cast<Index>(e) + 1, std::ssize(todo), 0})) break;
  }
  bar.finish();
  std::printf("\n");
  table.print();
  std::printf("\nplane: part of the variance in the two directions of the picture.\n");
  for (const std::string& file : written) std::printf("wrote %s\n", file.c_str());
  if (!o.common.json.empty()) {
    cfm::write_json(o.common.json, rows);
    std::printf("wrote %s\n", o.common.json.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("encode_circuit",
                      "Encodes the gates of a circuit with a published model: a vector each.");
  args.add_positional(o.file, "FILE", "circuit: .aig .aag .bench .blif .v ... (none: a multiplier)")
      .add("encoder", o.encoders, "NAME,...", "encoders to run, or all (default deepgate2)")
      .add("list", o.list, "print the encoders and end")
      .add("checkpoint", o.checkpoint, "FILE", "weights: .safetensors, else a PyTorch file")
      .add("config", o.config, "JSON", "sizes other than published: '{\"width\": 64}'")
      .add("out", o.out, "FOLDER", "for .npy and .svg; of several encoders, a folder each below it")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] {
    if (o.common.threads < 0 || o.common.threads > 1024)
      throw examples::UsageError("--threads: 0 to 1024");
    if (o.common.threads == 0) return run(o);
    cfm::ThreadLimit(o.common.threads).run([&] { run(o); });
  });
}
