#include <cfm/nn/level_gru.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/autograd/ops_loss.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

struct GruProblem {
  GruProblem(SweepDirection direction, bool attributes) {
    Rng rng(4);
    std::vector<std::int32_t> from, to;
    for (std::int32_t v = 3; v < 40; ++v)
      for (int k = 0; k < 1 + v % 3; ++k) {
        from.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(v))));
        to.push_back(v);
      }
    graph = Graph::from_edges(40, from, to);
    std::vector<std::uint8_t> kinds(40);
    for (std::size_t v = 0; v < kinds.size(); ++v) kinds[v] = static_cast<std::uint8_t>(v % 2);
    schedule = LevelSchedule(graph, kinds, direction);
    state = Init(rng.split(1), DType::f64).normal({40, 6}, 0, 1);
    inputs.extra = Init(rng.split(2), DType::f64).normal({40, 2}, 0, 1);
    if (!attributes) return;
    inputs.attributes.table = Init(rng.split(3), DType::f64).normal({3, 4}, 0, 1);
    std::vector<std::int32_t> rows;
    for (Index e = 0; e < graph.edges(); ++e) rows.push_back(static_cast<std::int32_t>(e % 3));
    inputs.attributes.rows =
        Tensor::from(std::span<const std::int32_t>(rows), Shape{graph.edges()});
  }

  Graph graph;
  LevelSchedule schedule;
  Tensor state;
  LevelLayerInputs inputs;
};

double worst_of(const Tensor& a, const Tensor& b) {
  double worst = 0;
  const Tensor x = a.contiguous(), y = b.contiguous();
  for (std::size_t i = 0; i < x.span<double>().size(); ++i)
    worst = std::max(worst, std::abs(x.span<double>()[i] - y.span<double>()[i]));
  return worst;
}

// Values and all gradients of the sweep and of the definition.
template <class Aggregator>
void compare_aggregator(const Aggregator& a, const Aggregator& b, bool attributes) {
  for (const SweepDirection direction : {SweepDirection::fanins, SweepDirection::fanouts}) {
    const GruProblem p(direction, attributes);
    const LevelGru gru_a(8, 6, Init(Rng(11), DType::f64)), gru_b(8, 6, Init(Rng(12), DType::f64));
    std::vector<Tensor> want;
    for (const bool fused : {false, true}) {
      Tape tape;
      const Var h = tape.leaf(p.state);
      const LevelStep one{a, gru_a}, two{b, gru_b};
      const Var y = fused ? level_layer(p.schedule, h, p.inputs, one, two)
                          : level_layer_by_groups(p.schedule, h, p.inputs, one, two);
      tape.backward(sum(square(y)));
      std::vector<Tensor> got{y.value(), tape.grad(h)};
      const auto collect = [&](std::string_view, const Parameter& parameter) {
        const Tensor grad = tape.grad(parameter.value);
        got.push_back(grad.defined() ? grad : Tensor::zeros(parameter.value.shape(), DType::f64));
      };
      for_each_parameter(a, collect);
      for_each_parameter(b, collect);
      for_each_parameter(gru_a, collect);
      for_each_parameter(gru_b, collect);
      if (!fused) want = got;
      for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i);
        CHECK(worst_of(got[i], want[i]) < 1e-9);
      }
    }
  }
}

struct GruBlock {
  TfMlpAggregator<> aggr{3, 4};
  LevelGru update{4, 4};
  static void visit(auto& self, auto&& v) {
    v("aggr", self.aggr);
    v("update", self.update);
  }
};

template <class Aggregator>
void compare_kind() {
  compare_aggregator(Aggregator(6, 6, Init(Rng(1), DType::f64)),
                     Aggregator(6, 6, Init(Rng(2), DType::f64)), false);
}

}  // namespace

TEST_CASE("level layer: a sweep equals its definition, with all gradients") {
  compare_kind<TfMlpAggregator<>>();
  compare_kind<SumAggregator<>>();
  compare_kind<DeepSetAggregator<>>();
  compare_kind<GatedSumAggregator<>>();
  for (const Index attributes : {0, 4})
    compare_aggregator(AgnnAggregator<>(6, 6, attributes, Init(Rng(1), DType::f64)),
                       AgnnAggregator<>(6, 6, attributes, Init(Rng(2), DType::f64)),
                       attributes > 0);
}

TEST_CASE("level layer: the query of attention has no effect and no gradient") {
  const GruProblem p(SweepDirection::fanins, false);
  TfMlpAggregator<> aggregator(6, 6, Init(Rng(1), DType::f64));
  const LevelGru gru(8, 6, Init(Rng(2), DType::f64));
  const auto run = [&](Tape& tape) {
    const LevelStep step{aggregator, gru};
    return level_layer_by_groups(p.schedule, tape.input(p.state), p.inputs, step, step);
  };
  Tape tape;
  const Var y = run(tape);
  tape.backward(sum(square(y)));
  double largest = 0;
  const Tensor grad = tape.grad(aggregator.msg_q.weight.value.value);
  for (double g : grad.span<double>()) largest = std::max(largest, std::abs(g));
  CHECK(largest < 1e-12);
  aggregator.msg_q = Linear<>(6, 6, Init(Rng(77), DType::f64));
  Tape again;
  CHECK(worst_of(run(again).value(), y.value()) < 1e-12);
}

TEST_CASE("level layer: names of the tensors") {
  const GruBlock block;
  std::vector<std::string> names;
  for_each_tensor(
      block, [&](std::string_view n, const auto& t) { names.push_back(concat(n, " ", t.value)); });
  const auto text = [&](std::size_t i) { return std::string_view(names.at(i)); };
  REQUIRE(names.size() == 12);
  CHECK(text(0).starts_with("aggr.attn_lin.weight "));
  CHECK(text(0).find("[1, 8]") != std::string_view::npos);
  CHECK(text(6).starts_with("aggr.msg_v.weight "));
  CHECK(text(8).starts_with("update.weight_ih_l0 "));
  CHECK(text(11).starts_with("update.bias_hh_l0 "));
}
