#pragma once
/// @file  Gradients of propagate: the lambda's own derivative from dual numbers, one pass by node.

#include <vector>

#include <cfm/exec/scratch.hpp>
#include <cfm/kernels/propagate.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// What the backward pass of propagate reads and writes.
template <Real T>
struct PropagateGradients {
  View<const T, 2> dy;                   ///< shaped like out
  View<const T, 2> out;                  ///< what propagate gave
  View<const T, 2> saved = {};           ///< what it saved
  View<const std::int32_t, 2> picks = {};
  std::vector<View<T, 2>> by = {};       ///< for each operand, shaped like it; empty: not wanted
};

namespace isa_detail {

template <class P, Real T>
struct PropagationBackward {
  using Lanes = typename P::Lanes;
  using Slopes = typename Lanes::Slopes;
  static constexpr std::size_t count = P::count;

  const P& p;
  const PropagateGradients<T>& g;

  Slopes slopes_at(Index v, Index c, Index lanes) const {
    const auto at = static_cast<std::size_t>(v);
    const auto& offsets = p.rows.rows.offsets;
    const InPlace<T> place{g.out.row(v) + c,
                           g.saved.data == nullptr ? nullptr : g.saved.row(v) + c,
                           g.picks.data == nullptr ? nullptr : g.picks.row(v) + c,
                           p.width,
                           lanes,
                           offsets[at + 1] - offsets[at]};
    return Slopes(p.reduce, place, g.dy.row(v) + c);
  }

  // The derivative of the loss by operand I of one message.
  template <std::size_t I>
  Batch<T> slope(const Slopes& slopes, const std::array<Batch<T>, count>& x, Index edge) const {
    std::array<Dual<T>, count> duals;
    for (std::size_t k = 0; k < count; ++k) duals[k] = Dual<T>(x[k]);
    duals[I].slope = Batch<T>(T{1});
    return slopes(Dual<T>(std::apply(p.message, duals)), duals, edge);
  }

  // Calls f(integral_constant I) for the operands of these roles that are wanted.
  template <class F>
  void each(bool (*of_role)(Role), const F& f) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((of_role(P::roles[I]) && g.by[I].data != nullptr
            ? f(std::integral_constant<std::size_t, I>{})
            : static_cast<void>(0)),
       ...);
    }(std::make_index_sequence<count>());
  }
  static bool heard(Role r) { return r != Role::source; }
  static bool sent(Role r) { return r == Role::source; }

  // A gradient of one column gathers all columns.
  static void put(View<T, 2> to, Index row, Index c, Index lanes, Batch<T> value) {
    if (to.cols() == 1)
      *to.row(row) = (c == 0 ? T{0} : *to.row(row)) + sum_lanes_of(value, lanes);
    else
      store_lanes(value, to.row(row) + c, lanes);
  }

  // By target, edge and what is shared, whose sums over these rows go to `shared`.
  void rows(Index begin, Index end, T* shared) const {
    const auto& [offsets, columns] = p.rows.rows;
    const Index ahead_end = p.rows.rows.edges() - message_ahead;
    for (Index v = begin; v < end; ++v) {
      const Index from = offsets[static_cast<std::size_t>(v)],
                  to = offsets[static_cast<std::size_t>(v) + 1];
      for (Index i = from; i < std::min(to, ahead_end); ++i)
        p.template prefetch<Role::source>(columns[static_cast<std::size_t>(i + message_ahead)]);
      column_blocks<T>(p.width, [&, columns = columns](Index c, Index lanes) {
        std::array<BlockSum<T>, count> sums;
        if (from < to) {
          const Slopes slopes = slopes_at(v, c, lanes);
          auto x = p.load(columns[static_cast<std::size_t>(from)], v, p.rows.edge(from), c, lanes);
          for (Index i = from; i < to; ++i) {
            const Index e = p.rows.edge(i);
            if (i > from)
              p.template reload<Role::target>(x, columns[static_cast<std::size_t>(i)], v, e, c,
                                              lanes);
            each(heard, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
              const Batch<T> d = slope<I>(slopes, x, e);
              if constexpr (P::roles[I] == Role::edge)
                put(g.by[I], e, c, lanes, d);
              else
                sums[I].add(d, i - from);
            });
          }
        }
        each(heard, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
          if constexpr (P::roles[I] == Role::target)
            put(g.by[I], v, c, lanes, sums[I].value());
          else if constexpr (P::roles[I] == Role::shared)
            add_shared(shared + static_cast<Index>(I) * p.width, I, c, lanes, sums[I].value());
        });
      });
    }
  }

  void add_shared(T* to, std::size_t i, Index c, Index lanes, Batch<T> value) const {
    if (g.by[i].cols() == 1)
      *to += sum_lanes_of(value, lanes);
    else
      store_lanes(load_lanes(to + c, lanes) + value, to + c, lanes);
  }

  // By source: the messages that node u sent, in the order of its listeners.
  void columns(const EdgeRows& listeners, Index begin, Index end) const {
    const auto& [offsets, targets] = listeners.rows;
    const Index ahead_end = listeners.rows.edges() - message_ahead;
    for (Index u = begin; u < end; ++u) {
      const Index from = offsets[static_cast<std::size_t>(u)],
                  to = offsets[static_cast<std::size_t>(u) + 1];
      for (Index i = from; i < std::min(to, ahead_end); ++i) {
        const Index v = targets[static_cast<std::size_t>(i + message_ahead)];
        prefetch_operand(LaneOperand<Role::target, T>{g.dy.data, g.dy.stride[0], g.dy.cols()}, v);
        p.template prefetch<Role::target>(v);
      }
      column_blocks<T>(p.width, [&, targets = targets](Index c, Index lanes) {
        std::array<BlockSum<T>, count> sums;
        std::array<Batch<T>, count> x;
        for (Index i = from; i < to; ++i) {
          const Index v = targets[static_cast<std::size_t>(i)], e = listeners.edge(i);
          if (i == from)
            x = p.load(u, v, e, c, lanes);
          else
            p.template reload<Role::source>(x, u, v, e, c, lanes);
          const Slopes slopes = slopes_at(v, c, lanes);
          each(sent, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            sums[I].add(slope<I>(slopes, x, e), i - from);
          });
        }
        each(sent, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
          put(g.by[I], u, c, lanes, sums[I].value());
        });
      });
    }
  }

  // Chunks sum what is shared on their own; the chunks are added in order.
  void run_rows() const {
    const Index n = p.rows.rows.rows(), grain = p.grain(), each_row = p.width * Index{count};
    bool any = false, any_shared = false;
    each(heard, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
      any = true;
      any_shared |= P::roles[I] == Role::shared;
    });
    if (!any) return;
    const Index chunks = any_shared && n > 0 ? (n - 1) / grain + 1 : 0;
    const Scratch<T> partial(chunks * each_row);
    std::fill_n(partial.data(), partial.size(), T{0});
    parallel_for(n, grain, [&](Index begin, Index end) {
      rows(begin, end, partial.data() + (any_shared ? begin / grain * each_row : 0));
    });
    each(heard, [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
      if constexpr (P::roles[I] == Role::shared) {
        T* const to = g.by[I].data;
        for (Index c = 0; c < g.by[I].cols(); ++c) {
          to[c] = 0;
          for (Index k = 0; k < chunks; ++k)
            to[c] += partial[k * each_row + static_cast<Index>(I) * p.width + c];
        }
      }
    });
  }
};

}  // namespace isa_detail

/// Gradients of propagate by its operands.
/// Shapes:  listeners: the transpose of rows, with the same edges; gradients as in the struct.
/// Order:   by node, in the order of rows or listeners: the same bits for any number of threads.
/// Cost:    a pass over the rows for gradients at targets, edges and of what is shared; a pass over
///          the listeners for those at sources. The message is computed again, never stored.
template <Real T, class Message, class Reduce, Role... R, class... V>
void propagate_backward(const EdgeRows& rows, const EdgeRows& listeners, const Message& message,
                        const Reduce& reduce, const std::tuple<Operand<R, V>...>& operands,
                        const PropagateGradients<T>& gradients) {
  const Index sources = listeners.rows.rows();
  const auto p = std::apply(
      [&](const auto&... x) {
        return isa_detail::propagation<T>("propagate_backward", rows, sources, message, reduce,
                                          x...);
      },
      operands);
  using P = std::remove_cvref_t<decltype(p)>;
  CFM_CHECK(gradients.by.size() == sizeof...(R), "propagate_backward: one gradient an operand",
            gradients.by.size());
  CFM_CHECK(listeners.rows.edges() == rows.rows.edges(),
            "propagate_backward: listeners are the transpose of rows", listeners.rows.edges(),
            rows.rows.edges());
  const isa_detail::PropagationBackward<P, T> backward{p, gradients};
  backward.run_rows();
  bool any = false;
  backward.each(&decltype(backward)::sent, [&](auto) { any = true; });
  if (!any) return;
  const Index average = rows.rows.edges() / std::max<Index>(1, sources) + 1;
  const Index grain = grain_for((average + 2) * p.width * Index{sizeof(T)}, Index{1} << 18);
  parallel_for(sources, grain, [&](Index begin, Index end) {
    backward.columns(listeners, begin, end);
  });
}

CFM_ISA_NAMESPACE_END
