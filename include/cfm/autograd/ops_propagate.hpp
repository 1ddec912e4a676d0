#pragma once
/// @file  Message passing with a lambda, gradients included.

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/propagate_backward.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// An operand as a matrix of rows: [rows, width], a vector is a column; what is shared, one row.
template <Role R>
Tensor message_rows(const Operand<R, Var>& x) {
  const Tensor& t = x.value.value();
  CFM_CHECK(t.rank() <= 2, "propagate: operands are vectors or matrices", t);
  if (R == Role::shared) {
    CFM_CHECK(t.rank() < 2 || t.size(0) == 1, "propagate: what is shared has one row", t);
    return t.reshape({1, t.size()}).contiguous();
  }
  CFM_CHECK(t.rank() >= 1, "propagate: operands have rows", t);
  return (t.rank() == 1 ? t.reshape({t.size(0), 1}) : t).contiguous();
}

template <Real T, Role... R>
auto message_views(const std::array<Tensor, sizeof...(R)>& dense) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::tuple<Operand<R, View<const T, 2>>...>{
        Operand<R, View<const T, 2>>{dense[I].template view<T, 2>()}...};
  }(std::index_sequence_for<Operand<R, Var>...>());
}

// A tensor that backward reads; made only if there are columns.
inline Tensor reduce_columns(Index rows, Index columns, DType dtype) {
  return columns == 0 ? Tensor() : Tensor::empty({rows, columns}, dtype);
}

// The message takes N batches, and N duals of them for its derivative.
template <class Message, class T, class Sequence>
inline constexpr bool takes_duals = false;
template <class Message, class T, std::size_t... I>
inline constexpr bool takes_duals<Message, T, std::index_sequence<I...>> =
    std::is_invocable_v<const Message&, std::conditional_t<I == I, Dual<T>, T>...>;
template <class Message, class T, std::size_t N>
inline constexpr bool any_message =
    takes_batches<Message, T, std::make_index_sequence<N>> &&
    takes_duals<Message, T, std::make_index_sequence<N>>;

template <class Message, class Reduce, Role... R>
Var propagate_vars(const Neighbours& graph, const Message& message, const Reduce& reduce,
                   const Operand<R, Var>&... operands) {
  constexpr std::size_t count = sizeof...(R);
  static_assert(any_message<Message, float, count> || any_message<Message, double, count>,
                "propagate: the message must take a Batch for each operand, and give one");
  const std::array<const Var*, count> inputs{&operands.value...};
  const DType dtype = inputs[0]->dtype();
  for (const Var* x : inputs)
    CFM_CHECK(x->dtype() == dtype, "propagate: operands differ in type", x->dtype(), dtype);
  const std::array<Tensor, count> dense{message_rows(operands)...};
  Index width = 0;
  for (const Tensor& x : dense) width = std::max(width, x.size(1));
  const Index nodes = graph.nodes();
  const bool recorded = detail::any_needs_grad(inputs);
  Tensor y, saved, picks;
  visit_real(dtype, "propagate", [&]<class T>(std::type_identity<T>) {
    if constexpr (any_message<Message, T, count>) {
      y = Tensor::empty({nodes, reduced_columns<Reduce> * width}, dtype);
      View<T, 2> saved_view;
      View<std::int32_t, 2> picks_view;
      if (recorded && saved_columns<Reduce> > 0) {
        saved = Tensor::empty({nodes, saved_columns<Reduce> * width}, dtype);
        saved_view = saved.view<T, 2>();
      }
      if (recorded && picked_columns<Reduce> > 0) {
        picks = Tensor::empty({nodes, picked_columns<Reduce> * width}, DType::i32);
        picks_view = picks.view<std::int32_t, 2>();
      }
      propagate<T>(graph.rows(), nodes, y.view<T, 2>(), message, reduce,
                   message_views<T, R...>(dense), saved_view, picks_view);
    } else {
      throw_error<TypeError>("propagate: the message does not take ", dtype);
    }
  });
  std::array<GradSlot, count> slots{operands.value.slot()...};
  std::array<Shape, count> shapes{operands.value.shape()...};
  std::array<Saved, count> kept;
  for (std::size_t i = 0; i < count; ++i) kept[i] = Saved(dense[i]);
  Saved out(y);
  return record(
      std::span(inputs), std::move(y),
      [graph, message, reduce, slots, shapes, kept, out, saved, picks](Gradients& gradients,
                                                                       const Tensor& grad) {
        visit_real(grad.dtype(), "propagate", [&]<class T>(std::type_identity<T>) {
          if constexpr (any_message<Message, T, count>) {
            std::array<Tensor, count> x, dx;
            const Tensor dy = grad.contiguous();
            PropagateGradients<T> g{.dy = dy.view<T, 2>(), .out = out->template view<T, 2>()};
            if (saved.defined()) g.saved = saved.view<T, 2>();
            if (picks.defined()) g.picks = picks.view<std::int32_t, 2>();
            g.by.resize(count);
            for (std::size_t i = 0; i < count; ++i) {
              x[i] = *kept[i];
              if (!gradients.wanted(slots[i])) continue;
              dx[i] = Tensor::zeros(x[i].shape(), grad.dtype());
              g.by[i] = dx[i].template view<T, 2>();
            }
            propagate_backward<T>(graph.rows(), graph.listeners(), message, reduce,
                                  message_views<T, R...>(x), g);
            for (std::size_t i = 0; i < count; ++i)
              if (gradients.wanted(slots[i])) gradients.add(slots[i], dx[i].reshape(shapes[i]));
          }
        });
      });
}

}  // namespace isa_detail

/// y[v] = reduce over the neighbours u of v of message(operands ...), column by column.
///
///     propagate(graph, [](auto s, auto gate, auto e) { return sigmoid(gate + e) * s; }, Sum{},
///               at_source(value), at_source(key), at_edge(features));
///
/// The message is lane-wise and pure: it takes a batch for each operand, in their order, and gives
/// one; relu, exp, select and the like are at hand. Its derivative comes from running it on dual
/// numbers. It is copied; what it refers to must outlive the backward pass.
/// Shapes:  operands [rows, width], or [rows] or [rows, 1] for a number that serves all columns; of
///          nodes, nodes, graph.edges(), 1 rows for at_source, at_target, at_edge, everywhere.
///          y [nodes, width]; Multi: [nodes, parts * width].
/// Saved:   the operands, y, and a number a node and column for each StdDev, SoftmaxSum, Max, Min.
/// Order:   the neighbours of a node in the order of the graph; same bits for any threads.
/// Errors:  TypeError, ShapeError.
template <class Message, class Reduce, Role... R, class... V>
  requires(sizeof...(V) > 0 && (std::convertible_to<V, Var> && ...))
Var propagate(const Neighbours& graph, const Message& message, const Reduce& reduce,
              const Operand<R, V>&... operands) {
  return isa_detail::propagate_vars(graph, message, reduce, Operand<R, Var>{operands.value}...);
}

/// The usual case: message(source) or message(source, target) of the same x.
template <class Message, class Reduce = Sum>
  requires(!detail::is_operand<Reduce> && !std::convertible_to<Message, Var>)
Var propagate(const Neighbours& graph, const Var& x, const Message& message,
              const Reduce& reduce = {}) {
  if constexpr (isa_detail::any_message<Message, float, 2> ||
                isa_detail::any_message<Message, double, 2>)
    return propagate(graph, message, reduce, at_source(x), at_target(x));
  else
    return propagate(graph, message, reduce, at_source(x));
}

/// The same with edge features or weights: message(source, target, edge), or (source, edge) if the
/// message takes two.
/// Shapes:  edge [edges, width] or [edges].
template <class Message, class Reduce = Sum>
Var propagate(const Neighbours& graph, const Var& x, const Var& edge, const Message& message,
              const Reduce& reduce = {}) {
  if constexpr (isa_detail::any_message<Message, float, 3> ||
                isa_detail::any_message<Message, double, 3>)
    return propagate(graph, message, reduce, at_source(x), at_target(x), at_edge(edge));
  else
    return propagate(graph, message, reduce, at_source(x), at_edge(edge));
}

CFM_ISA_NAMESPACE_END
