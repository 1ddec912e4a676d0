#include <cfm/models/deepseq2_rounds.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepseq2 rounds: gradients through feedback, in double; the loss is a weighted mean") {
  using enum NodeKind;
  const std::int32_t from[] = {1, 0, 2, 3}, to[] = {2, 3, 3, 4};
  const DeepSeq2Graph g = deepseq2_graph(Graph::from_edges(5, from, to),
                                         {input, latch, not_gate, and_gate, not_gate}, {4});
  const DeepSeq2<> model({.width = 4}, Init(Rng(3), DType::f64));
  const DeepSeq2Workload workload{{.3}, {.2}, {.25}};
  const auto report = gradcheck(
      [&](const std::vector<Var>& in) {
        const SequentialStates y = model.from(g, in[0], workload);
        return std::vector<Var>{y.structure, y.function, y.sequence};
      },
      {test::unit_rows(5, 4, 2).to(DType::f64)});
  CHECK_MESSAGE(report.passed, concat(report));

  const SequentialStates y = model.from(g, Var(test::unit_rows(5, 4, 2).to(DType::f64)), workload);
  DeepSeq2Targets t;
  t.gates.probability = Tensor::full({5}, .4, DType::f64);
  t.transitions = Tensor::full({5, 2}, .2, DType::f64);
  const auto loss = [&](const DeepSeq2Weights& w) {
    return deepseq2_loss(model, y, t, w).item<double>();
  };
  CHECK(loss({}) == doctest::Approx((3 * loss({3, 0, 0, 0}) + 4 * loss({0, 0, 0, 4})) / 7));
}
