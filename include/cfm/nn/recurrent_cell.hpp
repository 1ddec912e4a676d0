#pragma once
/// @file  One step of recurrent networks: GRU, LSTM and the simple one.
///
/// A cell works in two halves, so that the products with the inputs of a whole sequence can be one:
/// `project(x)`, and `step(projected, state)`. Its states are arrays of `states` tensors, the
/// hidden state first.

#include <array>
#include <string>
#include <string_view>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/nn/activation.hpp>
#include <cfm/nn/linear.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The weights that all cells have: `gates` blocks of rows for the input and for the hidden state,
/// uniform in +-1 / sqrt(hidden) at first. The tensors are weight_ih, weight_hh, bias_ih, bias_hh.
/// Shapes:  weight_ih [gates hidden, in], weight_hh [gates hidden, hidden], biases [gates hidden].
template <WeightMatrix W>
class RecurrentWeights {
 public:
  RecurrentWeights() = default;
  RecurrentWeights(Index in, Index hidden, Index gates, Init init, const LinearOptions& options)
      : input(make(in, hidden, gates, init.next(), options)),
        recurrent(make(hidden, hidden, gates, init.next(), options)) {}

  /// Lists the tensors with a suffix, "_l0_reverse" say.
  static void visit_named(auto& self, auto&& v, std::string_view suffix) {
    v(concat("weight_ih", suffix), self.input.weight);
    v(concat("weight_hh", suffix), self.recurrent.weight);
    v(concat("bias_ih", suffix), self.input.bias);
    v(concat("bias_hh", suffix), self.recurrent.bias);
  }
  static void visit(auto& self, auto&& v) { visit_named(self, v, ""); }

  Linear<W> input;
  Linear<W> recurrent;

 private:
  static Linear<W> make(Index in, Index hidden, Index gates, Init init,
                        const LinearOptions& options) {
    const auto rows = checked_mul(gates, hidden);
    CFM_CHECK(rows, "recurrent: the hidden state is too large", hidden);
    Linear<W> out;
    out.weight = W::encode(fan_in_uniform({*rows, in}, hidden, init.next()));
    if (options.bias) out.bias = Parameter{fan_in_uniform({*rows}, hidden, init.next())};
    return out;
  }
};

/// Gated recurrent unit: r = s(W_ir x + W_hr h), z = s(W_iz x + W_hz h),
/// n = tanh(W_in x + r W_hn h), h' = (1 - z) n + z h, every W with its bias; blocks of rows in the
/// order r, z, n.
/// Shapes:  x [n, in], h [n, hidden]  ->  [n, hidden].
/// Source:  K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014,
///          eq. (5) to (8), with the reset gate after the product as in PyTorch.
template <WeightMatrix W = DenseMatrix>
class GruCell {
 public:
  static constexpr std::size_t states = 1;
  using State = std::array<Var, states>;

  GruCell() = default;
  GruCell(Index in, Index hidden, Init init = {}, const LinearOptions& options = {})
      : weights(in, hidden, 3, std::move(init), options) {}

  Index hidden() const { return weights.recurrent.inputs(); }
  Var project(const Var& x) const { return weights.input(x); }

  State step(const Var& projected, const State& state) const {
    const Var h = beside(projected, state[0]);
    const Index n = hidden();
    const Var gates = weights.recurrent(h);
    const Var rz = sigmoid(slice(projected, -1, 0, 2 * n) + slice(gates, -1, 0, 2 * n));
    const Var r = slice(rz, -1, 0, n), z = slice(rz, -1, n, 2 * n);
    const Var fresh = tanh(slice(projected, -1, 2 * n, 3 * n) + r * slice(gates, -1, 2 * n, 3 * n));
    return {fresh + z * (h - fresh)};
  }

  Var operator()(const Var& x, const Var& h) const { return step(project(beside(h, x)), {h})[0]; }

  static void visit(auto& self, auto&& v) { v("", self.weights); }

  RecurrentWeights<W> weights;
};

/// Long short-term memory: i, f, o = s(W_i. x + W_h. h), g = tanh(W_ig x + W_hg h),
/// c' = f c + i g, h' = o tanh(c'); blocks of rows in the order i, f, g, o.
/// Shapes:  x [n, in], h and c [n, hidden]  ->  {h', c'}.
/// Source:  S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997, with forget gates.
template <WeightMatrix W = DenseMatrix>
class LstmCell {
 public:
  static constexpr std::size_t states = 2;
  using State = std::array<Var, states>;

  LstmCell() = default;
  LstmCell(Index in, Index hidden, Init init = {}, const LinearOptions& options = {})
      : weights(in, hidden, 4, std::move(init), options) {}

  Index hidden() const { return weights.recurrent.inputs(); }
  Var project(const Var& x) const { return weights.input(x); }

  State step(const Var& projected, const State& state) const {
    const Index n = hidden();
    const Var sums = projected + weights.recurrent(beside(projected, state[0]));
    const Var input_forget = sigmoid(slice(sums, -1, 0, 2 * n));
    const Var fresh = tanh(slice(sums, -1, 2 * n, 3 * n));
    const Var out = sigmoid(slice(sums, -1, 3 * n, 4 * n));
    const Var c = slice(input_forget, -1, n, 2 * n) * state[1] +
                  slice(input_forget, -1, 0, n) * fresh;
    return {out * tanh(c), c};
  }

  /// `state` is {h, c}.
  State operator()(const Var& x, const State& state) const {
    return step(project(beside(state[0], x)), state);
  }

  static void visit(auto& self, auto&& v) { v("", self.weights); }

  RecurrentWeights<W> weights;
};

/// The simple recurrent network: h' = activation(W_i x + W_h h), both with a bias.
/// Shapes:  x [n, in], h [n, hidden]  ->  [n, hidden].
template <WeightMatrix W = DenseMatrix>
class RnnCell {
 public:
  static constexpr std::size_t states = 1;
  using State = std::array<Var, states>;

  RnnCell() = default;
  RnnCell(Index in, Index hidden, Init init = {}, const LinearOptions& options = {})
      : weights(in, hidden, 1, std::move(init), options) {}

  Index hidden() const { return weights.recurrent.inputs(); }
  Var project(const Var& x) const { return weights.input(x); }

  State step(const Var& projected, const State& state) const {
    return {activate(projected + weights.recurrent(beside(projected, state[0])), activation)};
  }

  Var operator()(const Var& x, const Var& h) const { return step(project(beside(h, x)), {h})[0]; }

  static void visit(auto& self, auto&& v) { v("", self.weights); }

  RecurrentWeights<W> weights;
  Activation activation = Activation::tanh;
};

CFM_ISA_NAMESPACE_END
