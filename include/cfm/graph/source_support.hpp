#pragma once
/// @file  The sources that every node depends on: how many, whether the same, whether any is
/// shared.

#include <array>
#include <bit>

#include <cfm/graph/levelize.hpp>
#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// The set of sources (nodes without fan-ins) in the fan-in cone of each node, as its size and a
/// 128-bit hash: equal sets have equal hashes, and others differ but for one chance in 2^128.
struct SourceSupport {
  using Hash = std::array<std::uint64_t, 2>;
  std::vector<std::int32_t> count;
  std::vector<Hash> hash;

  bool same(std::int32_t a, std::int32_t b) const {
    return hash[detail::to_size(a)] == hash[detail::to_size(b)];
  }
};

namespace detail {

// Calls f(bits) for every 64 sources: bits[v] are those among them that v depends on.
template <class F>
void for_each_source_word(const CsrView& fanins, const F& f) {
  const std::vector<std::int32_t> order = topological_order(fanins);
  std::vector<std::int32_t> sources;
  for (std::int32_t v = 0; v < fanins.rows(); ++v)
    if (fanins[v].empty()) sources.push_back(v);
  std::vector<std::uint64_t> bits(order.size());
  for (std::size_t first = 0; first < sources.size(); first += 64) {
    std::fill(bits.begin(), bits.end(), 0u);
    for (std::size_t i = first; i < std::min(first + 64, sources.size()); ++i)
      bits[to_size(sources[i])] = std::uint64_t{1} << (i - first);
    for (const std::int32_t v : order)
      for (const std::int32_t u : fanins[v]) bits[to_size(v)] |= bits[to_size(u)];
    f(std::as_const(bits));
  }
}

}  // namespace detail

/// The sources of every node.
/// Errors:  Error if there is a cycle.
/// Cost:    a pass over the edges for every 64 sources; 36 bytes a node.
inline SourceSupport source_support(const CsrView& fanins) {
  SourceSupport out;
  out.count.assign(detail::to_size(fanins.rows()), 0);
  out.hash.assign(out.count.size(), {0, 0});
  const auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  };
  detail::for_each_source_word(fanins, [&](const std::vector<std::uint64_t>& bits) {
    for (std::size_t v = 0; v < bits.size(); ++v) {
      out.count[v] += std::popcount(bits[v]);
      auto& [low, high] = out.hash[v];
      low = mix(low + 0x9E3779B97F4A7C15u) ^ mix(bits[v]);
      high = mix(high + 0xD1B54A32D192ED03u) ^ mix(bits[v] + 0x8CB92BA72F3D8DD7u);
    }
  });
  return out;
}

/// Whether the fan-in cones of two nodes, each with its node, have one in common: the
/// reconvergence label of a pair of gates. Cones meet exactly where they share a source.
/// Shapes:  first and second of one length; a 1 for every pair whose cones meet.
/// Cost:    as source_support, and a look at every pair for every 64 sources.
inline std::vector<std::uint8_t> cones_meet(const CsrView& fanins,
                                            std::span<const std::int32_t> first,
                                            std::span<const std::int32_t> second) {
  CFM_CHECK(first.size() == second.size(), "cones_meet: pairs of nodes", first.size(),
            second.size());
  for (const auto nodes : {first, second})
    for (const std::int32_t v : nodes)
      CFM_CHECK(v >= 0 && v < fanins.rows(), "cones_meet: no such node", v, fanins.rows());
  std::vector<std::uint8_t> out(first.size(), 0);
  detail::for_each_source_word(fanins, [&](const std::vector<std::uint64_t>& bits) {
    for (std::size_t i = 0; i < first.size(); ++i)
      if ((bits[detail::to_size(first[i])] & bits[detail::to_size(second[i])]) != 0) out[i] = 1;
  });
  return out;
}

CFM_NAMESPACE_END
