#include <cfm/circuit/adder_labels.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("adder targets: one class of three for every pair of labels") {
  AdderLabels labels;
  for (int shared = 0; shared < 6; ++shared)
    for (int root = 0; root < 5; ++root) {
      labels.shared.push_back(static_cast<SharedLabel>(shared));
      labels.root.push_back(static_cast<RootLabel>(root));
    }
  const AdderTargets targets = adder_targets(labels);
  REQUIRE(targets.first.size() == 30);
  REQUIRE(targets.second.size() == 30);
  REQUIRE(targets.root.size() == 30);
  for (std::size_t v = 0; v < 30; ++v) {
    const SharedLabel shared = labels.shared[v];
    const bool in_adder = shared == SharedLabel::adder_only || shared == SharedLabel::shared;
    const bool in_xor = shared == SharedLabel::xor_only || shared == SharedLabel::shared;
    CHECK(targets.first[v] == (in_xor ? 2 : in_adder ? 1 : 0));
    CHECK(targets.second[v] == (in_adder ? 1 : in_xor ? 2 : 0));
    CHECK(targets.root[v] == (labels.root[v] == RootLabel::carry ? 0
                              : labels.root[v] == RootLabel::sum ? 1
                                                                 : 2));
  }
}
