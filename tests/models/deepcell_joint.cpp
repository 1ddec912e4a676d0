#include <cfm/models/deepcell_joint.hpp>

#include <cfm/train/adam.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepcell joint: cones of masked nodes") {
  const Graph g = test::golden_graph();
  const auto all = mask_cones(g, 1.0, 0, Rng(1));
  CHECK(all.size() == 9);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto one = mask_cones(g, 0.01, 0, Rng(seed)), cone = mask_cones(g, 0.01, 4, Rng(seed));
    REQUIRE(one.size() == 1);
    CHECK(std::is_sorted(cone.begin(), cone.end()));
    CHECK(std::find(cone.begin(), cone.end(), one[0]) != cone.end());
    if (one[0] == 8) CHECK(cone.size() == 8);  // all but an input that is five edges away
    if (one[0] < 3) CHECK(cone.size() == 1);
  }
  CHECK(mask_cones(Graph(), 0.5, 4, Rng(1)).empty());
}

TEST_CASE("deepcell joint: a mask changes the function half of masked tokens alone") {
  const DeepCellJoint<> model(4, {.dim = 8, .heads = 2, .hidden = 16, .layers = 1}, Rng(1));
  Init init(Rng(2));
  const GateStates cells{Var(init.normal({5, 4}, 0, 1)), Var(init.normal({5, 4}, 0, 1))};
  const std::int32_t masked[] = {1, 3};
  const Tensor plain = model.mask(cells, {}).value().contiguous();
  const Tensor some = model.mask(cells, masked).value().contiguous();
  for (Index v = 0; v < 5; ++v)
    for (Index c = 0; c < 8; ++c) {
      const bool replaced = c >= 4 && (v == 1 || v == 3);
      const float want = replaced
                             ? model.mask_token.value.span<float>()[static_cast<std::size_t>(c - 4)]
                             : plain.view<float, 2>()(v, c);
      CHECK(some.view<float, 2>()(v, c) == want);
    }
}

TEST_CASE("deepcell joint: both mixers learn to fill in") {
  const std::int32_t from[] = {0, 1, 3, 2, 0, 3, 4, 5}, to[] = {3, 3, 4, 4, 5, 5, 5, 6};
  const CellFunction functions[] = {{},       {}, {}, {0b0111, 2}, {0b0110, 2}, {0b11101000, 3},
                                    {0b01, 1}};
  const DeepCellGraph g = deepcell_graph(Graph::from_edges(7, from, to), functions);
  const Tensor label =
      Tensor::from(std::vector<float>{.5f, .5f, .5f, .75f, .5f, .5f, .5f}, Shape{7});
  const std::int32_t masked[] = {3, 5};
  const auto train = [&](auto joint) {
    const DeepCell<> encoder({.width = 8, .dropout = 0}, Rng(1));
    const DeepGate2<> other({.width = 8}, Rng(2));
    const GateStates gates = other(deepgate2_graph(test::golden_graph(), test::golden_kinds()));
    const GateStates fixed = encoder(g);  // the encoder is trained before
    Adam optimizer(joint, {.learning_rate = 1e-2});
    float first = 0, last = 0;
    for (int step = 0; step < 40; ++step) {
      Tape tape({.training = true});
      const GateStates cells{tape.input(fixed.structure.value()),
                             tape.input(fixed.function.value())};
      const Var loss = deepcell_loss(joint(cells, masked, gates), cells, masked,
                                     encoder.probability(fixed.function), label);
      if (step == 0) first = loss.item<float>();
      last = loss.item<float>();
      tape.backward(loss);
      optimizer.step(tape);
    }
    CHECK(last < 0.7f * first);
  };
  train(DeepCellJoint<>(8, {.dim = 16, .heads = 2, .hidden = 32, .layers = 1}, Rng(3)));
  train(DeepCellJoint<Linformer<>>(
      8, {.dim = 16, .heads = 2, .keys = 8, .positions = 32, .depth = 1}, Rng(3)));
  CHECK(deepcell_transformer().layers == 4);
}
