#pragma once

#include <cfm/io/json.hpp>
#include <cfm/tensor/shape.hpp>

namespace cfm::test {

/// [2, 3] as extents.
inline Extents extents_of(const JsonRef& row) {
  Extents out;
  for (std::size_t i = 0; i < row.size(); ++i) out.push_back(row[i].integer<Index>());
  return out;
}

}  // namespace cfm::test
