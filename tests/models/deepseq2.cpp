#include <cfm/models/deepseq2.hpp>

#include <cfm/circuit/carry_save_multiplier.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

// PI, flip-flop, NOT of it, AND of PI and NOT, NOT of the AND, which the flip-flop reads.
DeepSeq2Graph golden_sequential(std::int32_t driver = 4) {
  using enum NodeKind;
  const std::int32_t from[] = {1, 0, 2, 3}, to[] = {2, 3, 3, 4};
  return deepseq2_graph(Graph::from_edges(5, from, to),
                        {input, latch, not_gate, and_gate, not_gate}, {driver});
}

}  // namespace

TEST_CASE("deepseq2: golden vectors") {
  DeepSeq2<> model({.width = 4, .rounds = 1, .head = 4});
  test::fill_by_formula(model);
  const SequentialStates y =
      model.from(golden_sequential(), Var(test::unit_rows(5, 4, 2)), {{.3}, {.2}, {.25}});
  test::check_values(y.structure.value(),
                     {1,       0,        0,        0,       -.027003, .690146,  .066851,
                      .746268, -.075412, .729534,  .256678, -.508270, -.168840, -.143367,
                      .181062, .713326,  -.009419, .671534, .310039,  -.487737});
  test::check_values(y.function.value(),
                     {.3,       .3,       .3,      .3,      -.543970, .040303, -.425973,
                      -.622163, .473338,  .491223, .333495, .327576,  .803498, .485051,
                      -.439486, -.180254, .478201, .527943, .257735,  .378489});
  test::check_values(
      y.sequence.value(),
      {.2,      .2,      .25,     .25,     -.048883, .604006, .335960, -.895663, .188323, .304335,
       .073736, .747503, .358268, .405240, .208818,  .758708, .223176, .309393,  .023589, .788704});
  test::check_values(model.probability(y.function).value(),
                     {-.209807, -.193031, -.194152, -.161788, -.195833});
  test::check_values(model.transitions(y.sequence).value(),
                     {.170144, -.599267, .150414, -.611684, .150815, -.582665, .168762, -.593368,
                      .150045, -.582809});
  const auto row = [&](Index v) { return slice(y.structure, 0, v, v + 1); };
  test::check_values(model.reconvergence(row(0), row(3)).value(), {.265631});
  test::check_values(model.reconvergence(row(2), row(4)).value(), {.270191});
}

TEST_CASE("deepseq2: a combinational circuit gives what DeepGate2 gives") {
  const DeepSeq2<> model({.width = 8, .rounds = 1}, Rng(1));
  DeepGate2<> other({.width = 8}, Rng(2));
  for_each_parameter(other, [&](std::string_view name, Parameter& p) {
    for_each_parameter(model, [&](std::string_view same, const Parameter& q) {
      if (name == same) p = q;
    });
  });
  const DeepSeq2Graph g = deepseq2_graph(explicit_not_graph(carry_save_multiplier(4)));
  const std::vector<double> half(g.inputs.size(), .5), quarter(g.inputs.size(), .25);
  const SequentialStates y = model(g, {half, quarter, quarter});
  // The same first vectors: hf of inputs 0.5, of gates the trained one.
  Tensor first = Tensor::empty({g.nodes(), 8});
  const Tensor learned = model.hf_emd_int(Var(Tensor::ones({1, 1}))).value().contiguous();
  for (Index v = 0; v < g.nodes(); ++v)
    for (Index c = 0; c < 8; ++c)
      first.view<float, 2>()(v, c) = learned.span<float>()[static_cast<std::size_t>(c)];
  for (std::int32_t v : g.inputs)
    for (Index c = 0; c < 8; ++c) first.view<float, 2>()(v, c) = .5f;
  const GateStates want =
      other.sweep(g.gates.schedule, Var(orthonormal_states(g.gates, 8)), Var(first));
  CHECK(test::same_bits(y.structure.value(), want.structure.value()));
  CHECK(test::same_bits(y.function.value(), want.function.value()));
}

TEST_CASE("deepseq2: the step-by-step rounds equal the sweeps where nothing feeds back") {
  const DeepSeq2<> model({.width = 4, .rounds = 2}, Rng(4));
  // A latch that reads the last gate feeds back, unless nothing reads the latch.
  using enum NodeKind;
  const std::int32_t from[] = {0, 0, 3, 2}, to[] = {2, 3, 4, 4};
  const auto graph = [&](std::int32_t driver) {
    return deepseq2_graph(Graph::from_edges(5, from, to),
                          {input, latch, not_gate, not_gate, and_gate}, {driver});
  };
  CHECK(graph(4).feeds_back());
  CHECK_FALSE(graph(0).feeds_back());
  CHECK(graph(4).cycles[0].empty());  // no cyclic pass
  const Var start(test::unit_rows(5, 4, 2));
  const auto slow = model.from(graph(4), start, {{.3}, {.2}, {.25}});
  const auto fast = model.from(graph(0), start, {{.3}, {.2}, {.25}});
  for (const Index v : {2, 3, 4}) {
    const auto row = [&](const Var& x) { return x.value().slice(0, v, v + 1).contiguous(); };
    for (const auto& [a, b] :
         {std::pair{slow.function, fast.function}, std::pair{slow.sequence, fast.sequence}}) {
      const Tensor x = row(a), y = row(b);
      for (std::size_t i = 0; i < 4; ++i)
        CHECK(x.span<float>()[i] == doctest::Approx(y.span<float>()[i]).epsilon(1e-5));
    }
  }
}

TEST_CASE("deepseq2: errors") {
  const DeepSeq2<> model({.width = 4});
  CHECK(test::error_of([&] { model(golden_sequential(), {}); }).find("three numbers") !=
        std::string::npos);
  CHECK(test::error_of([] { DeepSeq2<>({.width = 3}); }).find("even width") != std::string::npos);
}
