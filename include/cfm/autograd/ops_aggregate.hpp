#pragma once
/// @file  Sums, means and maxima over the neighbours of a node.

#include <cfm/autograd/tape.hpp>
#include <cfm/graph/graph.hpp>
#include <cfm/kernels/spmm.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

inline void check_aggregate(std::string_view op, const Graph& graph, const Tensor& x) {
  CFM_CHECK(x.rank() == 2 && x.size(0) == graph.nodes(),
            concat(op, ": needs x [nodes, width] for ", graph.nodes(), " nodes"), x);
}

// out[v] = sum over neighbours, with a factor for each edge or each neighbour where defined.
inline Tensor aggregate(std::string_view op, const CsrView& rows, const Tensor& x,
                        const Tensor& edge = {}, const Tensor& column = {}) {
  return visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
    const Tensor source = x.contiguous();
    Tensor out = Tensor::empty({rows.rows(), x.size(1)}, x.dtype());
    AggregateScale<T> scale;
    if (edge.defined()) scale.edge = edge.view<T, 1>();
    if (column.defined()) scale.column = column.view<T, 1>();
    aggregate_sum<T>(rows, source.view<T, 2>(), out.view<T, 2>(), scale);
    return out;
  });
}

}  // namespace isa_detail

/// y[v] = sum of x[u] over the fan-ins u of v.   Shapes:  x [nodes, width] -> the same.
inline Var aggregate_sum(const Graph& graph, const Var& x) {
  isa_detail::check_aggregate("aggregate_sum", graph, x.value());
  return record({&x}, isa_detail::aggregate("aggregate_sum", graph.fanins(), x.value()),
                [to = x.slot(), graph](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, isa_detail::aggregate("backward", graph.fanouts(), dy));
                });
}

/// y[v] = sum of weight[e] x[u] over the edges e from u to v.
/// Shapes:  x [nodes, width], weight [edges], in the order of graph.fanins().
inline Var aggregate_sum(const Graph& graph, const Var& x, const Var& weight) {
  isa_detail::check_aggregate("aggregate_sum", graph, x.value());
  CFM_CHECK(weight.shape() == Shape{graph.edges()}, "aggregate_sum: one weight for every edge",
            weight);
  CFM_CHECK(weight.dtype() == x.dtype(), "aggregate_sum: x and weight differ in type", x.dtype(),
            weight.dtype());
  const Tensor factors = weight.value().contiguous();
  return record(
      {&x, &weight}, isa_detail::aggregate("aggregate_sum", graph.fanins(), x.value(), factors),
      [to_x = x.slot(), to_w = weight.slot(), graph, x = Saved(x), w = Saved(factors)](
          Gradients& gradients, const Tensor& dy) {
        visit_real(dy.dtype(), "backward", [&]<class T>(std::type_identity<T>) {
          if (gradients.wanted(to_x)) {
            const auto order = graph.fanout_edges();
            Tensor turned = Tensor::empty(w->shape(), w->dtype());
            const auto from = w->span<T>();
            const auto to = turned.span<T>();
            for (std::size_t e = 0; e < order.size(); ++e)
              to[e] = from[static_cast<std::size_t>(order[e])];
            gradients.add(to_x, isa_detail::aggregate("backward", graph.fanouts(), dy, turned));
          }
          if (gradients.wanted(to_w)) {
            const Tensor rows = dy.contiguous(), columns = x->contiguous();
            Tensor dw = Tensor::empty(w->shape(), w->dtype());
            edge_dot<T>(graph.fanins(), rows.view<T, 2>(), columns.view<T, 2>(), dw.view<T, 1>());
            gradients.add(to_w, std::move(dw));
          }
        });
      });
}

/// y[v] = mean of x[u] over the fan-ins u of v; 0 without fan-ins.
inline Var aggregate_mean(const Graph& graph, const Var& x) {
  isa_detail::check_aggregate("aggregate_mean", graph, x.value());
  Tensor y = visit_real(x.dtype(), "aggregate_mean", [&]<class T>(std::type_identity<T>) {
    const Tensor source = x.value().contiguous();
    Tensor out = Tensor::empty(x.shape(), x.dtype());
    aggregate_mean<T>(graph.fanins(), source.view<T, 2>(), out.view<T, 2>());
    return out;
  });
  return record({&x}, std::move(y), [to = x.slot(), graph](Gradients& gradients, const Tensor& dy) {
    Tensor share = Tensor::empty({graph.nodes()}, dy.dtype());
    visit_real(dy.dtype(), "backward", [&]<class T>(std::type_identity<T>) {
      inverse_degree<T>(graph.fanins(), share.view<T, 1>());
    });
    gradients.add(to, isa_detail::aggregate("backward", graph.fanouts(), dy, {}, share));
  });
}

/// y[v] = element-wise maximum of x[u] over the fan-ins u of v; 0 without fan-ins. The gradient
/// goes to the first of equal ones.
inline Var aggregate_max(const Graph& graph, const Var& x) {
  isa_detail::check_aggregate("aggregate_max", graph, x.value());
  Tensor which = Tensor::empty(x.shape(), DType::i32);
  Tensor y = visit_real(x.dtype(), "aggregate_max", [&]<class T>(std::type_identity<T>) {
    const Tensor source = x.value().contiguous();
    Tensor out = Tensor::empty(x.shape(), x.dtype());
    aggregate_max<T>(graph.fanins(), source.view<T, 2>(), out.view<T, 2>(),
                     which.view<std::int32_t, 2>());
    return out;
  });
  return record(
      {&x}, std::move(y),
      [to = x.slot(), graph, which = Saved(which)](Gradients& gradients, const Tensor& dy) {
        Tensor dx = Tensor::empty(dy.shape(), dy.dtype());
        visit_real(dy.dtype(), "backward", [&]<class T>(std::type_identity<T>) {
          const Tensor rows = dy.contiguous();
          aggregate_max_backward<T>(graph.fanouts(), rows.view<T, 2>(),
                                    which->view<std::int32_t, 2>(), dx.view<T, 2>());
        });
        gradients.add(to, std::move(dx));
      });
}

CFM_ISA_NAMESPACE_END
