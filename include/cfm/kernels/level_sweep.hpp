#pragma once
/// @file  Level-wise GRU message passing over a schedule, and its gradient.

#include <cstring>
#include <span>
#include <vector>

#include <cfm/exec/scratch.hpp>
#include <cfm/graph/level_schedule.hpp>
#include <cfm/kernels/level_sweep-inl.hpp>
#include <cfm/kernels/matmul.hpp>

CFM_NAMESPACE_BEGIN

/// How one kind of nodes is updated: a GRU whose input is [message | edge | extra], where message
/// and edge are weighted sums over the sources of the rows [side | state] and of the edges' own.
/// Weights are 1, or with `score` the softmax over the sources of score . [side | state | edge].
/// A linear map of messages belongs into weight_ih: it is applied once a node.
/// Shapes:  weight_ih [3 hidden, message + edge + extra], weight_hh [3 hidden, hidden], biases
///          [3 hidden], score [message + edge] or Tensor(); rows of gates in the order r, z, n.
struct LevelWeights {
  Tensor weight_ih{}, weight_hh{}, bias_ih{}, bias_hh{}, score{};
  bool side = false;  ///< messages begin with the rows of the side matrix
};

/// Constants of a sweep; what is not there has no columns.
struct LevelInputs {
  Tensor side{};        ///< [nodes, any]: further columns of the states of sources
  Tensor extra{};       ///< [nodes, any]: of the nodes themselves, one-hot kinds say
  Tensor edge_table{};  ///< [rows, any]: what edges may carry
  Tensor edge_rows{};   ///< i32[edges]: the row of each edge of the graph's fanins()
};

/// What a sweep leaves for its gradient.
struct LevelSaved {
  Tensor alpha{};  ///< weight of every edge of the rows; Tensor() without attention
  Tensor gates{};  ///< activations by place in the order, or Tensor(): computed again
};

/// Gradients of a sweep, shaped as what they belong to.
struct LevelGradients {
  Tensor state{}, side{};
  std::vector<LevelWeights> kinds{};
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// The arguments of the bodies, and the memory behind them.
template <Real T>
struct LevelPlan {
  LevelPlan(const LevelSchedule& schedule, std::span<const LevelWeights> weights,
            const LevelInputs& inputs, const Tensor& before, bool backward);

  // Calls f(kind, begin, end, tile of the level) for the tiles of a level, slots in parallel: the
  // tiles of one slot run in order, and which they are depends on the schedule alone.
  template <class F>
  void each_tile(Index level, Index rows, const F& f) const;

  const LevelSchedule& schedule;
  detail::LevelSweep<T> sweep{};
  std::vector<detail::LevelKind<T>> kinds{};
  std::vector<Tensor> memory{};
  Index widest = 0, widest_message = 0;

 private:
  void find_common();
  void pack(detail::LevelKind<T>& kind, const LevelWeights& w, bool backward);
};

// Slots share the tiles of a level between threads; each has sums of its own.
inline constexpr Index level_slots = 8;

}  // namespace isa_detail

/// New states of all nodes: level after level, each node of a kind by the GRU of its kind with the
/// new states of its sources; fixed nodes keep theirs.
/// Shapes:  state [nodes, hidden]  ->  [nodes, hidden].
/// Saved:   what `saved` asks for, if it is not null: the weights of edges, and gates if
///          keep_gates (4 nodes x hidden; else the gradient computes them again).
/// Order:   a node's bits depend on its own sources alone: the same for any number of threads, and
///          in a batch.
/// Errors:  ShapeError, TypeError; Error for a row of the edge table that does not exist.
/// Cost:    6 nodes hidden (inputs + hidden) operations; nothing of size edges x hidden. Where all
///          nodes that are not fixed have the same old state, 6 nodes hidden inputs.
inline Tensor level_sweep(const LevelSchedule& schedule, std::span<const LevelWeights> kinds,
                          const LevelInputs& inputs, const Tensor& state,
                          LevelSaved* saved = nullptr, bool keep_gates = false);

/// The gradient of level_sweep: `before` and `after` are its old and new states, `grad` the
/// gradient of the new ones; side_grad and state_grad ask for those of the side matrix and of the
/// old states.
/// Order:   levels from last to first; every node collects from its targets, so nothing is added
///          by two threads, and the bits do not depend on their number.
/// Cost:    about three times that of the sweep without kept gates, twice with them.
inline LevelGradients level_sweep_backward(const LevelSchedule& schedule,
                                           std::span<const LevelWeights> kinds,
                                           const LevelInputs& inputs, const Tensor& before,
                                           const Tensor& after, const LevelSaved& saved,
                                           const Tensor& grad, bool side_grad,
                                           bool state_grad = true);

namespace isa_detail {

inline void check_level_inputs(const LevelSchedule& schedule, std::span<const LevelWeights> kinds,
                               const LevelInputs& in, const Tensor& state) {
  const Index nodes = schedule.nodes();
  const auto check_rows = [&](const Tensor& t, const char* what) {
    if (!t.defined()) return;
    CFM_CHECK(t.dtype() == state.dtype(), concat("level_sweep: type of ", what), t.dtype(),
              state.dtype());
    CFM_CHECK(t.rank() == 2, concat("level_sweep: a matrix is wanted as ", what), t);
  };
  CFM_CHECK(state.rank() == 2 && state.size(0) == nodes,
            concat("level_sweep: needs a state for each of ", nodes, " nodes"), state);
  check_rows(in.side, "side");
  check_rows(in.extra, "extra");
  check_rows(in.edge_table, "edge_table");
  CFM_CHECK(!in.side.defined() || in.side.size(0) == nodes, "level_sweep: one row of side a node",
            in.side, state);
  CFM_CHECK(!in.extra.defined() || in.extra.size(0) == nodes,
            "level_sweep: one row of extra a node", in.extra, state);
  CFM_CHECK(static_cast<Index>(kinds.size()) >= schedule.kinds() && kinds.size() < 255,
            "level_sweep: weights for each kind of the schedule", kinds.size(), schedule.kinds());
  if (!in.edge_table.defined()) return;
  CFM_CHECK(in.edge_rows.defined() && in.edge_rows.dtype() == DType::i32 &&
                in.edge_rows.size() == schedule.rows().edges(),
            "level_sweep: edge_rows is i32, one for every edge", schedule.rows().edges());
  const Index rows = in.edge_table.size(0);
  const Tensor edges = in.edge_rows.contiguous();
  for (std::int32_t row : edges.span<std::int32_t>())
    CFM_CHECK(row >= 0 && row < rows, "level_sweep: no such row of the edge table", row, rows);
}

template <Real T>
LevelPlan<T>::LevelPlan(const LevelSchedule& plan, std::span<const LevelWeights> weights,
                        const LevelInputs& inputs, const Tensor& before, bool backward)
    : schedule(plan) {
  check_level_inputs(plan, weights, inputs, before);
  const auto keep = [&](const Tensor& t) -> const T* {
    if (!t.defined()) return nullptr;
    memory.push_back(t.contiguous());
    return std::as_const(memory.back()).template data<T>();
  };
  const CsrView rows = plan.rows().fanins();
  sweep.hidden = before.size(1);
  sweep.hidden4 = detail::level_round(sweep.hidden, 4);
  sweep.offsets = rows.offsets.data();
  sweep.columns = rows.columns.data();
  sweep.order = plan.order().data();
  const bool one_row = before.size(0) > 0 && before.strides()[0] == 0;
  sweep.before = keep(one_row ? before.slice(0, 0, 1) : before);
  sweep.before_stride = one_row ? 0 : sweep.hidden;
  sweep.side = keep(inputs.side);
  sweep.side_stride = inputs.side.defined() ? inputs.side.size(1) : 0;
  sweep.extra = keep(inputs.extra);
  sweep.extra_columns = inputs.extra.defined() ? inputs.extra.size(1) : 0;
  sweep.edge_table = keep(inputs.edge_table);
  if (inputs.edge_table.defined()) {
    sweep.edge_columns = inputs.edge_table.size(1);
    memory.push_back(inputs.edge_rows.contiguous());
    sweep.edge_rows = std::as_const(memory.back()).template data<std::int32_t>();
    const auto places = plan.edge_places();
    sweep.edge_places = places.empty() ? nullptr : places.data();
  }
  find_common();
  kinds.resize(weights.size());
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    detail::LevelKind<T>& kind = kinds[k];
    kind.side = weights[k].side ? sweep.side_stride : 0;
    kind.message = kind.side + sweep.hidden;
    kind.inputs = detail::level_round(kind.message + sweep.edge_columns + sweep.extra_columns, 4);
    pack(kind, weights[k], backward);
    widest = std::max(widest, kind.inputs);
    widest_message = std::max(widest_message, kind.message);
  }
  sweep.kinds = kinds.data();
  sweep.kind_count = static_cast<Index>(kinds.size());
}

// Looks for an old state that all nodes which are not fixed share, bit by bit.
template <Real T>
void LevelPlan<T>::find_common() {
  sweep.own = sweep.hidden4;
  std::vector<bool> fixed(static_cast<std::size_t>(schedule.nodes()), false);
  for (const auto& group : schedule.groups())
    if (group.kind == LevelSchedule::fixed)
      for (std::int32_t v : schedule.nodes_of(group)) fixed[static_cast<std::size_t>(v)] = true;
  const auto bytes = static_cast<std::size_t>(sweep.hidden) * sizeof(T);
  const T* common = nullptr;
  for (Index v = 0; v < schedule.nodes(); ++v) {
    if (fixed[static_cast<std::size_t>(v)]) continue;
    const T* const row = sweep.before + v * sweep.before_stride;
    if (common == nullptr) common = row;
    if (row != common && std::memcmp(row, common, bytes) != 0) return;
  }
  if (common == nullptr) return;
  sweep.common = common;
  sweep.own = 4;
}

template <Real T>
void LevelPlan<T>::pack(detail::LevelKind<T>& kind, const LevelWeights& w, bool backward) {
  const Index h = sweep.hidden, h4 = sweep.hidden4, inputs = kind.inputs;
  const Index columns = kind.message + sweep.edge_columns + sweep.extra_columns;
  const Index own = sweep.own, all = own + inputs;
  const auto view = [](const Tensor& t) { return t.view<T, 2>(); };
  CFM_CHECK(
      w.weight_ih.shape() == (Shape{3 * h, columns}) && w.weight_hh.shape() == (Shape{3 * h, h}),
      concat("level_sweep: weight_ih is [3 hidden, ", columns, "], weight_hh [3 hidden, ", h, "]"),
      w.weight_ih, w.weight_hh);
  CFM_CHECK(w.bias_ih.shape() == Shape{3 * h} && w.bias_hh.shape() == Shape{3 * h},
            "level_sweep: biases are [3 hidden]", w.bias_ih, w.bias_hh);
  CFM_CHECK(!w.score.defined() || w.score.shape() == Shape{kind.message + sweep.edge_columns},
            "level_sweep: score is [message + edge]", w.score);
  const auto panel = [](Index terms, Index n) { return terms * detail::level_round(n, 64); };
  const Index forward = panel(all, 2 * h4) + panel(inputs, h4) + panel(own, h4);
  const Index back = backward ? panel(3 * h4, inputs) + panel(3 * h4, h4) : 0;
  Tensor packed = Tensor::zeros({forward + back + 4 * h4 + 64}, dtype_of<T>);
  T* const rz = packed.data<T>();
  T* const ni = rz + panel(all, 2 * h4);
  T* const nh = ni + panel(inputs, h4);
  T* const back_in = nh + panel(own, h4);
  T* const back_h = back_in + (backward ? panel(3 * h4, inputs) : 0);
  T* const bias = rz + forward + back;
  // Rows ni, r, z of the one and r, z, nh of the other, and r, z of both side by side.
  Tensor in = Tensor::zeros({3 * h4, inputs}, dtype_of<T>);
  Tensor hidden = Tensor::zeros({3 * h4, h4}, dtype_of<T>);
  Tensor both = Tensor::zeros({2 * h4, all}, dtype_of<T>);
  const Tensor ih = w.weight_ih.contiguous(), hh = w.weight_hh.contiguous();
  const View<const T, 2> from_ih = view(ih), from_hh = view(hh);
  const Tensor bias_ih = w.bias_ih.contiguous(), bias_hh = w.bias_hh.contiguous();
  for (Index gate = 0; gate < 3; ++gate)  // r, z, n
    for (Index i = 0; i < h; ++i) {
      const Index row = gate * h + i, to_in = (gate + 1) % 3 * h4 + i, to_hidden = gate * h4 + i;
      std::copy_n(from_ih.row(row), columns, in.data<T>() + to_in * inputs);
      std::copy_n(from_hh.row(row), h, hidden.data<T>() + to_hidden * h4);
      const T b_ih = bias_ih.data<T>()[row], b_hh = bias_hh.data<T>()[row];
      if (gate < 2) {
        std::copy_n(from_ih.row(row), columns, both.data<T>() + (gate * h4 + i) * all + own);
        bias[(gate + 1) * h4 + i] = b_ih + b_hh;
      } else {
        bias[i] = b_ih;
        bias[3 * h4 + i] = b_hh;
      }
    }
  const auto pack_b = [](Index terms, Index n, const Tensor& b, Index first, Index step_term,
                         Index step_column, T* to) {
    CFM_CALL(gemm_pack_b)(terms, n, b.data<T>() + first, step_term, step_column, to);
  };
  // What the own state is multiplied with: its weights, or 1 with the products of the common one.
  Tensor mine = hidden;
  if (sweep.common) {
    Tensor panels = Tensor::empty({panel(h4, 3 * h4) + 3 * h4 + 2 * h4}, dtype_of<T>);
    T* const products = panels.data<T>() + panel(h4, 3 * h4);
    pack_b(h4, 3 * h4, hidden, 0, 1, h4, panels.data<T>());
    CFM_CALL(level_own_product)
    (sweep, sweep.common, panels.data<T>(), 3 * h4, products + 3 * h4, products);
    mine = Tensor::zeros({3 * h4, own}, dtype_of<T>);
    for (Index row = 0; row < 3 * h4; ++row) mine.data<T>()[row * own] = products[row];
  }
  for (Index row = 0; row < 2 * h4; ++row)
    std::copy_n(mine.data<T>() + row * own, own, both.data<T>() + row * all);
  pack_b(all, 2 * h4, both, 0, 1, all, rz);
  pack_b(inputs, h4, in, 0, 1, inputs, ni);
  pack_b(own, h4, mine, 2 * h4 * own, 1, own, nh);
  if (backward) {
    pack_b(3 * h4, kind.message + sweep.edge_columns, in, 0, inputs, 1, back_in);
    pack_b(3 * h4, h, hidden, 0, h4, 1, back_h);
  }
  kind.rz = rz;
  kind.ni = ni;
  kind.nh = nh;
  kind.bias = bias;
  kind.back_in = back_in;
  kind.back_h = back_h;
  memory.push_back(std::move(packed));
  kind.attention = w.score.defined();
  if (!kind.attention) return;
  memory.push_back(w.score.contiguous());
  kind.score = std::as_const(memory.back()).template data<T>();
}

template <Real T>
template <class F>
void LevelPlan<T>::each_tile(Index level, Index rows, const F& f) const {
  const auto groups = schedule.groups(level);
  Index tiles = 0;
  for (const auto& group : groups) tiles += (group.size() + rows - 1) / rows;
  // Few tiles are not worth several threads; nor several sums.
  const Index work = rows * 6 * sweep.hidden * (widest + sweep.hidden);
  const Index share = std::max<Index>(1, (Index{1} << 21) / std::max<Index>(1, work));
  const Index slots = std::clamp<Index>(tiles / share, 1, level_slots);
  parallel_for(slots, 1, [&](Index first, Index last) {
    for (Index slot = first; slot < last; ++slot) {
      Index tile = 0;
      const Index begin = tiles * slot / slots, end = tiles * (slot + 1) / slots;
      for (const auto& group : groups)
        for (Index at = group.begin; at < group.end; at += rows, ++tile)
          if (tile >= begin && tile < end) f(group.kind, at, std::min(at + rows, group.end), slot);
    }
  });
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END

#include <cfm/kernels/detail/level_gradients.hpp>
