#include <cfm/models/gate_states.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("gate states: copies share their values") {
  const GateStates a{.structure = Tensor::ones({3, 2}), .function = Tensor::zeros({3, 2})};
  const auto [structure, function] = a;
  CHECK(structure.value().data<float>()[5] == 1);
  CHECK(std::as_const(function.value()).data<float>() == a.function.value().data<float>());
}

TEST_CASE("gate states: halves of a matrix") {
  const GateStates halves = gate_halves(Var(Tensor::from(std::vector<float>{1, 2, 3, 4}, {1, 4})));
  CHECK(halves.structure.value().contiguous().span<float>()[1] == 2.0F);
  CHECK(halves.function.value().contiguous().span<float>()[0] == 3.0F);
  CHECK(test::error_of<ShapeError>([] { gate_halves(Var(Tensor::zeros({2, 3}))); })
            .starts_with("gate halves: needs [nodes, 2 width]"));
}
