#include <cfm/nn/dag_aggregator.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

Tensor dag_numbers(const Shape& shape, std::uint64_t seed) {
  return Init(Rng(seed), DType::f64).normal(shape, 0, 1);
}

// The message of the linear form, written out.
Tensor dag_by_form(const LinearMessage& m, const Tensor& x, std::span<const std::int32_t> keys,
                   Index nodes) {
  const Segments segments(Tensor::from(keys, Shape{std::ssize(keys)}), nodes);
  Var value = linear(Var(x), m.weight);
  if (m.source_bias.value().defined()) value = value + m.source_bias;
  if (m.score.value().defined())
    value =
        value * segment_softmax(matmul(Var(x), reshape(m.score, {m.score.size(), 1})), segments);
  Var out = segment_sum(value, segments);
  if (m.bias.value().defined()) out = out + m.bias;
  return out.value();
}

template <class A>
void check_form(const A& a, Index in, Index attributes = 0) {
  const std::int32_t keys[] = {0, 0, 1, 2, 2, 2};
  const Tensor x = dag_numbers({6, in + attributes}, 5), target = dag_numbers({3, in}, 6);
  const Segments segments(Tensor::from(std::span<const std::int32_t>(keys), Shape{6}), 3);
  const Var of_edges = segment_spread(Var(target), segments);
  const Tensor direct = a(Var(x), of_edges, segments).value();
  const Tensor form = dag_by_form(a.linear_message(Var(x)), x, keys, 3);
  for (std::size_t i = 0; i < direct.span<double>().size(); ++i)
    CHECK(direct.span<double>()[i] == doctest::Approx(form.span<double>()[i]).epsilon(1e-12));
}

}  // namespace

TEST_CASE("dag aggregators: the linear form says the same as the definition") {
  const Init init(Rng(1), DType::f64);
  check_form(TfMlpAggregator<>(5, 4, init), 5);
  check_form(AgnnAggregator<>(5, 4, 0, init), 5);
  check_form(AgnnAggregator<>(5, 4, 3, init), 5, 3);
  check_form(SumAggregator<>(5, 4, init), 5);
  check_form(DeepSetAggregator<>(5, 4, init), 5);
}

TEST_CASE("dag aggregators: a gated sum adds gated rows") {
  const GatedSumAggregator<> a(2, 3, Init(Rng(1), DType::f64));
  const Tensor x = dag_numbers({2, 2}, 3);
  const std::int32_t keys[] = {0, 0};
  const Segments both(Tensor::from(std::span<const std::int32_t>(keys), Shape{2}), 1);
  const Tensor y = a(Var(x), Var(x), both).value();
  const Tensor parts = (sigmoid(a.gate(Var(x))) * a.mapper(Var(x))).value();
  for (Index c = 0; c < 3; ++c)
    CHECK(y.view<double, 2>()(0, c) ==
          doctest::Approx(parts.view<double, 2>()(0, c) + parts.view<double, 2>()(1, c)));
}
