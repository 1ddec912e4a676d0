#pragma once
/// @file  Aggregation of neighbours over a CSR graph, and what its gradient needs.

#include <cfm/exec/parallel.hpp>
#include <cfm/graph/csr.hpp>
#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/spmm-inl.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// Factors of an aggregation. What is left out is 1; beta is how much of the old out stays.
template <class T>
struct AggregateScale {
  View<const T, 1> edge = {};    ///< [edges], in the order of the CSR's columns, or by `places`
  View<const T, 1> column = {};  ///< [rows of x], for the neighbour that is read
  T beta = 0;
  std::span<const std::int64_t> places = {};  ///< where given: entry i has edge factor places[i]
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Columns of the graph are trusted here: every builder of a CsrView checks them once.
template <class T>
detail::AggregateRows<T> aggregate_args(std::string_view op, const CsrView& graph, In<T, 2> x,
                                        View<T, 2> out, const AggregateScale<T>& scale) {
  CFM_CHECK(graph.rows() == out.rows() && x.cols() == out.cols(),
            concat(op, ": x [any, width] and out [rows, width] for ", graph.rows(), " rows"), x,
            out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), concat(op, ": rows must be dense"), x,
            out);
  CFM_CHECK(scale.edge.data == nullptr ||
                (scale.edge.extent[0] == graph.edges() && scale.edge.last_contiguous()),
            concat(op, ": one factor for each of ", graph.edges(), " edges"), scale.edge);
  CFM_CHECK(scale.places.empty() || std::ssize(scale.places) == graph.edges(),
            concat(op, ": one place for each of ", graph.edges(), " edges"), scale.places.size());
  CFM_CHECK(scale.column.data == nullptr ||
                (scale.column.extent[0] == x.rows() && scale.column.last_contiguous()),
            concat(op, ": one factor for each row of x"), scale.column, x);
  return {graph.offsets.data(), graph.columns.data(),
          graph.edges(),        scale.edge.data,
          scale.column.data,    false,
          scale.beta,           x.data,
          x.stride[0],          out.data,
          out.stride[0],        x.cols(),
          scale.places.empty() ? nullptr : scale.places.data()};
}

// Rows of a chunk: by the average number of bytes that a row gathers.
template <class T>
Index aggregate_grain(const CsrView& graph, Index width) {
  const Index average = graph.edges() / std::max<Index>(1, graph.rows()) + 1;
  return grain_for((average + 1) * width * Index{sizeof(T)}, Index{1} << 18);
}

template <class T>
void aggregate(const CsrView& graph, detail::AggregateRows<T> args) {
  args.past = args.beta == T{0} && past_cache(args.out, graph.rows(), args.width, args.out_row);
  parallel_for(graph.rows(), aggregate_grain<T>(graph, args.width), [&](Index begin, Index end) {
    CFM_CALL(aggregate_rows)(args, begin, end);
  });
}

}  // namespace isa_detail

/// out[v] = beta out[v] + sum over neighbours u of v of edge(v, u) column(u) x[u]
///
/// Shapes:  x [columns, width], out [rows, width]; last stride 1; out may not alias x.
/// Order:   neighbours in CSR order, in blocks of 256: the same bits for any number of threads.
/// Errors:  ShapeError if the shapes do not fit.
/// Cost:    reads every neighbour's row once; nothing of size edges x width exists.
template <Real T>
void aggregate_sum(const CsrView& graph, In<T, 2> x, View<T, 2> out,
                   const std::type_identity_t<AggregateScale<T>>& scale = {}) {
  isa_detail::aggregate(graph, isa_detail::aggregate_args("aggregate_sum", graph, x, out, scale));
}

/// The same, divided by the number of neighbours; rows without neighbours give 0.
template <Real T>
void aggregate_mean(const CsrView& graph, In<T, 2> x, View<T, 2> out,
                    const std::type_identity_t<AggregateScale<T>>& scale = {}) {
  auto args = isa_detail::aggregate_args("aggregate_mean", graph, x, out, scale);
  args.mean = true;
  isa_detail::aggregate(graph, args);
}

namespace isa_detail {

template <int Sign, class T>
void aggregate_extremum(std::string_view op, const CsrView& graph, In<T, 2> x, View<T, 2> out,
                        View<std::int32_t, 2> which) {
  const auto args = aggregate_args<T>(op, graph, x, out, {});
  CFM_CHECK(which.data == nullptr || (which.rows() == out.rows() && which.cols() == out.cols() &&
                                      which.last_contiguous()),
            concat(op, ": which must be shaped like out, rows dense"), which, out);
  parallel_for(graph.rows(), aggregate_grain<T>(graph, args.width), [&](Index begin, Index end) {
    CFM_CALL(aggregate_extremum)<Sign>(args, which.data, which.stride[0], begin, end);
  });
}

}  // namespace isa_detail

/// out[v, c] = largest x[u, c] over the neighbours u of v; 0 for rows without neighbours.
///
/// Shapes:  x [columns, width], out [rows, width], which [rows, width] or empty; last stride 1.
/// Saved:   which[v, c], the chosen neighbour: the first of equals, a NaN before all, -1 for none.
/// Errors:  ShapeError if the shapes do not fit.
template <Real T>
void aggregate_max(const CsrView& graph, In<T, 2> x, View<T, 2> out,
                   View<std::int32_t, 2> which = {}) {
  isa_detail::aggregate_extremum<1, T>("aggregate_max", graph, x, out, which);
}

/// out[v, c] = smallest x[u, c] over the neighbours u of v; everything else as aggregate_max, its
/// gradient too.
template <Real T>
void aggregate_min(const CsrView& graph, In<T, 2> x, View<T, 2> out,
                   View<std::int32_t, 2> which = {}) {
  isa_detail::aggregate_extremum<-1, T>("aggregate_min", graph, x, out, which);
}

/// out[u, c] = beta out[u, c] + sum of dy[v, c] over the rows v that chose u: the gradient of
/// aggregate_max and aggregate_min.
/// Shapes:  transposed is the transpose of its graph with parallel edges side by side (as a stable
///          transposition leaves them); dy and which [its rows, width], out [its columns, width].
template <Real T>
void aggregate_max_backward(const CsrView& transposed, In<T, 2> dy,
                            View<const std::int32_t, 2> which, View<T, 2> out,
                            std::type_identity_t<T> beta = 0) {
  const auto args = isa_detail::aggregate_args<T>("aggregate_max_backward", transposed, dy, out,
                                                  {.edge = {}, .column = {}, .beta = beta});
  CFM_CHECK(which.rows() == dy.rows() && which.cols() == dy.cols() && which.last_contiguous(),
            "aggregate_max_backward: which must be shaped like dy, rows dense", which, dy);
  parallel_for(transposed.rows(), isa_detail::aggregate_grain<T>(transposed, args.width),
               [&](Index begin, Index end) {
                 CFM_CALL(aggregate_extremum_back)(args, which.data, which.stride[0], begin, end);
               });
}

/// out[e] = a[v] . b[u] for every edge e from u to v: the gradient of edge factors.
/// Shapes:  a [rows, width], b [columns, width], out [edges]; last stride 1.
template <Real T>
void edge_dot(const CsrView& graph, In<T, 2> a, In<T, 2> b, View<T, 1> out) {
  CFM_CHECK(a.rows() == graph.rows() && a.cols() == b.cols() && out.extent[0] == graph.edges(),
            "edge_dot: a [rows, width], b [columns, width], out [edges]", a, b, out);
  CFM_CHECK(a.last_contiguous() && b.last_contiguous() && out.last_contiguous(),
            "edge_dot: rows must be dense", a, b, out);
  const detail::AggregateRows<T> args{graph.offsets.data(),
                                      graph.columns.data(),
                                      graph.edges(),
                                      nullptr,
                                      nullptr,
                                      false,
                                      T{0},
                                      b.data,
                                      b.stride[0],
                                      out.data,
                                      0,
                                      b.cols()};
  parallel_for(graph.rows(), isa_detail::aggregate_grain<T>(graph, b.cols()),
               [&](Index begin, Index end) {
                 CFM_CALL(edge_dot_rows)(args, a.data, a.stride[0], begin, end);
               });
}

/// out[v] = 1 / number of neighbours of v, 0 for none: the row factor of the mean, which its
/// gradient needs as AggregateScale::column of the transposed graph.
template <Real T>
void inverse_degree(const CsrView& graph, View<T, 1> out) {
  CFM_CHECK(out.extent[0] == graph.rows() && out.last_contiguous(),
            concat("inverse_degree: one dense element for each of ", graph.rows(), " rows"), out);
  for (Index v = 0; v < graph.rows(); ++v) {
    const auto degree = graph[v].size();
    out(v) = degree == 0 ? T{0} : T{1} / static_cast<T>(degree);
  }
}

CFM_ISA_NAMESPACE_END
