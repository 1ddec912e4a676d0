#pragma once
/// @file  DeepGate3 from a circuit: DeepGate2's states, refined part by part, and hops.

#include <span>
#include <string_view>
#include <vector>

#include <cfm/models/circuit_hops.hpp>
#include <cfm/models/deepgate2.hpp>
#include <cfm/models/deepgate3.hpp>
#include <cfm/models/deepgate3_parts.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of the pipeline. Both models must have the same width.
struct DeepGate3EncoderConfig {
  DeepGate2Config tokenizer{.start = DeepGate2Start::workload};
  DeepGate3Config model{};
  Index length = 512;  ///< gates that are refined at once, at most
  bool cover = true;   ///< gates are related by ConeRule::cover, as published; else by paths

  static void visit(auto& self, auto&& v) {
    v("tokenizer", self.tokenizer);
    v("model", self.model);
    v("length", self.length);
    v("cover", self.cover);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The published pipeline:
///
///     const CircuitHops hops = circuit_hops(circuit);
///     const CircuitStates states = encoder(circuit, hops.inputs);
///
/// Tensors of the tokenizer are below "tokenizer", the others as in DeepGate3. For training, call
/// the parts: tokenizer, model.refine(tokens, refine_parts(graph)), model.pool.
/// Source:  as DeepGate3.
template <class LinearT = Linear<>>
class DeepGate3Encoder {
 public:
  using Config = DeepGate3EncoderConfig;
  static constexpr std::string_view kind = "deepgate3_encoder";

  explicit DeepGate3Encoder(const Config& config = {}, Init init = Rng(0))
      : tokenizer(config.tokenizer, init.next()),
        model(config.model, init.next()),
        config_(config) {
    CFM_CHECK(config.tokenizer.width == config.model.width,
              "deepgate3 encoder: tokenizer and model differ in width", config.tokenizer.width,
              config.model.width);
  }

  /// Without gradients. `probability`: of ones at each source, without it one half.
  /// Cost:    memory is some vectors a gate and one part, whatever the circuit.
  CircuitStates operator()(const DeepGate2Graph& graph, const HopInputs& hops = {},
                           std::uint64_t seed = 0, std::span<const double> probability = {}) const {
    const GateStates tokens = tokenizer(graph, {}, seed, probability);
    CircuitStates out{.gates = refine(graph.schedule.rows(), tokens)};
    if (hops.roots.defined() && hops.roots.size() > 0)
      out.hops = pool_in_blocks(model.pooling, out.gates, hops);
    return out;
  }
  CircuitStates operator()(const ExplicitNotGraph& circuit, const HopInputs& hops = {}) const {
    return (*this)(deepgate2_graph(circuit), hops);
  }

  /// Refined states, one part after the other; what lies in several parts gets the mean.
  GateStates refine(const Graph& graph, const GateStates& tokens) const {
    const Tensor hs = tokens.structure.value(), hf = tokens.function.value();
    Tensor structure = Tensor::zeros(hs.shape(), hs.dtype()),
           function = Tensor::zeros(hf.shape(), hf.dtype());
    std::vector<std::int32_t> count(static_cast<std::size_t>(graph.nodes()), 0);
    SubgraphCutter cut(graph);
    for (const std::vector<std::int32_t>& gates : refine_areas(graph, config_.length)) {
      RefinePart part = refine_part(cut, gates, config_.cover ? ConeRule::cover : ConeRule::reach);
      for (std::size_t i = 0; i < gates.size(); ++i)
        part.nodes.span<std::int64_t>()[i] = static_cast<std::int64_t>(i);
      const GateStates refined = model.refine(
          {.structure = rows_at(hs, gates), .function = rows_at(hf, gates)}, std::span(&part, 1));
      add_rows(structure, gates, refined.structure.value());
      add_rows(function, gates, refined.function.value());
      for (const std::int32_t v : gates) ++count[static_cast<std::size_t>(v)];
    }
    divide_rows(structure, count);
    divide_rows(function, count);
    return {.structure = structure, .function = function};
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("tokenizer", self.tokenizer);
    v("", self.model);
  }

  DeepGate2<LinearT> tokenizer;
  DeepGate3<LinearT> model;

 private:
  static void add_rows(Tensor& out, const std::vector<std::int32_t>& rows, const Tensor& x) {
    visit_real(out.dtype(), "deepgate3 encoder", [&]<class T>(std::type_identity<T>) {
      const Tensor dense = x.contiguous();
      const View<const T, 2> from = dense.view<T, 2>();
      const View<T, 2> to = out.view<T, 2>();
      for (std::size_t i = 0; i < rows.size(); ++i)
        for (Index k = 0; k < to.cols(); ++k) to(rows[i], k) += from(static_cast<Index>(i), k);
    });
  }
  static void divide_rows(Tensor& out, const std::vector<std::int32_t>& count) {
    visit_real(out.dtype(), "deepgate3 encoder", [&]<class T>(std::type_identity<T>) {
      const View<T, 2> rows = out.view<T, 2>();
      for (std::size_t v = 0; v < count.size(); ++v)
        for (Index k = 0; k < rows.cols(); ++k)
          rows(static_cast<Index>(v), k) /= static_cast<T>(count[v]);
    });
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
