#pragma once
/// @file  Multi-layer perceptrons, numbered as in the files of the circuit encoders.

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <cfm/nn/activation.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/norm.hpp>

CFM_NAMESPACE_BEGIN

/// A normalisation chosen by a configuration.
enum class Norm { none, batch, layer };

/// The names that configurations use in files.
constexpr std::array<std::string_view, 3> enum_names(Norm) { return {"none", "batch", "layer"}; }

/// Sizes and parts of an Mlp.
struct MlpConfig {
  Index in = 1;
  Index hidden = 32;  ///< width between layers
  Index out = 1;
  Index layers = 2;   ///< number of linear layers
  Activation activation = Activation::relu;       ///< between layers
  Activation last_activation = Activation::none;  ///< at the end
  Norm norm = Norm::none;                         ///< between layers
  bool norm_after_activation = false;
  double dropout = 0;  ///< after each activation between layers; 0 is no part of its own
  bool bias = true;

  /// Three layers with batch norm: the heads of encoders of gates.
  static MlpConfig head(Index in, Index hidden, Index out, double dropout) {
    return {.in = in,
            .hidden = hidden,
            .out = out,
            .layers = 3,
            .norm = Norm::batch,
            .dropout = dropout};
  }
  /// The same for pairs of gates, ending in a probability: linear up to the sigmoid.
  static MlpConfig pair_head(Index in, Index hidden, double dropout) {
    MlpConfig out = head(in, hidden, 1, dropout);
    out.activation = Activation::none;
    out.last_activation = Activation::sigmoid;
    return out;
  }

  static void visit(auto& self, auto&& v) {
    v("in", self.in);
    v("hidden", self.hidden);
    v("out", self.out);
    v("layers", self.layers);
    v("activation", self.activation);
    v("last_activation", self.last_activation);
    v("norm", self.norm);
    v("norm_after_activation", self.norm_after_activation);
    v("dropout", self.dropout);
    v("bias", self.bias);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// (Linear, norm, activation, dropout) for every layer but the last, then Linear and the last
/// activation. Parts are numbered from 0 and only those that exist count, with or without tensors:
/// with batch norm, ReLU and dropout the linear layers of three are "0", "4" and "8", and the norms
/// "1" and "5". List it as v("fc", mlp) for names like "fc.4.weight".
/// Shapes:  x [rows, in]  ->  [rows, out]; [.., in] without batch norm.
template <class LinearT = Linear<>>
class Mlp {
 public:
  using Config = MlpConfig;
  static constexpr std::string_view kind = "mlp";

  explicit Mlp(const Config& config = {}, Init init = {}) : config_(config) {
    CFM_CHECK(config.layers >= 1, "mlp: at least one layer", config.layers);
    const bool active = config.activation != Activation::none;
    const bool norm_first = config.norm != Norm::none && !config.norm_after_activation;
    Index number = 0;
    for (Index l = 0; l < config.layers; ++l) {
      const bool last = l + 1 == config.layers;
      Stage& stage = stages_.emplace_back();
      stage.linear_number = number++;
      stage.linear = LinearT(l == 0 ? config.in : config.hidden, last ? config.out : config.hidden,
                             init.next(), LinearOptions{.bias = config.bias});
      if (last) break;
      stage.norm_number = number + (active && !norm_first ? 1 : 0);
      if (config.norm == Norm::batch) stage.batch_norm = BatchNorm1d(config.hidden, init.next());
      if (config.norm == Norm::layer) stage.layer_norm = LayerNorm(config.hidden, init.next());
      number += (config.norm != Norm::none ? 1 : 0) + (active ? 1 : 0);
      number += config.dropout > 0 ? 1 : 0;
    }
  }

  Var operator()(const Var& x) const {
    Var h = x;
    for (std::size_t l = 0; l + 1 < stages_.size(); ++l) {
      const Stage& stage = stages_[l];
      if (config_.norm == Norm::none || config_.norm_after_activation) {
        h = normalize(stage, isa_detail::activated(stage.linear, h, config_.activation));
      } else {
        h = activate(normalize(stage, stage.linear(h)), config_.activation);
      }
      h = dropout(h, config_.dropout);
    }
    return isa_detail::activated(stages_.back().linear, h, config_.last_activation);
  }

  const Config& config() const { return config_; }
  /// The linear layer of position 0 .. layers - 1.
  const LinearT& linear(Index layer) const {
    return stages_.at(static_cast<std::size_t>(layer)).linear;
  }

  static void visit(auto& self, auto&& v) {
    for (auto& stage : self.stages_) {
      v(concat(stage.linear_number), stage.linear);
      v(concat(stage.norm_number), stage.batch_norm);
      v(concat(stage.norm_number), stage.layer_norm);
    }
  }

 private:
  struct Stage {
    LinearT linear{};
    std::optional<BatchNorm1d> batch_norm{};
    std::optional<LayerNorm> layer_norm{};
    Index linear_number = 0, norm_number = 0;
  };

  static Var normalize(const Stage& stage, const Var& h) {
    if (stage.batch_norm) return (*stage.batch_norm)(h);
    return stage.layer_norm ? (*stage.layer_norm)(h) : h;
  }

  Config config_;
  std::vector<Stage> stages_;
};

CFM_ISA_NAMESPACE_END
