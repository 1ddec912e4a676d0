#include <cfm/models/gate_states.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("gate states: copies share their values") {
  const GateStates a{.structure = Tensor::ones({3, 2}), .function = Tensor::zeros({3, 2})};
  const auto [structure, function] = a;
  CHECK(structure.value().data<float>()[5] == 1);
  CHECK(std::as_const(function.value()).data<float>() == a.function.value().data<float>());
}
