#pragma once
/// @file  GRU updates of nodes level by level, composed of an aggregator and a GRU for each kind.

#include <utility>
#include <vector>

#include <cfm/autograd/ops_level.hpp>
#include <cfm/autograd/ops_level_states.hpp>
#include <cfm/nn/dag_aggregator.hpp>
#include <cfm/nn/recurrent_cell.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// A GruCell whose tensors are named weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, as in the
/// files of the circuit encoders.
class LevelGru {
 public:
  LevelGru() = default;
  LevelGru(Index in, Index hidden, Init init = {}) : cell(in, hidden, std::move(init)) {}

  Index hidden() const { return cell.hidden(); }
  Var operator()(const Var& x, const Var& h) const { return cell(x, h); }

  static void visit(auto& self, auto&& v) {
    std::remove_cvref_t<decltype(self.cell.weights)>::visit_named(self.cell.weights, v, "_l0");
  }

  GruCell<> cell;
};

/// How one kind of nodes is updated: h = gru([aggregator(sources) | extra], h). With `side` the
/// aggregator reads [side | h] of the sources.
template <class Aggregator>
struct LevelStep {
  const Aggregator& aggregator;
  const LevelGru& gru;
  bool side = false;
};
template <class Aggregator>
LevelStep(const Aggregator&, const LevelGru&, bool = false) -> LevelStep<Aggregator>;

/// What a layer reads beside the states.
struct LevelLayerInputs {
  Var side{};      ///< [nodes, any]: further columns of sources
  Tensor extra{};  ///< [nodes, any]: further inputs of the GRUs
  EdgeAttributes attributes{};
  bool keep_gates = false;  ///< see LevelContext
};

namespace isa_detail {

template <class A>
concept LinearAggregator = requires(const A& a, const Var& x) {
  { a.linear_message(x) } -> std::same_as<LinearMessage>;
};

// Number of sources of every node, [nodes, 1].
inline Tensor source_counts(const LevelSchedule& schedule, DType dtype) {
  const auto offsets = schedule.rows().fanins().offsets;
  Tensor out = Tensor::empty({schedule.nodes(), 1}, dtype);
  visit_real(dtype, "level layer", [&]<class T>(std::type_identity<T>) {
    std::size_t v = 0;
    for (T& count : out.span<T>()) count = static_cast<T>(offsets[v + 1] - offsets[v]), ++v;
  });
  return out;
}

// The message layer goes into the input weights of the GRU: W_ih (V m + b) = (W_ih V) m + W_ih b.
// `counts`: the last extra column is the number of sources, which brings the biases of sources.
inline LevelUpdate level_update(const Var& beside, const LinearMessage& m, const LevelGru& gru,
                                bool side, bool counts) {
  const auto& in = gru.cell.weights.input;
  const auto& recurrent = gru.cell.weights.recurrent;
  const Index hidden = gru.hidden(), out = m.weight.size(0);
  const Var w = bound_weight(beside, in);
  const Var w_message = slice(w, 1, 0, out);
  const auto column = [&](const Var& bias) { return matmul(w_message, reshape(bias, {out, 1})); };
  std::vector<Var> parts{matmul(w_message, m.weight)};
  if (w.size(1) > out) parts.push_back(slice(w, 1, out, w.size(1)));
  if (counts)
    parts.push_back(m.source_bias.value().defined()
                        ? column(m.source_bias)
                        : Var(Tensor::zeros({3 * hidden, 1}, w.dtype())));
  Var bias = bound_bias(beside, in);
  if (m.bias.value().defined()) bias = bias + reshape(column(m.bias), {3 * hidden});
  return {cat(parts, 1), bound_weight(beside, recurrent),
          bias,          bound_bias(beside, recurrent),
          m.score,       side};
}

inline Tensor index_tensor(std::span<const std::int32_t> values) {
  return Tensor::from(values, Shape{std::ssize(values)});
}

// The nodes of a group and the edges into them.
struct LevelEdges {
  LevelEdges(const LevelSchedule& schedule, const LevelSchedule::Group& group)
      : LevelEdges(schedule, schedule.nodes_of(group)) {}
  LevelEdges(const LevelSchedule& schedule, std::span<const std::int32_t> list)
      : nodes(index_tensor(list)) {
    const CsrView rows = schedule.rows().fanins();
    const auto places = schedule.edge_places();
    std::vector<std::int32_t> source, target, key, edge;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto v = static_cast<std::size_t>(list[i]);
      for (std::int64_t e = rows.offsets[v]; e < rows.offsets[v + 1]; ++e) {
        const auto at = static_cast<std::size_t>(e);
        source.push_back(rows.columns[at]);
        target.push_back(list[i]);
        key.push_back(static_cast<std::int32_t>(i));
        edge.push_back(static_cast<std::int32_t>(places.empty() ? e : places[at]));
      }
    }
    sources = index_tensor(source);
    targets = index_tensor(target);
    keys = index_tensor(key);
    edges = index_tensor(edge);
  }

  Segments segments() const { return Segments(keys, nodes.size()); }

  Tensor nodes, sources, targets, keys, edges;
};

}  // namespace isa_detail

/// One sweep over the schedule with step k for the nodes of kind k: a single op for aggregators
/// that are linear in their sources.
/// Shapes:  state [nodes, hidden]  ->  the same.   Errors, Order, Cost:  see level_sweep.
template <class... Aggregators>
requires(isa_detail::LinearAggregator<Aggregators>&&...) Var
    level_layer(const LevelSchedule& schedule, const Var& state, const LevelLayerInputs& inputs,
                const LevelStep<Aggregators>&... steps) {
  const std::vector<LinearMessage> messages{steps.aggregator.linear_message(state)...};
  const std::vector<std::pair<const LevelGru*, bool>> rest{{&steps.gru, steps.side}...};
  bool counts = false;
  for (const LinearMessage& m : messages) counts = counts || m.source_bias.value().defined();
  LevelContext context{inputs.side, inputs.extra, inputs.attributes.table, inputs.attributes.rows,
                       inputs.keep_gates};
  if (counts) {
    const Var column(isa_detail::source_counts(schedule, state.dtype()));
    context.extra =
        context.extra.defined() ? cat({Var(context.extra), column}, 1).value() : column.value();
  }
  std::vector<LevelUpdate> updates;
  for (std::size_t k = 0; k < messages.size(); ++k)
    updates.push_back(
        isa_detail::level_update(state, messages[k], *rest[k].first, rest[k].second, counts));
  return level_sweep(schedule, state, updates, context);
}

/// The same by small operations, group by group, for any aggregator; slower, and the definition.
template <class... Aggregators>
Var level_layer_by_groups(const LevelSchedule& schedule, const Var& state,
                          const LevelLayerInputs& inputs, const LevelStep<Aggregators>&... steps) {
  LevelStates h(state);
  for (const auto& group : schedule.groups()) {
    if (group.kind == LevelSchedule::fixed) continue;
    const isa_detail::LevelEdges g(schedule, group);
    const Segments segments = g.segments();
    const auto read = [&](const Tensor& index, bool side) {
      const Var own = h.rows(index);
      return side ? cat({index_select(inputs.side, 0, index), own}, 1) : own;
    };
    Index k = 0;
    const auto step = [&](const auto& s) {
      if (k++ != Index{group.kind}) return;
      Var x = read(g.sources, s.side);
      const Var target = read(g.targets, s.side);
      if (inputs.attributes.table.defined())
        x = cat({x, Var(gather_rows(inputs.attributes.table,
                                    gather_rows(inputs.attributes.rows, g.edges)))},
                1);
      Var m = s.aggregator(x, target, segments);
      if (inputs.extra.defined()) m = cat({m, Var(gather_rows(inputs.extra, g.nodes))}, 1);
      h.assign(g.nodes, s.gru(m, h.rows(g.nodes)));
    };
    (step(steps), ...);
    CFM_CHECK(Index{group.kind} < k, "level layer: no step for kind", group.kind, k);
  }
  return std::move(h).take();
}

template <class... Aggregators>
requires(!(isa_detail::LinearAggregator<Aggregators> && ...)) Var
    level_layer(const LevelSchedule& schedule, const Var& state, const LevelLayerInputs& inputs,
                const LevelStep<Aggregators>&... steps) {
  return level_layer_by_groups(schedule, state, inputs, steps...);
}

CFM_ISA_NAMESPACE_END
