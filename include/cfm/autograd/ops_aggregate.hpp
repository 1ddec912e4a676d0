#pragma once
/// @file  Sums, means and maxima over the neighbours of a node.

#include <cfm/autograd/ops_propagate.hpp>
#include <cfm/autograd/tape.hpp>
#include <cfm/graph/relations.hpp>
#include <cfm/kernels/spmm.hpp>
#include <cfm/tensor/check.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

inline void check_aggregate(std::string_view op, Index nodes, const Tensor& x) {
  CFM_CHECK(x.rank() == 2 && x.size(0) == nodes,
            concat(op, ": needs x [nodes, width] for ", nodes, " nodes"), x);
}

// out[v] = sum over neighbours, with a factor for each edge or each neighbour where defined.
inline Tensor aggregate(std::string_view op, const EdgeRows& graph, const Tensor& x,
                        const Tensor& edge = {}, const Tensor& column = {}) {
  return visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
    const Tensor source = x.contiguous();
    Tensor out = Tensor::empty({graph.rows.rows(), x.size(1)}, x.dtype());
    AggregateScale<T> scale;
    if (edge.defined()) {
      scale.edge = edge.view<T, 1>();
      scale.places = graph.places;
    }
    if (column.defined()) scale.column = column.view<T, 1>();
    aggregate_sum<T>(graph.rows, source.view<T, 2>(), out.view<T, 2>(), scale);
    return out;
  });
}

inline Tensor aggregate_mean_of(const CsrView& rows, const Tensor& x) {
  return visit_real(x.dtype(), "aggregate_mean", [&]<class T>(std::type_identity<T>) {
    const Tensor source = x.contiguous();
    Tensor out = Tensor::empty({rows.rows(), x.size(1)}, x.dtype());
    aggregate_mean<T>(rows, source.view<T, 2>(), out.view<T, 2>());
    return out;
  });
}

// 1 / number of neighbours, by which the gradient of a mean is shared out.
inline Tensor mean_shares(const CsrView& rows, DType dtype) {
  Tensor out = Tensor::empty({rows.rows()}, dtype);
  visit_real(dtype, "backward", [&]<class T>(std::type_identity<T>) {
    inverse_degree<T>(rows, out.view<T, 1>());
  });
  return out;
}

// out[e] = a of the node that hears . b of the node that sends, by edge of the graph.
inline Tensor edge_dots(const Neighbours& graph, const Tensor& a, const Tensor& b) {
  if (graph.against_edges()) return edge_dots(graph.reversed(), b, a);  // edges keep their order
  return visit_real(a.dtype(), "edge_dot", [&]<class T>(std::type_identity<T>) {
    const Tensor p = a.contiguous(), q = b.contiguous();
    Tensor out = Tensor::empty({graph.edges()}, a.dtype());
    edge_dot<T>(graph.rows().rows, p.view<T, 2>(), q.view<T, 2>(), out.view<T, 1>());
    return out;
  });
}

template <int Sign>
Var aggregate_extremum(std::string_view op, const Neighbours& graph, const Var& x) {
  check_aggregate(op, graph.nodes(), x.value());
  const auto same = [](auto s) { return s; };
  if (graph.against_edges()) {  // parallel edges may stand apart there: picks edges, not nodes
    if constexpr (Sign > 0) return propagate(graph, x, same, Max{});
    else return propagate(graph, x, same, Min{});
  }
  Tensor which = Tensor::empty(x.shape(), DType::i32);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
    const Tensor source = x.value().contiguous();
    const auto rows = graph.rows().rows;
    const auto picked = which.view<std::int32_t, 2>();
    if constexpr (Sign > 0) aggregate_max<T>(rows, source.view<T, 2>(), y.view<T, 2>(), picked);
    else aggregate_min<T>(rows, source.view<T, 2>(), y.view<T, 2>(), picked);
  });
  return record(
      {&x}, std::move(y),
      [to = x.slot(), graph, which = Saved(which)](Gradients& gradients, const Tensor& dy) {
        Tensor dx = Tensor::empty(dy.shape(), dy.dtype());
        visit_real(dy.dtype(), "backward", [&]<class T>(std::type_identity<T>) {
          const Tensor rows = dy.contiguous();
          aggregate_max_backward<T>(graph.listeners().rows, rows.view<T, 2>(),
                                    which->view<std::int32_t, 2>(), dx.view<T, 2>());
        });
        gradients.add(to, std::move(dx));
      });
}

}  // namespace isa_detail

// Neighbours are the fan-ins where a Graph is given, else what fanins_of or fanouts_of say.

/// y[v] = sum of x[u] over the neighbours u of v.   Shapes:  x [nodes, width] -> the same.
inline Var aggregate_sum(const Neighbours& graph, const Var& x) {
  isa_detail::check_aggregate("aggregate_sum", graph.nodes(), x.value());
  return record({&x}, isa_detail::aggregate("aggregate_sum", graph.rows().rows, x.value()),
                [to = x.slot(), graph](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to,
                                isa_detail::aggregate("backward", graph.listeners().rows, dy));
                });
}

/// y[v] = sum of weight[e] x[u] over the edges e to the neighbours u of v. Signs are weights of
/// edge_values(graph, {1, -1}).
/// Shapes:  x [nodes, width], weight [edges], in the order of Graph::fanins().
inline Var aggregate_sum(const Neighbours& graph, const Var& x, const Var& weight) {
  isa_detail::check_aggregate("aggregate_sum", graph.nodes(), x.value());
  CFM_CHECK(weight.shape() == Shape{graph.edges()}, "aggregate_sum: one weight for every edge",
            weight);
  CFM_CHECK(weight.dtype() == x.dtype(), "aggregate_sum: x and weight differ in type", x.dtype(),
            weight.dtype());
  const Tensor factors = weight.value().contiguous();
  return record({&x, &weight},
                isa_detail::aggregate("aggregate_sum", graph.rows(), x.value(), factors),
                [to_x = x.slot(), to_w = weight.slot(), graph, x = Saved(x), w = Saved(factors)](
                    Gradients& gradients, const Tensor& dy) {
                  if (gradients.wanted(to_x))
                    gradients.add(to_x,
                                  isa_detail::aggregate("backward", graph.listeners(), dy, *w));
                  if (gradients.wanted(to_w))
                    gradients.add(to_w, isa_detail::edge_dots(graph, dy, *x));
                });
}

/// y[v] = mean of x[u] over the neighbours u of v; 0 without neighbours.
inline Var aggregate_mean(const Neighbours& graph, const Var& x) {
  isa_detail::check_aggregate("aggregate_mean", graph.nodes(), x.value());
  return record({&x}, isa_detail::aggregate_mean_of(graph.rows().rows, x.value()),
                [to = x.slot(), graph](Gradients& gradients, const Tensor& dy) {
                  const Tensor share = isa_detail::mean_shares(graph.rows().rows, dy.dtype());
                  gradients.add(to, isa_detail::aggregate("backward", graph.listeners().rows, dy,
                                                          {}, share));
                });
}

/// y[v] = element-wise maximum of x[u] over the neighbours u of v; 0 without neighbours. The
/// gradient goes to the first of equal ones.
inline Var aggregate_max(const Neighbours& graph, const Var& x) {
  return isa_detail::aggregate_extremum<1>("aggregate_max", graph, x);
}

/// The same with the minimum.
inline Var aggregate_min(const Neighbours& graph, const Var& x) {
  return isa_detail::aggregate_extremum<-1>("aggregate_min", graph, x);
}

/// y[e] = target[v] . source[u] for every edge e by which v hears u.
/// Shapes:  target and source [nodes, width]  ->  [edges], in the order of Graph::fanins().
inline Var edge_dot(const Neighbours& graph, const Var& target, const Var& source) {
  isa_detail::check_aggregate("edge_dot", graph.nodes(), target.value());
  isa_detail::check_aggregate("edge_dot", graph.nodes(), source.value());
  check_same_dtype(target.value(), source.value(), "edge_dot");
  return record(
      {&target, &source}, isa_detail::edge_dots(graph, target.value(), source.value()),
      [to_a = target.slot(), to_b = source.slot(), graph, a = Saved(target), b = Saved(source)](
          Gradients& gradients, const Tensor& dy) {
        const Tensor w = dy.contiguous();
        if (gradients.wanted(to_a))
          gradients.add(to_a, isa_detail::aggregate("backward", graph.rows(), *b, w));
        if (gradients.wanted(to_b))
          gradients.add(to_b, isa_detail::aggregate("backward", graph.listeners(), *a, w));
      });
}

/// y[v, type] = sum of x[u] over the neighbours u of v by edges of that type. A product with
/// weights [count * width, out] then is a weight for each type: R-GCN, messages by inversion.
/// Shapes:  x [nodes, width]  ->  [nodes, count * width], type by type.
inline Var aggregate_sum(const Relations& relations, const Var& x) {
  isa_detail::check_aggregate("aggregate_sum", relations.nodes(), x.value());
  const Index rows = relations.rows().rows(), width = x.size(1);
  const Shape wide{relations.nodes(), relations.count() * width};
  return record({&x},
                isa_detail::aggregate("aggregate_sum", relations.rows(), x.value()).reshape(wide),
                [to = x.slot(), relations, rows, width](Gradients& gradients, const Tensor& dy) {
                  const Tensor by_row = dy.contiguous().reshape({rows, width});
                  gradients.add(to,
                                isa_detail::aggregate("backward", relations.listeners(), by_row));
                });
}

/// The same with the mean of each type; 0 for types that v has no edges of.
/// Source:  M. Schlichtkrull et al., "Modeling relational data with graph convolutional networks",
///          ESWC 2018, eq. (2) with c_{i,r} = number of neighbours.
inline Var aggregate_mean(const Relations& relations, const Var& x) {
  isa_detail::check_aggregate("aggregate_mean", relations.nodes(), x.value());
  const Index rows = relations.rows().rows(), width = x.size(1);
  const Shape wide{relations.nodes(), relations.count() * width};
  return record({&x}, isa_detail::aggregate_mean_of(relations.rows(), x.value()).reshape(wide),
                [to = x.slot(), relations, rows, width](Gradients& gradients, const Tensor& dy) {
                  const Tensor by_row = dy.contiguous().reshape({rows, width});
                  const Tensor share = isa_detail::mean_shares(relations.rows(), dy.dtype());
                  gradients.add(to, isa_detail::aggregate("backward", relations.listeners(),
                                                          by_row, {}, share));
                });
}

/// y[v] = sum of relu(x[u] + edge[e]) over the edges e to the neighbours u of v.
/// Shapes:  x [nodes, width], edge [edges, width], in the order of Graph::fanins().
/// Source:  W. Hu et al., "Strategies for pre-training graph neural networks", ICLR 2020 (GINE).
inline Var aggregate_relu_sum(const Neighbours& graph, const Var& x, const Var& edge) {
  return propagate(
      graph, [](auto s, auto e) { return relu(s + e); }, Sum{}, at_source(x), at_edge(edge));
}

CFM_ISA_NAMESPACE_END
