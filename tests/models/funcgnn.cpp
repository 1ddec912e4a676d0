#include <cfm/models/funcgnn.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/graph/batch.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

FuncGnnConfig small_funcgnn() {
  return {.width = 4, .rounds = 2, .readout = 5, .dropout = 0};
}

}  // namespace

TEST_CASE("funcgnn: has the published number of parameters") {
  CHECK(parameter_count(FuncGnn<>()) == 976513);
}

TEST_CASE("funcgnn: the signed mean by hand") {
  SignedSageConv<> conv(1, 1, Rng(1));
  conv.lin.weight.value.value.fill(2);
  conv.lin.bias->value.fill(1);
  const SignedGraph g = signed_graph(test::golden_not_graph());
  Tensor x = Tensor::empty({9, 1});
  for (Index v = 0; v < 9; ++v) x.view<float, 2>()(v, 0) = static_cast<float>(v + 1);
  const Tensor y = conv(g, x).value();  // t = 2 x + 1
  const auto at = [&](Index v) { return y.view<float, 2>()(v, 0); };
  CHECK(at(0) == doctest::Approx(3 + 1));
  CHECK(at(3) == doctest::Approx((9.0 + 3 + 5) / 3 + 4));
  CHECK(at(4) == doctest::Approx((11.0 - 9) / 2 + 5));
  CHECK(at(7) == doctest::Approx((17.0 + 15 + 13) / 3 + 8));
}

TEST_CASE("funcgnn: the norm has mean 0 and variance 1 in each graph, and the rate moves it") {
  GraphRateNorm norm(2, Rng(3));
  norm.gain.weight.value.value.fill(0);
  norm.gain.bias->value.fill(0);
  norm.shift.weight.value.value.fill(0);
  norm.shift.bias->value.fill(0);
  const Segments graphs(Tensor::of<std::int64_t>({0, 1, 0, 1, 1, 0, 1}), 2);
  const Tensor x = test::normal_tensor({7, 2}, 4), rate = Tensor::of<float>({0.25F, 0.75F}).reshape({2, 1});
  const Tensor y = norm(x, graphs, rate).value();
  for (int g = 0; g < 2; ++g)
    for (Index k = 0; k < 2; ++k) {
      double sum = 0, squares = 0, count = 0;
      for (Index v : g == 0 ? std::vector<Index>{0, 2, 5} : std::vector<Index>{1, 3, 4, 6}) {
        const double value = static_cast<double>(y.view<float, 2>()(v, k));
        sum += value;
        squares += value * value;
        count += 1;
      }
      CHECK(std::abs(sum) < 1e-5);
      CHECK(squares / count == doctest::Approx(1).epsilon(1e-3));
    }
  norm.shift.weight.value.value.fill(4);
  const Tensor z = norm(x, graphs, rate).value();
  CHECK(z.view<float, 2>()(0, 0) - y.view<float, 2>()(0, 0) == doctest::Approx(1).epsilon(1e-4));
  CHECK(z.view<float, 2>()(1, 1) - y.view<float, 2>()(1, 1) == doctest::Approx(3).epsilon(1e-4));
}

TEST_CASE("funcgnn: a batch of graphs is the graphs one by one") {
  const FuncGnn<> model(small_funcgnn(), Rng(2));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const SignedGraph one = signed_graph(t1);
  const SignedGraph both{GraphBatch(std::vector<Graph>{one.plain, one.plain}).graph(),
                         GraphBatch(std::vector<Graph>{one.inverted, one.inverted}).graph()};
  const Tensor x = t1.features(), other = test::normal_tensor({9, 3}, 3);
  Tensor keys = Tensor::zeros({18}, DType::i64);
  for (std::size_t v = 9; v < 18; ++v) keys.span<std::int64_t>()[v] = 1;
  const Tensor rates = Tensor::of<float>({0.5F, 0.75F}).reshape({2, 1});
  const Tensor batch =
      model.embed(both, cat({Var(x), Var(other)}), Segments(keys, 2), rates).value();
  const Tensor a = model.embed(one, x, 0.5).value(), b = model.embed(one, other, 0.75).value();
  for (Index v = 0; v < 9; ++v)
    for (Index k = 0; k < 4; ++k) {
      CHECK(batch.view<float, 2>()(v, k) == doctest::Approx(a.view<float, 2>()(v, k)).epsilon(1e-4));
      CHECK(batch.view<float, 2>()(v + 9, k) ==
            doctest::Approx(b.view<float, 2>()(v, k)).epsilon(1e-4));
    }
}

TEST_CASE("funcgnn: gradients in double") {
  const FuncGnn<> model(small_funcgnn(), Init(Rng(5), DType::f64));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const SignedGraph graph = signed_graph(t1);
  const GradcheckReport report = gradcheck(
      [&](const std::vector<Var>& in) {
        FuncGnn<> copy = model;
        copy.sage[0].lin.weight.value.value = in[1].value();
        copy.norms[1].gain.weight.value.value = in[2].value();
        copy.norms[0].bias.value = in[3].value();
        return copy.logits(copy.embed(graph, in[0], 0.4));
      },
      {test::normal_tensor({9, 3}, 4, DType::f64), model.sage[0].lin.weight.value.value,
       model.norms[1].gain.weight.value.value, model.norms[0].bias.value});
  CAPTURE(concat(report));
  CHECK(report.passed);
}

TEST_CASE("gate_ratio: ANDs among gates") {
  CHECK(gate_ratio(test::golden_not_graph()) == doctest::Approx(0.5));
  CHECK(gate_ratio(ExplicitNotGraph{}) == 0);
}

TEST_CASE("funcgnn: names what is wrong") {
  const FuncGnn<> model(small_funcgnn(), Rng(2));
  const SignedGraph g = signed_graph(test::golden_not_graph());
  CHECK(test::error_of<ShapeError>([&] { model.embed(g, Tensor::zeros({9, 2}), 0.5); })
            .starts_with("funcgnn: needs x [9, 3]"));
}
