#pragma once
/// @file  The published encoders by name: from a circuit to a vector for every gate.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <cfm/circuit/gamora_graph.hpp>
#include <cfm/graph/hop_features.hpp>
#include <cfm/io/torch_zip.hpp>
#include <cfm/models/deepcell.hpp>
#include <cfm/models/deepcell_dg3.hpp>
#include <cfm/models/deepcell_gcn.hpp>
#include <cfm/models/deepcell_hoga.hpp>
#include <cfm/models/deepcell_pg.hpp>
#include <cfm/models/deepgate.hpp>
#include <cfm/models/deepgate2.hpp>
#include <cfm/models/deepgate3_encoder.hpp>
#include <cfm/models/deepgate4_encoder.hpp>
#include <cfm/models/deepseq2.hpp>
#include <cfm/models/fgnn2.hpp>
#include <cfm/models/funcgnn.hpp>
#include <cfm/models/gamora.hpp>
#include <cfm/models/hoga.hpp>
#include <cfm/models/mgvga.hpp>
#include <cfm/models/polargate.hpp>

#include "stopwatch.hpp"

namespace examples {

/// A circuit in the forms that encoders start from.
struct Circuit {
  std::string name;
  cfm::Aig aig;                      // latches cut: their outputs are inputs
  cfm::ExplicitNotGraph net;         // of `aig`
  cfm::ExplicitNotGraph sequential;  // with latches
};

/// A vector for each gate, or for each hop.   Shapes:  rows [gates or hops, width].
struct State {
  std::string name;
  cfm::Tensor rows;
  std::vector<cfm::NodeKind> kinds{};  // of each row, where they are not those of the gates
};

struct Encoding {
  std::vector<cfm::NodeKind> kinds;  // of each gate
  std::vector<State> states;
  double graph_seconds = 0, seconds = 0;
};

/// Where the weights of a model come from, and its sizes.
struct ModelSource {
  std::string checkpoint;  // empty: random weights
  std::string config;      // JSON, empty: as published
  cfm::Index width = 0;    // 0: as published
  std::uint64_t seed = 7;
};

struct LoadedEncoder {
  cfm::Index parameters = 0;
  std::function<Encoding(const Circuit&)> encode;
};

struct Encoder {
  std::string name, source;
  cfm::Index max_nodes = 0;  // of a circuit, where the cost is quadratic; 0: no limit
  std::function<cfm::Index()> parameters;
  std::function<LoadedEncoder(const ModelSource&)> load;
};

namespace detail {

// Hidden layers of transformers become four times as wide.
template <class Config>
void set_width(Config& config, cfm::Index width) {
  if constexpr (requires { config.tokenizer; }) {
    set_width(config.tokenizer, width);
    set_width(config.model, width);
  } else {
    config.width = width;
    if constexpr (requires {
                    config.heads;
                    config.hidden;
                  })
      config.hidden = 4 * width;
  }
}

/// Of a checkpoint, the tensors of the model are read; optimizers and layers that the encoder does
/// not have are left out.
template <class M>
M load_model(const ModelSource& from) {
  typename M::Config config;
  if (from.width > 0) set_width(config, from.width);
  if (!from.config.empty())
    config =
        cfm::config_from_json<typename M::Config>(cfm::parse_json(from.config, "--config").root());
  M model(config, cfm::Rng(from.seed));
  if (from.checkpoint.empty()) return model;
  cfm::NamedTensors tensors;
  if (std::filesystem::path(from.checkpoint).extension() == ".safetensors") {
    const cfm::SafetensorsFile file = cfm::read_safetensors(from.checkpoint);
    if (from.config.empty() && file.metadata.contains("cfm.config"))
      return cfm::load<M>(from.checkpoint);
    tensors = file.tensors;
  } else {
    tensors = cfm::read_torch(from.checkpoint).tensors;
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
  cfm::load_into(model, wanted, {.convert = true}, from.checkpoint);
  std::printf("weights: %s, %zu of its %zu tensors\n", from.checkpoint.c_str(), wanted.size(),
              tensors.size());
  return model;
}

// What an encoder reads, and what its nodes are.
template <class G>
struct Input {
  G graph;
  std::vector<cfm::NodeKind> kinds;
};

template <class G>
Input<G> input(G graph, std::vector<cfm::NodeKind> kinds) {
  return {std::move(graph), std::move(kinds)};
}

// The entry of a model: `prepare` makes its Input of a Circuit, `run` its states of the model and
// the input's graph.
template <class M, class Prepare, class Run>
Encoder encoder(std::string name, std::string source, Prepare prepare, Run run) {
  return {std::move(name), std::move(source), 0, [] { return cfm::parameter_count(M()); },
          [prepare, run](const ModelSource& from) {
            const auto model = std::make_shared<const M>(load_model<M>(from));
            return LoadedEncoder{cfm::parameter_count(*model), [=](const Circuit& circuit) {
                                   Encoding out;
                                   Stopwatch clock;
                                   auto in = prepare(circuit);
                                   out.graph_seconds = clock.seconds();
                                   clock = {};
                                   out.states = run(*model, in.graph);
                                   out.seconds = clock.seconds();
                                   out.kinds = std::move(in.kinds);
                                   return out;
                                 }};
          }};
}

using States = std::vector<State>;

inline States two_states(const cfm::GateStates& s) {
  return {{"structure", s.structure.value()}, {"function", s.function.value()}};
}

struct Featured {
  cfm::SignedGraph graph;
  cfm::Tensor features;
  double gate_ratio;
};

inline Input<Featured> signed_input(const Circuit& c) {
  return input(Featured{cfm::signed_graph(c.net), c.net.features(), cfm::gate_ratio(c.net)},
               c.net.kinds);
}

inline Input<cfm::GamoraGraph> gamora_input(const Circuit& c) {
  cfm::GamoraGraph graph = cfm::gamora_graph(c.aig);
  std::vector<cfm::NodeKind> kinds(static_cast<std::size_t>(graph.inputs), cfm::NodeKind::input);
  kinds.resize(static_cast<std::size_t>(graph.inputs + graph.ands), cfm::NodeKind::and_gate);
  kinds.resize(static_cast<std::size_t>(graph.nodes()), cfm::NodeKind::output);
  return input(std::move(graph), std::move(kinds));
}

// A pipeline that gives gates and hops.
struct Hopped {
  const cfm::ExplicitNotGraph* net;
  cfm::DeepGate2Graph graph;
  cfm::CircuitHops hops;
};

inline Input<Hopped> hopped_input(const Circuit& c) {
  return input(Hopped{&c.net, cfm::deepgate2_graph(c.net), cfm::circuit_hops(c.net)}, c.net.kinds);
}

template <class M>
States run_pipeline(const M& model, const Hopped& in) {
  const cfm::CircuitStates s = model(in.graph, in.hops.inputs);
  States out = two_states(s.gates);
  if (in.hops.hops.empty()) return out;
  std::vector<cfm::NodeKind> kinds;  // of the roots
  for (const cfm::Hop& hop : in.hops.hops)
    kinds.push_back(in.net->kinds[static_cast<std::size_t>(hop.root)]);
  out.push_back({"hop_structure", s.hops.structure.value(), kinds});
  out.push_back({"hop_function", s.hops.function.value(), kinds});
  return out;
}

// The encoders of DeepGate's family and of DeepCell.
inline void add_deepgates(std::vector<Encoder>& out) {
  const auto deepgate2 = [](const Circuit& c) {
    return input(cfm::deepgate2_graph(c.net), c.net.kinds);
  };
  const auto cells = [](const Circuit& c) {  // ANDs and NOTs are cells
    std::vector<cfm::CellFunction> functions;
    for (const cfm::NodeKind kind : c.net.kinds)
      functions.push_back(kind == cfm::NodeKind::and_gate   ? cfm::CellFunction{0b1000, 2}
                          : kind == cfm::NodeKind::not_gate ? cfm::CellFunction{0b01, 1}
                                                            : cfm::CellFunction{});
    return input(cfm::deepcell_graph(c.net.graph, functions), c.net.kinds);
  };
  const auto net = [](const Circuit& c) { return input(&c.net, c.net.kinds); };
  const auto two = [](const auto& model, const auto& graph) { return two_states(model(graph)); };
  const auto of_net = [](const auto& model, const cfm::ExplicitNotGraph* graph) {
    return two_states(model(*graph));
  };
  const auto pipeline = [](const auto& model, const Hopped& in) { return run_pipeline(model, in); };
  const std::string deepcell = "Shi et al., ICCAD 2025";
  out.push_back(encoder<cfm::DeepGate<>>(
      "deepgate", "Li et al., DAC 2022",
      [](const Circuit& c) { return input(cfm::deepgate_graph(c.net), c.net.kinds); },
      [](const auto& model, const cfm::DeepGateGraph& graph) {
        return States{{"state", model(graph).value()}};
      }));
  out.push_back(encoder<cfm::DeepGate2<>>("deepgate2", "Shi et al., ICCAD 2023", deepgate2, two));
  out.push_back(encoder<cfm::DeepGate3Encoder<>>("deepgate3", "Shi et al., ICCAD 2024",
                                                 hopped_input, pipeline));
  out.push_back(encoder<cfm::DeepGate4Encoder<>>("deepgate4", "Zheng et al., ICLR 2025",
                                                 hopped_input, pipeline));
  out.push_back(encoder<cfm::DeepCell<>>("deepcell", deepcell, cells, two));
  out.push_back(
      encoder<cfm::DeepCell<cfm::AgnnAggregator<>>>("deepcell_gat", deepcell, cells, two));
  out.push_back(encoder<cfm::DeepCell<cfm::SumAggregator<>>>("deepcell_gcn", deepcell, cells, two));
  out.push_back(encoder<cfm::DeepGate2<>>("deepcell_aig_dg2", deepcell, deepgate2, two));
  out.push_back(encoder<cfm::DeepCellDg3<>>("deepcell_aig_dg3", deepcell, deepgate2, two));
  out.back().max_nodes = 20000;
  out.push_back(encoder<cfm::DeepCellPg<>>("deepcell_aig_pg", deepcell, net, of_net));
  out.push_back(encoder<cfm::DeepCellHoga<>>("deepcell_aig_hoga", deepcell, net, of_net));
  out.push_back(encoder<cfm::DeepCellGcn<>>("deepcell_aig_gcn", deepcell, net, of_net));
}

}  // namespace detail

/// Every encoder, in the order in which they are listed.
inline std::vector<Encoder> all_encoders() {
  using namespace detail;
  const auto fgnn2 = [](const Circuit& c) {
    std::vector<cfm::NodeKind> kinds(c.aig.variables() - 1, cfm::NodeKind::and_gate);
    std::fill_n(kinds.begin(), c.aig.inputs(), cfm::NodeKind::input);
    return input(cfm::fgnn2_graph(c.aig), std::move(kinds));
  };
  const auto hoga = [](const Circuit& c) {  // as published: the features of 8 hops
    const Input<cfm::GamoraGraph> in = gamora_input(c);
    return input(cfm::hop_features(in.graph.graph, in.graph.features(), {.hops = 8}), in.kinds);
  };
  const auto mgvga = [](const Circuit& c) {
    cfm::MgvgaGraph graph = cfm::mgvga_graph(c.aig);
    constexpr cfm::NodeKind kind[] = {cfm::NodeKind::input, cfm::NodeKind::output,
                                      cfm::NodeKind::and_gate, cfm::NodeKind::not_gate};
    std::vector<cfm::NodeKind> kinds;
    for (const std::uint8_t k : graph.kinds) kinds.push_back(kind[k]);
    return input(std::move(graph), std::move(kinds));
  };
  std::vector<Encoder> out;
  add_deepgates(out);
  out.push_back(encoder<cfm::DeepSeq2<>>(
      "deepseq2", "Khan et al., ASP-DAC 2025",
      [](const Circuit& c) { return input(cfm::deepseq2_graph(c.sequential), c.sequential.kinds); },
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
      "polargate", "Liu et al., ICCAD 2024", signed_input,
      [](const auto& model, const Featured& in) {
        return States{{"state", model.embed(in.graph, cfm::Var(in.features)).value()}};
      }));
  out.push_back(encoder<cfm::FuncGnn<>>(
      "funcgnn", "code of FuncGNN's authors", signed_input,
      [](const auto& model, const Featured& in) {
        return States{
            {"state", model.embed(in.graph, cfm::Var(in.features), in.gate_ratio).value()}};
      }));
  out.push_back(encoder<cfm::Gamora<>>(
      "gamora", "Wu et al., DAC 2023", gamora_input,
      [](const auto& model, const cfm::GamoraGraph& graph) {
        return States{{"state", model.embed(graph.graph, cfm::Var(graph.features())).value()}};
      }));
  out.push_back(encoder<cfm::Hoga<>>(
      "hoga", "Deng et al., DAC 2024", hoga, [](const auto& model, const cfm::Tensor& hops) {
        // Nodes do not see each other, so the states of all hops need not be there at once.
        constexpr cfm::Index batch = 2048;
        cfm::Tensor rows = cfm::Tensor::empty({hops.size(0), model.config().width});
        for (cfm::Index begin = 0; begin < hops.size(0); begin += batch) {
          const cfm::Index end = std::min(hops.size(0), begin + batch);
          rows.slice(0, begin, end)
              .copy_from(model.embed(cfm::Var(hops.slice(0, begin, end))).value());
        }
        return States{{"state", rows}};
      }));
  out.push_back(encoder<cfm::Fgnn2<>>("fgnn2", "Wang et al., TCAD 2024", fgnn2,
                                      [](const auto& model, const cfm::Fgnn2Graph& graph) {
                                        return States{{"state", model(graph).value()}};
                                      }));
  out.push_back(encoder<cfm::Mgvga<>>(
      "mgvga", "Wu et al., ICLR 2025", mgvga, [](const auto& model, const cfm::MgvgaGraph& graph) {
        return States{{"state", model(graph.graph, cfm::Var(graph.tokens())).value()}};
      }));
  return out;
}

}  // namespace examples
