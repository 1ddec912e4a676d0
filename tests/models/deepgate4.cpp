#include <cfm/models/deepgate4.hpp>

#include <array>
#include <numeric>

#include <cfm/models/gradient_balancer.hpp>
#include <cfm/train/adam.hpp>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

namespace {

DeepGate4Config small_deepgate4() {
  return {.width = 8, .heads = 2, .hidden = 16, .layers = 2, .pool_layers = 1, .max_fanouts = 20,
          .dropout = 0, .head_dropout = 0};
}

Area whole_area(Index nodes) {
  Area out;
  out.nodes.resize(static_cast<std::size_t>(nodes));
  std::iota(out.nodes.begin(), out.nodes.end(), 0);
  return out;
}

}  // namespace

TEST_CASE("deepgate4: sizes of the published model") {
  const DeepGate4<> model;
  CHECK(parameter_count(model.layers[0]) == 330240);
  CHECK(model.layers.size() == 12);
}

TEST_CASE("deepgate4: sines of positions") {
  const Tensor rows = sinusoidal_rows(Tensor::of<std::int64_t>({0, 3}), 4);
  test::check_rows(rows, {0, 1, 0, 1, std::sin(3.0), std::cos(3.0), std::sin(0.03), std::cos(0.03)},
                   1e-6);
}

TEST_CASE("deepgate4: the encoding adds rows of levels and fan-outs") {
  const StructuralEncoding<> encoding(4, 3, Rng(1));
  const GatePlaces places{Tensor::of<std::int64_t>({0, 3}), Tensor::of<std::int64_t>({1, 9}),
                          Tensor::of<std::int64_t>({0, 2})};
  const Tensor got = encoding(places, Tensor::zeros({1})).value();
  const Var want = encoding.level(sinusoidal_rows(places.level, 4)) +
                   encoding.and_fanouts(Tensor::of<std::int64_t>({1, 2})) +
                   encoding.not_fanouts(Tensor::of<std::int64_t>({0, 2}));
  CHECK(test::worst_difference(got, want.value()) < 1e-6);
}

TEST_CASE("deepgate4: one area of all gates is the network without areas") {
  const test::HopCircuitCase c(8);
  const DeepGate4<> model(small_deepgate4(), Rng(2));
  const Area all = whole_area(c.graph.nodes());
  const auto batches = area_batches(c.graph.graph, std::span(&all, 1));
  REQUIRE(batches.size() == 1);
  GateStore store{c.function.clone(), c.structure.clone()};
  model.refine(store, batches);
  Var h = cat({Var(c.function), Var(c.structure)}, 1);
  const Graph cones = virtual_edges(c.graph.graph);
  for (const auto& layer : model.layers) h = layer(cones, h);
  CHECK(test::worst_difference(store.function, (c.function + slice(h, 1, 0, 8)).value()) < 1e-5);
  CHECK(test::worst_difference(store.structure, (c.structure + slice(h, 1, 8, 16)).value()) < 1e-5);
  DeepGate4Config released = small_deepgate4();
  released.released_store = true;
  GateStore quirk{c.function.clone(), c.structure.clone()};
  DeepGate4<>(released, Rng(2)).refine(quirk, batches);
  CHECK(test::worst_difference(quirk.function, store.function) == 0);
  CHECK(test::worst_difference(quirk.structure, store.function) == 0);
}

TEST_CASE("deepgate4: areas of later groups see finished states, and batches of any size agree") {
  const test::HopCircuitCase c(8);
  const DeepGate4<> model(small_deepgate4(), Rng(2));
  const auto areas = cone_areas(c.graph.graph, {.depth = 5, .stride = 3});
  GateStore all{c.function.clone(), c.structure.clone()};
  model.refine(all, area_batches(c.graph.graph, areas));
  // Finished gates are written once: refining the last batch again from the store changes only it.
  const auto batches = area_batches(c.graph.graph, areas);
  REQUIRE(batches.size() > 2);
  GateStore part{c.function.clone(), c.structure.clone()};
  model.refine(part, std::span(batches).first(1));
  for (std::int32_t v : batches[0].updated)
    CHECK(test::worst_difference(part.function.slice(0, v, v + 1),
                                 all.function.slice(0, v, v + 1)) == 0);
  for (std::int32_t v : batches.back().updated)
    CHECK(test::worst_difference(part.function.slice(0, v, v + 1),
                                 c.function.slice(0, v, v + 1)) == 0);
}

TEST_CASE("deepgate4: at a fixed batch, the memory of refining does not grow with the circuit") {
  const DeepGate4<> model(small_deepgate4(), Rng(2));
  std::array<double, 2> bytes{}, nodes{};
  for (std::size_t i = 0; i < 2; ++i) {
    const ExplicitNotGraph net = explicit_not_graph(carry_save_multiplier(i == 0 ? 6 : 18));
    const auto batches = area_batches(net.graph, cone_areas(net.graph), 8);
    GateStore store{test::normal_tensor({net.nodes(), 8}, 1),
                    test::normal_tensor({net.nodes(), 8}, 2)};
    BufferPool& pool = BufferPool::instance();
    const Index before = pool.usage().current;
    pool.reset_peak();
    model.refine(store, batches);
    bytes[i] = static_cast<double>(pool.usage().peak - before);
    nodes[i] = static_cast<double>(net.nodes());
  }
  CAPTURE(bytes[0]);
  CAPTURE(bytes[1]);
  CHECK(nodes[1] > 8 * nodes[0]);
  CHECK(bytes[1] < 2 * bytes[0]);  // batches differ in their rows, by less than that
}

TEST_CASE("deepgate4: a layer equals attention over a dense mask") {
  const test::HopCircuitCase c(8);
  const DeepGate4<> model(small_deepgate4(), Rng(2));
  const auto& conv = model.layers[0].conv;
  const Graph cones = virtual_edges(c.graph.graph);
  const Tensor x = test::normal_tensor({c.graph.nodes(), 16}, 3);
  const Tensor h = conv.lin(x).value();
  const Index nodes = c.graph.nodes();
  Tensor want = Tensor::zeros({nodes, 16});
  for (Index v = 0; v < nodes; ++v)
    for (Index head = 0; head < 2; ++head) {
      double total = 0;
      std::vector<double> sums(8, 0);
      for (Index u = 0; u < nodes; ++u) {
        if (u != v && c.relation.view<std::uint8_t, 2>()(v, u) !=
                          static_cast<std::uint8_t>(ConeRelation::fanin))
          continue;
        double score = 0;
        for (Index k = 0; k < 8; ++k) {
          const auto at = static_cast<std::size_t>(head * 8 + k);
          score += static_cast<double>(conv.att_src.value.span<float>()[at]) *
                       static_cast<double>(h.view<float, 2>()(u, head * 8 + k)) +
                   static_cast<double>(conv.att_dst.value.span<float>()[at]) *
                       static_cast<double>(h.view<float, 2>()(v, head * 8 + k));
        }
        const double w = std::exp(score > 0 ? score : 0.2 * score);
        total += w;
        for (Index k = 0; k < 8; ++k)
          sums[static_cast<std::size_t>(k)] +=
              w * static_cast<double>(h.view<float, 2>()(u, head * 8 + k));
      }
      for (Index k = 0; k < 8; ++k)
        want.view<float, 2>()(v, head * 8 + k) =
            static_cast<float>(sums[static_cast<std::size_t>(k)] / total);
    }
  CHECK(test::worst_difference(conv(cones, x).value(), want) < 1e-5);
}

TEST_CASE("deepgate4: learns with balanced losses") {
  const test::HopCircuitCase c(8);
  DeepGate4<> model(small_deepgate4(), Rng(3));
  const Area all = whole_area(c.graph.nodes());
  const AreaBatch batch = area_batches(c.graph.graph, std::span(&all, 1)).front();
  Adam optimizer(model, {.learning_rate = 5e-3});
  GradientBalancer balancer;
  double first = 0, last = 0;
  for (int step = 0; step < 40; ++step) {
    Tape tape({.training = true, .rng = Rng(static_cast<std::uint64_t>(step))});
    const GateStates gates = model.refine({tape.input(c.structure), tape.input(c.function)}, batch);
    const Tensor shared[] = {gates.structure.value(), gates.function.value()};
    const auto losses_of = [&](const GateStates& g) {
      return model.heads.losses(g, model.pool(g, c.inputs), c.labels, true);
    };
    const auto norms = gradient_norms(
        shared, [&](std::span<const Var> s) { return losses_of({s[0], s[1]}); });
    const HopLosses losses = losses_of(gates);
    double sum = 0;
    for (const Var& loss : losses) sum += static_cast<double>(loss.item<float>());
    REQUIRE(std::isfinite(sum));
    (step == 0 ? first : last) = sum;
    tape.backward(total_loss(losses, balancer(norms)));
    optimizer.step(tape);
  }
  CHECK(last < 0.8 * first);
}

TEST_CASE("deepgate4: names what is wrong") {
  const DeepGate4<> model(small_deepgate4(), Rng(2));
  CHECK(test::error_of<ShapeError>([&] {
          model.refine({Tensor::zeros({2, 8}), Tensor::zeros({2, 8})}, AreaBatch{});
        }).starts_with("deepgate4: needs states [0, 8]"));
}
