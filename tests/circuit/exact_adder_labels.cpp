#include <cfm/circuit/exact_adder_labels.hpp>

#include <map>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/gamora_graph.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

template <class Label, std::size_t N>
std::array<std::size_t, N> histogram(const std::vector<Label>& labels) {
  std::array<std::size_t, N> out{};
  for (Label l : labels) ++out[static_cast<std::size_t>(l)];
  return out;
}

AdderLabels labels_of(std::size_t n) {
  const Aig aig = carry_save_multiplier(n);
  return adder_labels(aig, extract_adders(aig));
}

}  // namespace

TEST_CASE("labels: the published histograms") {
  const std::map<std::size_t, std::array<std::size_t, 6>> shared = {
      {8, {16, 201, 174, 1, 48, 16}},
      {16, {32, 913, 734, 1, 224, 32}},
      {32, {64, 3873, 3006, 1, 960, 64}}};
  const std::map<std::size_t, std::array<std::size_t, 5>> root = {{8, {16, 56, 56, 312, 16}},
                                                                  {32, {64, 992, 992, 5856, 64}}};
  for (const auto& [n, expected] : shared)
    CHECK(histogram<SharedLabel, 6>(labels_of(n).shared) == expected);
  for (const auto& [n, expected] : root)
    CHECK(histogram<RootLabel, 5>(labels_of(n).root) == expected);
}

TEST_CASE("labels: one for every node of the graph") {
  const Aig aig = carry_save_multiplier(8);
  const AdderLabels labels = labels_of(8);
  const GamoraGraph graph = gamora_graph(aig);
  REQUIRE(static_cast<Index>(labels.shared.size()) == graph.nodes());
  REQUIRE(labels.root.size() == labels.shared.size());
  for (std::size_t v = 0; v < labels.shared.size(); ++v) {
    CHECK((labels.shared[v] == SharedLabel::input) == (v < 16));
    CHECK((labels.root[v] == RootLabel::output) == (v >= 440));
  }
}

TEST_CASE("labels: the sign code counts as a variable below 8 bits only") {
  for (std::size_t n : {3u, 4u, 8u, 16u}) {
    CAPTURE(n);
    const Aig aig = carry_save_multiplier(n);
    const Adders adders = extract_adders(aig);
    const auto with = adder_labels(aig, adders).shared;
    const auto without = adder_labels(aig, adders, {.signs_count = false}).shared;
    std::size_t differ = 0;
    for (std::size_t v = 0; v < with.size(); ++v) differ += with[v] != without[v];
    CHECK((differ > 0) == (n < 8));
  }
}

TEST_CASE("labels: records of another graph are refused") {
  const Adders adders = extract_adders(carry_save_multiplier(8));
  CHECK_THROWS_WITH_AS(adder_labels(carry_save_multiplier(3), adders),
                       doctest::Contains("adder_labels: a record of another graph"), Error);
}
