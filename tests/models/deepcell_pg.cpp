#include <cfm/models/deepcell_pg.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepcell pg: the halves of PolarGate's projection, without NOTs") {
  const DeepCellPg<> model({.width = 8}, Rng(1));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const GateStates got = model(t1);
  const PolarGateOutput want =
      model.polar(signed_graph(t1, {.collapse_nots = true}), t1.features());
  CHECK(test::same_bits(got.structure.value(), want.state.value().slice(1, 0, 8)));
  CHECK(test::same_bits(got.function.value(), want.state.value().slice(1, 8, 16)));
  CHECK(test::same_bits(model.probability(got.function).value(), want.logits.value()));
  const auto hf = got.function.value().contiguous();
  for (Index k = 0; k < 8; ++k)  // NOTs hear nobody
    CHECK(hf.view<float, 2>()(4, k) == hf.view<float, 2>()(8, k));
}
