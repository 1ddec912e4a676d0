#pragma once
/// @file  Recurrent networks over sequences: several layers, one or both directions.

#include <optional>
#include <vector>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/nn/recurrent_cell.hpp>

CFM_NAMESPACE_BEGIN

/// What Recurrent is told.
struct RecurrentOptions {
  Index layers = 1;
  bool bidirectional = false;  ///< a second cell a layer reads the sequence backwards
  bool bias = true;
  double dropout = 0;          ///< between layers, in training
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Layers of cells over a sequence. The cells of a layer read the outputs of the layer below, both
/// directions side by side. Tensors are named weight_ih_l0, weight_hh_l0_reverse ...
template <class Cell>
class Recurrent {
 public:
  using State = typename Cell::State;

  /// What a sequence gives.
  struct Output {
    Var output;  ///< the hidden states of the last layer, [time, batch, directions hidden]
    State last;  ///< the states after the last step, [layers directions, batch, hidden] each
  };

  Recurrent() = default;
  Recurrent(Index in, Index hidden, Init init = {}, const RecurrentOptions& options = {})
      : options_(options) {
    CFM_CHECK(options.layers >= 1, "recurrent: at least one layer", options.layers);
    const Index directions = options.bidirectional ? 2 : 1;
    for (Index l = 0; l < options.layers; ++l)
      for (Index d = 0; d < directions; ++d)
        cells.emplace_back(l == 0 ? in : directions * hidden, hidden, init.next(),
                           LinearOptions{.bias = options.bias});
  }

  /// Runs over a whole sequence. Without `first` the states start at zero.
  /// Shapes:  x [time, batch, in]; first as Output::last.
  /// Errors:  ShapeError.
  Output operator()(const Var& x, const std::optional<State>& first = {}) const {
    CFM_CHECK(x.rank() == 3 && x.size(0) > 0, "recurrent: needs [time, batch, in]", x);
    const std::size_t directions = options_.bidirectional ? 2 : 1;
    std::vector<State> last;
    Var below = first ? beside((*first)[0], x) : x;
    for (std::size_t l = 0; l < cells.size(); l += directions) {
      if (l > 0) below = dropout(below, options_.dropout);
      std::vector<Var> outputs;
      for (std::size_t d = 0; d < directions; ++d)
        outputs.push_back(run(l + d, below, d == 1, first, last));
      below = directions == 1 ? outputs[0] : cat(outputs, 2);
    }
    State states;
    for (std::size_t s = 0; s < states.size(); ++s) {
      std::vector<Var> parts;
      for (const State& one : last) parts.push_back(one[s]);
      states[s] = stack(parts, 0);
    }
    return {below, states};
  }

  const RecurrentOptions& options() const { return options_; }

  static void visit(auto& self, auto&& v) {
    const std::size_t directions = self.options_.bidirectional ? 2 : 1;
    for (std::size_t i = 0; i < self.cells.size(); ++i) {
      auto& weights = self.cells[i].weights;
      std::remove_cvref_t<decltype(weights)>::visit_named(
          weights, v, concat("_l", i / directions, i % directions == 1 ? "_reverse" : ""));
    }
  }

  std::vector<Cell> cells;  ///< layer by layer, the backward cell after the forward one

 private:
  // One cell over the sequence; appends its last state.
  Var run(std::size_t at, const Var& x, bool backwards, const std::optional<State>& first,
          std::vector<State>& last) const {
    const Cell& cell = cells[at];
    const Var projected = cell.project(x);
    State state;
    for (std::size_t s = 0; s < state.size(); ++s)
      state[s] = first ? select((*first)[s], 0, static_cast<Index>(at))
                       : Var(Tensor::zeros({x.size(1), cell.hidden()}, x.dtype()));
    const Index time = x.size(0);
    std::vector<Var> outputs(static_cast<std::size_t>(time));
    for (Index i = 0; i < time; ++i) {
      const Index t = backwards ? time - 1 - i : i;
      state = cell.step(select(projected, 0, t), state);
      outputs[static_cast<std::size_t>(t)] = state[0];
    }
    last.push_back(state);
    return stack(outputs, 0);
  }

  RecurrentOptions options_;
};

/// Gated recurrent units over a sequence.
using Gru = Recurrent<GruCell<>>;
/// Long short-term memory over a sequence.
using Lstm = Recurrent<LstmCell<>>;
/// The simple recurrent network, with tanh, over a sequence.
using Rnn = Recurrent<RnnCell<>>;

CFM_ISA_NAMESPACE_END
