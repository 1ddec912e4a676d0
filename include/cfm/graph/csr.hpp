#pragma once
/// @file  Compressed sparse rows: the shape in which kernels see a graph.

#include <span>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

/// Non-owning rows of column indices: row v lists columns[offsets[v] .. offsets[v + 1]).
/// In a circuit graph row v lists the fan-ins of node v, in the order of its gate.
struct CsrView {
  std::span<const std::int64_t> offsets;  ///< rows + 1, not decreasing, from 0 to edges
  std::span<const std::int32_t> columns;  ///< each in [0, number of columns)

  Index rows() const { return offsets.empty() ? 0 : static_cast<Index>(offsets.size()) - 1; }
  Index edges() const { return static_cast<Index>(columns.size()); }

  /// The columns of a row.
  std::span<const std::int32_t> operator[](Index row) const {
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(row)]);
    const auto end = static_cast<std::size_t>(offsets[static_cast<std::size_t>(row) + 1]);
    return columns.subspan(begin, end - begin);
  }
};

CFM_NAMESPACE_END
