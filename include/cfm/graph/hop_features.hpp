#pragma once
/// @file  Features of neighbourhoods, computed once: then nodes can be trained on alone.

#include <cmath>

#include <cfm/graph/subgraph.hpp>
#include <cfm/graph/undirected.hpp>

CFM_NAMESPACE_BEGIN

/// What hop_features computes.
struct HopFeatureOptions {
  Index hops = 8;
  /// Along edges and against them, instead of without direction.
  bool directed = false;
  /// For `directed`: the code of HOGA multiplies both halves by one matrix, so that the second
  /// repeats the first. With this so do we.
  bool reuse_first_matrix = false;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// slots[v, to] = scale(v) sum over neighbours u of column(u) slots[u, from].
template <class T, class Scale, class Column>
void next_hop(const CsrView& rows, std::span<T> slots, Index count, Index width, Index from,
              Index to, const Scale& scale, const Column& column) {
  const auto row = [&](Index v, Index slot) { return slots.data() + (v * count + slot) * width; };
  parallel_for(rows.rows(), grain_for(8 * width * Index{sizeof(T)}), [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v) {
      T* out = row(v, to);
      std::fill_n(out, width, T{0});
      for (const std::int32_t u : rows[v]) {
        const T* in = row(u, from);
        const T factor = column(u);
        for (Index c = 0; c < width; ++c) out[c] += factor * in[c];
      }
      const T factor = scale(v);
      for (Index c = 0; c < width; ++c) out[c] *= factor;
    }
  });
}

template <class T>
Tensor hop_features_of(const Graph& graph, const Tensor& x, const HopFeatureOptions& options) {
  const Index nodes = graph.nodes(), width = x.size(1);
  const Index count = 1 + options.hops * (options.directed ? 2 : 1);
  Tensor out = Tensor::empty({nodes, count, width}, x.dtype());
  const auto slots = out.span<T>();
  const Tensor dense = x.contiguous();
  for (Index v = 0; v < nodes; ++v)
    std::copy_n(dense.span<T>().data() + v * width, width, slots.data() + v * count * width);
  const auto degree = [](const CsrView& rows, Index v) {
    return static_cast<double>(rows[v].size());
  };
  if (!options.directed) {
    const Graph both = undirected(graph);
    const CsrView rows = both.fanins();
    std::vector<T> root(detail::to_size(nodes));
    for (Index v = 0; v < nodes; ++v)
      root[detail::to_size(v)] =
          rows[v].empty() ? T{0} : static_cast<T>(1 / std::sqrt(degree(rows, v)));
    const auto of = [&](Index v) { return root[detail::to_size(v)]; };
    for (Index k = 1; k <= options.hops; ++k)
      next_hop<T>(rows, slots, count, width, k - 1, k, of, of);
    return out;
  }
  const CsrView halves[] = {graph.fanins(),
                            options.reuse_first_matrix ? graph.fanins() : graph.fanouts()};
  for (Index half = 0; half < 2; ++half) {
    const CsrView& rows = halves[half];
    const auto mean = [&](Index v) {
      return rows[v].empty() ? T{0} : static_cast<T>(1 / degree(rows, v));
    };
    for (Index k = 1; k <= options.hops; ++k)
      next_hop<T>(rows, slots, count, width, k == 1 ? 0 : 2 * k - 3 + half, 2 * k - 1 + half, mean,
                  [](Index) { return T{1}; });
  }
  return out;
}

}  // namespace isa_detail

/// HOGA's input. Without direction slot k is A^k x with A = D^-1/2 (adjacency) D^-1/2, edges both
/// ways, parallel ones once, no self loops added; rows without neighbours are 0. Directed: slots 0,
/// then for each hop the mean over fan-ins and the mean over fan-outs, each of its own slot before.
/// Shapes:  x f32 or f64 [nodes, width]  ->  [nodes, 1 + hops, width], directed 1 + 2 hops.
/// Errors:  TypeError, ShapeError.
/// Order:   neighbours in row order: the same bits for any number of threads.
/// Source:  C. Deng et al., "Less is more: hop-wise graph attention", DAC 2024, section 3.1, and
///          the code of its authors.
inline Tensor hop_features(const Graph& graph, const Tensor& x,
                           const HopFeatureOptions& options = {}) {
  CFM_CHECK(options.hops >= 0, "hop_features: hops must not be negative", options.hops);
  CFM_CHECK(x.rank() == 2 && x.size(0) == graph.nodes(), "hop_features: x must be [nodes, width]",
            x, graph.nodes());
  CFM_CHECK(x.dtype() == DType::f32 || x.dtype() == DType::f64, "hop_features: f32 or f64",
            x.dtype());
  return x.dtype() == DType::f32 ? isa_detail::hop_features_of<float>(graph, x, options)
                                 : isa_detail::hop_features_of<double>(graph, x, options);
}

CFM_ISA_NAMESPACE_END

CFM_NAMESPACE_BEGIN

/// What fanin_slots lists.
struct FaninSlotOptions {
  Index steps = 4;
  Index slots = 11;
};

/// DeepCell's input to a hop-wise encoder: slot 0 is the node's own row; then, for each step, the
/// rows of the distinct fan-ins of the nodes of the step before, ascending, until the slots are
/// full. What is left is 0. A node may come again in a later step.
/// Shapes:  x [nodes, width] of any element type  ->  [nodes, slots, width].
/// Errors:  ShapeError; Error if options are out of range.
inline Tensor fanin_slots(const Graph& graph, const Tensor& x,
                          const FaninSlotOptions& options = {}) {
  CFM_CHECK(x.rank() == 2 && x.size(0) == graph.nodes(), "fanin_slots: x must be [nodes, width]", x,
            graph.nodes());
  CFM_CHECK(options.steps >= 0 && options.slots > 0, "fanin_slots: steps and slots", options.steps,
            options.slots);
  const CsrView rows = graph.fanins();
  const auto count = detail::to_size(options.slots);
  const Tensor dense = x.contiguous();
  Tensor out = Tensor::zeros({graph.nodes(), options.slots, x.size(1)}, x.dtype());
  const std::size_t bytes = detail::to_size(x.size(1) * size_of(x.dtype()));
  std::byte* to = out.bytes();
  const std::byte* from = dense.bytes();
  parallel_for(graph.nodes(), 512, [&](Index begin, Index end) {
    std::vector<std::int32_t> frontier, next;
    for (Index v = begin; v < end; ++v) {
      std::size_t slot = 0;
      frontier.assign(1, static_cast<std::int32_t>(v));
      for (Index step = 0; step <= options.steps && slot < count && !frontier.empty(); ++step) {
        next.clear();
        for (const std::int32_t u : frontier) {
          if (slot < count && bytes > 0)
            std::memcpy(to + (detail::to_size(v) * count + slot) * bytes,
                        from + detail::to_size(u) * bytes, bytes);
          ++slot;
          next.insert(next.end(), rows[u].begin(), rows[u].end());
        }
        std::sort(next.begin(), next.end());
        next.erase(std::unique(next.begin(), next.end()), next.end());
        frontier.swap(next);
      }
    }
  });
  return out;
}

CFM_NAMESPACE_END
