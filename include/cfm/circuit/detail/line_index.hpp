#pragma once
/// @file  Lines and columns of many places in a text.

#include <algorithm>
#include <vector>

#include <cfm/circuit/netlist.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class LineIndex {
 public:
  explicit LineIndex(std::string_view text) : starts_{0} {
    for (std::size_t i = text.find('\n'); i != std::string_view::npos; i = text.find('\n', i + 1))
      starts_.push_back(i + 1);
  }

  Netlist::Place place(std::size_t position) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), position);
    return {static_cast<std::uint32_t>(after - starts_.begin()),
            static_cast<std::uint32_t>(position - *(after - 1) + 1)};
  }

 private:
  std::vector<std::size_t> starts_;
};

}  // namespace detail
CFM_NAMESPACE_END
