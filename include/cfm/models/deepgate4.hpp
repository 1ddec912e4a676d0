#pragma once
/// @file  DeepGate4: sparse attention along cones, area by area, with a store of finished gates.

#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include <cfm/models/deepgate3_heads.hpp>
#include <cfm/models/deepgate4_areas.hpp>
#include <cfm/nn/gat_conv.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of DeepGate4. The defaults are the published model; the tokenizer, DeepGate2, is a model
/// of its own.
struct DeepGate4Config {
  Index width = 128;         ///< of each of the two states of a gate
  Index heads = 4;
  Index hidden = 512;        ///< between the linear layers of a transformer layer
  Index layers = 12;
  Index pool_layers = 2;
  Index max_fanouts = 5000;  ///< numbers of fan-outs that have a row of their own
  double dropout = 0.1;      ///< of the transformers
  double head_dropout = 0.5; ///< of the heads
  bool released_pool_mask = true;  ///< as in DeepGate3Config
  /// The public code writes the function of finished gates over their structure in its store.
  bool released_store = false;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("heads", self.heads);
    v("hidden", self.hidden);
    v("layers", self.layers);
    v("pool_layers", self.pool_layers);
    v("max_fanouts", self.max_fanouts);
    v("dropout", self.dropout);
    v("head_dropout", self.head_dropout);
    v("released_pool_mask", self.released_pool_mask);
    v("released_store", self.released_store);
  }
};

/// Where gates stand, for StructuralEncoding.   Shapes:  i64 [gates] each.
struct GatePlaces {
  Tensor level;        ///< forward level
  Tensor and_fanouts;  ///< ANDs that a gate drives
  Tensor not_fanouts;  ///< NOTs that a gate drives
};

/// The states of all gates of a circuit, as values. What is refined is written back.
struct GateStore {
  Tensor function, structure;  ///< [gates, width]
};

/// sin(p / 10000^(2 i / width)) and the cosine of the same, in turn.
/// Shapes:  positions i64 [n]  ->  f32 [n, width].
/// Source:  A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5.
inline Tensor sinusoidal_rows(const Tensor& positions, Index width) {
  const Tensor list = positions.to(DType::i64).contiguous();
  Tensor out = Tensor::empty({list.size(), width});
  const auto to = out.view<float, 2>();
  for (Index i = 0; i < list.size(); ++i)
    for (Index k = 0; k < width; ++k) {
      const double angle =
          static_cast<double>(list.span<std::int64_t>()[static_cast<std::size_t>(i)]) /
          std::pow(10000.0, static_cast<double>(k / 2 * 2) / static_cast<double>(width));
      to(i, k) = static_cast<float>(k % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// What is added to the structure of gates that have not been refined: their level through sines
/// and a linear layer, and learned rows for the numbers of ANDs and NOTs that they drive.
template <class LinearT = Linear<>>
class StructuralEncoding {
 public:
  StructuralEncoding(Index width, Index rows, Init init = {})
      : level(width, width, init.next()),
        and_fanouts(rows, width, init.next()),
        not_fanouts(rows, width, init.next()) {}

  /// `like` gives tape and type.   Shapes:  [gates, width].
  Var operator()(const GatePlaces& places, const Var& like) const {
    const Tensor waves =
        sinusoidal_rows(places.level, level.outputs()).to(like.dtype());
    return level(beside(like, waves)) + rows(and_fanouts, places.and_fanouts, like) +
           rows(not_fanouts, places.not_fanouts, like);
  }

  static void visit(auto& self, auto&& v) {
    v("level", self.level);
    v("and_fanouts", self.and_fanouts);
    v("not_fanouts", self.not_fanouts);
  }

  LinearT level;
  Embedding and_fanouts, not_fanouts;

 private:
  // Larger numbers have the last row.
  static Var rows(const Embedding& table, const Tensor& numbers, const Var& like) {
    Tensor ids = numbers.to(DType::i64).clone();
    for (std::int64_t& n : ids.span<std::int64_t>())
      n = std::min<std::int64_t>(n, table.weight.value.size(0) - 1);
    return embedding(bind(like, table.weight), ids);
  }
};

/// Attention of GAT over given edges, then each gate alone, each with a residual and a norm behind.
template <class LinearT = Linear<>>
class SparseTransformerLayer {
 public:
  SparseTransformerLayer(const DeepGate4Config& c, Init init)
      : conv({.in = 2 * c.width,
              .out = 2 * c.width / c.heads,
              .heads = c.heads,
              .self_loops = false,
              .dropout = c.dropout},
             init.next()),
        linear1(2 * c.width, c.hidden, init.next()),
        linear2(c.hidden, 2 * c.width, init.next()),
        norm1(2 * c.width, init.next()),
        norm2(2 * c.width, init.next()),
        dropout_(c.dropout) {}

  Var operator()(const Graph& edges, const Var& x) const {
    const Var h = norm1(x + dropout(conv(edges, x), dropout_));
    return norm2(h + dropout(linear2(dropout(relu(linear1(h)), dropout_)), dropout_));
  }

  static void visit(auto& self, auto&& v) {
    v("conv", self.conv);
    v("linear1", self.linear1);
    v("linear2", self.linear2);
    v("norm1", self.norm1);
    v("norm2", self.norm2);
  }

  GatConv<LinearT> conv;
  LinearT linear1, linear2;
  LayerNorm norm1, norm2;

 private:
  double dropout_;
};

/// States of gates from a tokenizer, refined area by area, pooled over hops, and heads for ten
/// tasks. Areas come in the order of their groups; each gate is refined once, and areas that meet
/// it later see the finished states of the store. Memory is that of the store and of one batch.
///
///     model.refine(store, area_batches(graph, cone_areas(graph)));
///
/// Source:  Z. Zheng et al., "DeepGate4: efficient and effective representation learning for
///          circuit design at scale", ICLR 2025, with the details of its public code.
template <class LinearT = Linear<>>
class DeepGate4 {
 public:
  using Config = DeepGate4Config;
  static constexpr std::string_view kind = "deepgate4";

  explicit DeepGate4(const Config& config = {}, Init init = Rng(0))
      : encoding(config.width, config.max_fanouts, init.next()),
        pooling({.dim = config.width,
                 .heads = config.heads,
                 .hidden = config.hidden,
                 .layers = config.pool_layers,
                 .dropout = config.dropout},
                config.released_pool_mask, init.next()),
        heads(config.width, 1, config.head_dropout, init.next()),
        config_(config) {
    CFM_CHECK(config.heads >= 1 && config.width >= 1 && 2 * config.width % config.heads == 0,
              "deepgate4: twice the width must be a multiple of heads", config.width,
              config.heads);
    for (Index l = 0; l < config.layers; ++l) layers.emplace_back(config, init.next());
  }

  /// The fresh gates of a batch, refined: means over their rows.
  /// Shapes:  tokens [rows of the batch, width] each: finished states, or what a tokenizer and the
  ///          encoding give to fresh gates  ->  [batch.updated, width] each.
  GateStates refine(const GateStates& tokens, const AreaBatch& batch) const {
    const auto rows = static_cast<Index>(batch.nodes.size()), width = config_.width;
    CFM_CHECK(tokens.function.shape() == Shape({rows, width}) &&
                  tokens.structure.shape() == Shape({rows, width}),
              concat("deepgate4: needs states [", rows, ", ", width, "]"), tokens.function,
              tokens.structure);
    Var h = cat({tokens.function, tokens.structure}, 1);
    for (const SparseTransformerLayer<LinearT>& layer : layers) h = layer(batch.edges, h);
    const auto list = [](const std::vector<std::int32_t>& v) {
      return Tensor::from(std::span<const std::int32_t>(v), {static_cast<Index>(v.size())});
    };
    const Segments owners(list(batch.owners), static_cast<Index>(batch.updated.size()));
    const Tensor fresh = list(batch.fresh_rows);
    const auto part = [&](const Var& before, Index half) {
      const Var all = before + slice(h, 1, half * width, (half + 1) * width);
      return segment_mean(index_select(all, 0, fresh), owners);
    };
    return {.structure = part(tokens.structure, 1), .function = part(tokens.function, 0)};
  }

  /// All batches, one after the other, without gradients. The store holds the tokens of all gates
  /// at first, their encoding added, and refined states in the end.
  void refine(GateStore& store, std::span<const AreaBatch> batches) const {
    for (const AreaBatch& batch : batches) {
      const GateStates out = refine({.structure = rows_at(store.structure, batch.nodes),
                                     .function = rows_at(store.function, batch.nodes)},
                                    batch);
      put_rows(store.function, batch.updated, out.function.value());
      put_rows(store.structure, batch.updated,
               config_.released_store ? out.function.value() : out.structure.value());
    }
  }

  /// The states of hops; see HopPooling.
  GateStates pool(const GateStates& gates, const HopInputs& hops) const {
    return pooling(gates, hops);
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("encoding", self.encoding);
    v("layers", self.layers);
    v("", self.pooling);
    v("", self.heads);
  }

  StructuralEncoding<LinearT> encoding;
  std::vector<SparseTransformerLayer<LinearT>> layers;
  HopPooling<LinearT> pooling;
  HopHeads<LinearT> heads;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
