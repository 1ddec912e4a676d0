#pragma once
/// @file  Aggregation over the rows of a graph, edge by edge in double; a random graph for it.

#include <cmath>
#include <cstdint>
#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/graph/csr.hpp>

namespace cfm::reference {

/// Compressed rows that own their memory.
struct Csr {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;

  operator CsrView() const { return {offsets, columns}; }
};

/// Rows of 0 to `most` random neighbours, parallel edges among them; the last row is a hub.
inline Csr random_csr(std::int64_t rows, std::int64_t cols, std::uint64_t most,
                      std::uint64_t seed) {
  Rng rng(seed);
  Csr out;
  for (std::int64_t v = 0; v < rows; ++v) {
    const std::uint64_t degree = v + 1 == rows ? 700 : rng.below(most + 1);
    for (std::uint64_t e = 0; e < degree && cols > 0; ++e)
      out.columns.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(cols))));
    out.offsets.push_back(static_cast<std::int64_t>(out.columns.size()));
  }
  return out;
}

/// The edges turned round, rows in order; `origin` is the edge each one was.
inline Csr transpose(const Csr& graph, std::int64_t cols, std::vector<std::int64_t>* origin = {}) {
  Csr out;
  for (std::int64_t u = 0; u < cols; ++u) {
    for (std::size_t v = 0; v + 1 < graph.offsets.size(); ++v)
      for (std::int64_t e = graph.offsets[v]; e < graph.offsets[v + 1]; ++e)
        if (graph.columns[static_cast<std::size_t>(e)] == u) {
          out.columns.push_back(static_cast<std::int32_t>(v));
          if (origin != nullptr) origin->push_back(e);
        }
    out.offsets.push_back(static_cast<std::int64_t>(out.columns.size()));
  }
  return out;
}

/// sum over edges of factor(edge, column) x[column, :].
template <class T, class F>
std::vector<double> aggregate(const Csr& graph, const std::vector<T>& x, std::int64_t width,
                              const F& factor) {
  const std::size_t rows = graph.offsets.size() - 1, w = static_cast<std::size_t>(width);
  std::vector<double> out(rows * w, 0.0);
  for (std::size_t v = 0; v < rows; ++v)
    for (auto e = static_cast<std::size_t>(graph.offsets[v]);
         e < static_cast<std::size_t>(graph.offsets[v + 1]); ++e)
      for (std::size_t c = 0; c < w; ++c) {
        const auto u = static_cast<std::size_t>(graph.columns[e]);
        out[v * w + c] += factor(e, u) * static_cast<double>(x[u * w + c]);
      }
  return out;
}

}  // namespace cfm::reference
