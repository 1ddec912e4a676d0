#include <cfm/models/deepgate.hpp>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/train/adam.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

DeepGateGraph golden_deepgate_graph(bool skip) {
  return deepgate_graph(test::golden_graph(), test::golden_kinds(), skip);
}

Var row_of(const Var& x, Index row) { return slice(x, 0, row, row + 1); }

}  // namespace

TEST_CASE("deepgate: golden vectors") {
  DeepGate<> model({.width = 4, .rounds = 2, .head = 4});
  test::fill_by_formula(model);
  const Var h = model(golden_deepgate_graph(false));
  test::check_values(
      h.value(),
      {.688327,  -.030858, -.749120, -.189199, .684754,  -.038041, -.749359, -.189645, .686298,
       -.033370, -.749193, -.189571, .706266,  .099639,  -.054846, -.155591, .622567,  .006471,
       -.204252, -.113614, .696286,  .083354,  -.054356, -.132219, .642888,  .029133,  -.159807,
       -.151811, .678936,  .054820,  -.076384, -.115219, .259637,  .241762,  .343547,  -.028080});
  test::check_values(model.predict(h).value(), {-.273833, -.273496, -.273693, -.282819, -.271026,
                                                -.281148, -.274376, -.278166, -.293670});
}

TEST_CASE("deepgate: golden vectors with a skip edge") {
  DeepGate<> model({.width = 4, .rounds = 2, .head = 4});
  test::fill_by_formula(model);
  const Var h = model(golden_deepgate_graph(true));
  test::check_values(row_of(h, 0).value(), {.668664, -.018098, -.747692, -.197354});
  test::check_values(row_of(h, 7).value(), {.700815, .096229, -.029800, -.080866});
  test::check_values(row_of(h, 8).value(), {.247386, .224371, .343074, -.020919});
  test::check_values(model.predict(h).value(), {-.273768, -.273497, -.273710, -.282803, -.271040,
                                                -.281010, -.274075, -.281422, -.292763});
  for (float p : std::as_const(model.probability(h).value()).span<float>()) CHECK(p == 0);
}

TEST_CASE("deepgate: the order of nodes changes nothing") {
  DeepGate<> model({.width = 8, .rounds = 2}, Rng(2));
  const ExplicitNotGraph circuit = explicit_not_graph(carry_save_multiplier(4));
  const DeepGateGraph g = deepgate_graph(circuit);
  CHECK(g.graph.edges() > circuit.graph.edges());  // multipliers reconverge
  const Tensor want = model(g).value().contiguous();
  const auto n = static_cast<std::int32_t>(g.nodes());
  std::vector<std::int32_t> sources, targets;
  std::vector<NodeKind> kinds(static_cast<std::size_t>(n));
  const CsrView in = circuit.graph.fanins();
  for (std::int32_t v = 0; v < n; ++v) {
    kinds[static_cast<std::size_t>(n - 1 - v)] = circuit.kinds[static_cast<std::size_t>(v)];
    for (std::int32_t u : in[v]) sources.push_back(n - 1 - u), targets.push_back(n - 1 - v);
  }
  const Graph turned = Graph::from_edges(n, sources, targets);
  ReconvergenceTable old = reconvergence(circuit.graph), skips = old;
  for (std::size_t v = 0; v < old.source.size(); ++v) {
    const std::size_t to = old.source.size() - 1 - v;
    skips.level[to] = old.level[v];
    skips.source[to] = old.source[v] < 0 ? -1 : n - 1 - old.source[v];
  }
  const Tensor got =
      model(deepgate_graph(with_skip_edges(turned, skips), kinds)).value().contiguous();
  double worst = 0;
  for (Index v = 0; v < n; ++v)
    for (Index c = 0; c < 8; ++c)
      worst = std::max(worst, std::abs(static_cast<double>(got.view<float, 2>()(n - 1 - v, c) -
                                                           want.view<float, 2>()(v, c))));
  CHECK(worst < 1e-5);
}

TEST_CASE("deepgate: a batch gives what each circuit gives alone") {
  const DeepGate<> model({.width = 8, .rounds = 2}, Rng(3));
  std::vector<ExplicitNotGraph> circuits;
  for (const std::size_t bits : {2u, 4u, 3u})
    circuits.push_back(explicit_not_graph(carry_save_multiplier(bits)));
  const Tensor all = model(deepgate_graph(circuits)).value();
  Index begin = 0;
  for (const ExplicitNotGraph& c : circuits) {
    CHECK(
        test::same_bits(all.slice(0, begin, begin + c.nodes()), model(deepgate_graph(c)).value()));
    begin += c.nodes();
  }
}

TEST_CASE("deepgate: all forms and aggregators learn") {
  const Tensor label = Tensor::from(
      std::vector<float>{.5f, .5f, .5f, .25f, .75f, .375f, .5f, .1875f, .8125f}, Shape{9});
  const auto train = [&](auto model) {
    const DeepGateGraph g = golden_deepgate_graph(true);
    Adam optimizer(model, {.learning_rate = 2e-2});
    float first = 0, last = 0;
    for (int step = 0; step < 40; ++step) {
      Tape tape({.training = true});
      const Var loss =
          deepgate_loss(model.predict(model(g, tape.input(Tensor::zeros({1})))), label);
      if (step == 0) first = loss.item<float>();
      last = loss.item<float>();
      tape.backward(loss);
      optimizer.step(tape);
    }
    CHECK(last < 0.7f * first);
  };
  for (const DeepGateForm form :
       {DeepGateForm::recurrent, DeepGateForm::single, DeepGateForm::flat}) {
    const DeepGateConfig config{.width = 8, .rounds = 2, .dropout = 0, .form = form};
    train(DeepGate<>(config, Rng(1)));
    train(DeepGate<SumAggregator<>>(config, Rng(1)));
    train(DeepGate<DeepSetAggregator<>>(config, Rng(1)));
    train(DeepGate<GatedSumAggregator<>>(config, Rng(1)));
  }
}
