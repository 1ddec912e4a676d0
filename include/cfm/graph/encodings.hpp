#pragma once
/// @file  Structural encodings that look at a node alone: degrees, positions as sines.

#include <cmath>

#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// The number of fan-ins of each node, at most `limit`: an index into an embedding.
/// Shapes:  i32[nodes].
inline Tensor in_degrees(const Graph& graph, std::int32_t limit = INT32_MAX) {
  Tensor out = Tensor::empty({graph.nodes()}, DType::i32);
  const auto degrees = out.span<std::int32_t>();
  for (Index v = 0; v < graph.nodes(); ++v)
    degrees[detail::to_size(v)] = static_cast<std::int32_t>(
        std::min<std::size_t>(graph.fanins()[v].size(), detail::to_size(limit)));
  return out;
}

/// The number of readers of each node that `counts(reader)` is true for, at most `limit`.
/// Shapes:  i32[nodes].
template <class F>
Tensor out_degrees(const Graph& graph, std::int32_t limit, const F& counts) {
  Tensor out = Tensor::zeros({graph.nodes()}, DType::i32);
  const auto degrees = out.span<std::int32_t>();
  for (Index v = 0; v < graph.nodes(); ++v)
    for (const std::int32_t reader : graph.fanouts()[v]) {
      std::int32_t& degree = degrees[detail::to_size(v)];
      if (degree < limit && counts(reader)) ++degree;
    }
  return out;
}

/// The number of fan-outs of each node, at most `limit`.   Shapes:  i32[nodes].
inline Tensor out_degrees(const Graph& graph, std::int32_t limit = INT32_MAX) {
  return out_degrees(graph, limit, [](std::int32_t) { return true; });
}

/// y[i, 2 j] = sin(p[i] / base^(2 j / width)), y[i, 2 j + 1] = cos(the same): levels or positions
/// as a transformer takes them.
/// Shapes:  f32[positions, width], width even.
/// Source:  A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5.
inline Tensor sinusoidal_encoding(std::span<const std::int32_t> positions, Index width,
                                  double base = 10000) {
  CFM_CHECK(width > 0 && width % 2 == 0, "sinusoidal_encoding: width must be even", width);
  CFM_CHECK(base > 0, "sinusoidal_encoding: base must be positive", base);
  Tensor out = Tensor::empty({static_cast<Index>(positions.size()), width});
  const auto values = out.span<float>();
  std::vector<double> rate(detail::to_size(width / 2));
  for (std::size_t j = 0; j < rate.size(); ++j)
    rate[j] = std::pow(base, -2.0 * static_cast<double>(j) / static_cast<double>(width));
  std::size_t at = 0;
  for (const std::int32_t p : positions)
    for (const double r : rate) {
      values[at++] = static_cast<float>(std::sin(static_cast<double>(p) * r));
      values[at++] = static_cast<float>(std::cos(static_cast<double>(p) * r));
    }
  return out;
}

CFM_NAMESPACE_END
