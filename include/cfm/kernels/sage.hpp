#pragma once
/// @file  A GraphSAGE layer in one pass: mean over fan-ins, two products, bias, ReLU.

#include <cfm/exec/parallel.hpp>
#include <cfm/graph/csr.hpp>
#include <cfm/kernels/sage-inl.hpp>
#include <cfm/kernels/weight_panels.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// Weights of out[v] = act(bias + x[v] self^T + mean_{u in fanins(v)} x[u] neighbours^T), packed.
template <Real T>
struct SageWeights {
  WeightPanels<T> self;        ///< with the bias
  WeightPanels<T> neighbours;  ///< without one
  bool relu = true;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

template <Real T>
detail::SageArguments<T> dense_arguments(In<T, 2> x, const WeightPanels<T>& weights, View<T, 2> out,
                                 bool relu) {
  CFM_CHECK(x.cols() == weights.inputs(), "dense rows: one column an input of the weights", x,
            weights.inputs());
  CFM_CHECK(out.cols() == weights.outputs(), "dense rows: one column an output of the weights", out,
            weights.outputs());
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "dense rows: rows must be contiguous", x,
            out);
  detail::SageArguments<T> s{};
  s.x = x.data;
  s.x_stride = x.stride[0];
  s.inputs = x.cols();
  s.self = weights.data();
  s.bias = weights.bias();
  s.outputs = out.cols();
  s.out = out.data;
  s.out_stride = out.stride[0];
  s.relu = relu;
  return s;
}

}  // namespace isa_detail

/// out = act(x W^T + b) on the calling thread: one chunk of a pipeline that runs in parallel.
/// Shapes:  x [rows, in], out [rows, out]; rows contiguous; x and out apart.
/// Errors:  ShapeError.
template <Real T>
void dense_rows(In<T, 2> x, const WeightPanels<T>& weights, View<T, 2> out, bool relu) {
  CFM_CHECK(x.rows() == out.rows(), "dense rows: as many rows in as out", x, out);
  detail::SageArguments<T> s = isa_detail::dense_arguments<T>(x, weights, out, relu);
  s.end = x.rows();
  CFM_CALL(sage_rows)(s);
}

/// Rows begin .. begin + out.rows() of a GraphSAGE layer, on the calling thread. The mean is never
/// stored: a tile of 48 rows of it lives in L1.
/// Shapes:  x [nodes, in], out [end - begin, out], tile of 48 * in elements of scratch; rows
///          contiguous; x and out apart.
/// Order:   fan-ins are added in CSR order; a row's bits do not depend on the other rows.
/// Errors:  ShapeError; Error if the rows lie outside the graph.
/// Source:  W. Hamilton et al., "Inductive representation learning on large graphs", NeurIPS 2017,
///          eq. of section 3.3 (mean aggregator) with separate weights for the node itself.
template <Real T>
void sage_rows(const CsrView& fanins, In<T, 2> x, const SageWeights<T>& weights, Index begin,
               View<T, 2> out, View<T, 1> tile) {
  const Index end = begin + out.rows();
  CFM_CHECK(fanins.rows() == x.rows(), "sage: one row of x a node", fanins.rows(), x);
  CFM_CHECK(0 <= begin && end <= x.rows(), "sage: rows outside the graph", begin, end, x);
  CFM_CHECK(weights.neighbours.inputs() == x.cols() && weights.neighbours.outputs() == out.cols(),
            "sage: both weights take x to out", x, out);
  CFM_CHECK(tile.rows() >= detail::sage_tile * x.cols(), "sage: the tile is too small", tile);
  detail::SageArguments<T> s = isa_detail::dense_arguments<T>(x, weights.self, out, weights.relu);
  s.offsets = fanins.offsets.data();
  s.columns = fanins.columns.data();
  if (fanins.edges() == 0) {  // no fan-ins at all: an empty vector may have no address
    static constexpr std::int32_t none = 0;
    s.columns = &none;
  }
  s.neighbours = weights.neighbours.data();
  s.tile = tile.data;
  s.begin = begin;
  s.end = end;
  CFM_CALL(sage_rows)(s);
}

/// A whole GraphSAGE layer, in parallel; see sage_rows.
/// Shapes:  x [nodes, in], out [nodes, out].
/// Cost:    2 nodes (in + in) out + edges in operations; reads x about 1 + fan-ins times, writes
///          out once; nothing of size edges x features.
template <Real T>
void sage_layer(const CsrView& fanins, In<T, 2> x, const SageWeights<T>& weights, View<T, 2> out) {
  CFM_CHECK(x.rows() == out.rows(), "sage: as many rows in as out", x, out);
  const Index grain = grain_for((x.cols() + out.cols()) * static_cast<Index>(sizeof(T)),
                                Index{1} << 18);
  parallel_for(out.rows(), grain, [&](Index begin, Index end) {
    Tensor tile = Tensor::empty({detail::sage_tile * x.cols()}, dtype_of<T>);
    View<T, 2> rows = out;
    rows.data = out.row(begin);
    rows.extent[0] = end - begin;
    sage_rows<T>(fanins, x, weights, begin, rows, tile.view<T, 1>());
  });
}

CFM_ISA_NAMESPACE_END
