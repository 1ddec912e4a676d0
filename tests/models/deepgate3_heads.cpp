#include <cfm/models/deepgate3_heads.hpp>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

TEST_CASE("hop heads: only what has labels gives a loss, and totals are means of weights") {
  const test::HopCircuitCase c(8);
  const HopHeads<> heads(8, 3, 0, Rng(1));
  const GateStates gates{c.structure, c.function};
  HopLabels labels;
  labels.probability = c.labels.probability;
  labels.connect_pairs = c.labels.connect_pairs;
  labels.connect = c.labels.connect;
  const HopLosses losses = heads.losses(gates, {}, labels);
  for (std::size_t i = 0; i < hop_losses; ++i)
    CHECK(losses[i].value().defined() == (i == 0 || i == 3));
  const double a = static_cast<double>(losses[0].item<float>()),
               b = static_cast<double>(losses[3].item<float>());
  CHECK(static_cast<double>(total_loss(losses).item<float>()) == doctest::Approx((a + b) / 2));
  std::vector<double> weights(hop_losses, 1);
  weights[0] = 3;
  CHECK(static_cast<double>(total_loss(losses, weights).item<float>()) ==
        doctest::Approx((3 * a + b) / 4));
  CHECK(test::error_of([] { total_loss(HopLosses{}); })
            .starts_with("total_loss: there is no loss to add up"));
  CHECK(test::error_of([] { HopHeads<>(8, 2, 0); }).starts_with("hop heads: 1 or 3 classes"));
}
