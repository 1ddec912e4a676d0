#include <cfm/nn/graphormer_bias.hpp>

#include <cfm/nn/attention.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

TEST_CASE("graphormer bias: rows of distances") {
  const Tensor rows = distance_rows(Tensor::of<std::int64_t>({0, 3, 4, 5, 90, -1}), 4);
  const auto r = rows.span<std::int64_t>();
  CHECK(std::vector<std::int64_t>(r.begin(), r.end()) ==
        std::vector<std::int64_t>{0, 3, 4, 4, 4, 5});
}

TEST_CASE("graphormer bias: degrees pick rows, high ones the last") {
  const GraphormerBias bias({.width = 2, .heads = 1, .degrees = 3}, Init(Rng(1), DType::f64));
  const Graph graph = test::odd_graph();
  const Tensor x = Tensor::zeros({8, 2}, DType::f64);
  const Tensor got = bias.centrality(graph, x).value();
  for (Index v = 0; v < 8; ++v) {
    const auto in = std::min<std::size_t>(2, graph.fanins()[v].size()),
               out = std::min<std::size_t>(2, graph.fanouts()[v].size());
    for (Index k = 0; k < 2; ++k)
      CHECK(got.view<double, 2>()(v, k) ==
            bias.in_degree.value.view<double, 2>()(static_cast<Index>(in), k) +
                bias.out_degree.value.view<double, 2>()(static_cast<Index>(out), k));
  }
}

TEST_CASE("graphormer bias: attention with it is softmax of scores and numbers of distances") {
  const Init init(Rng(3), DType::f64);
  const GraphormerBias bias({.width = 4, .heads = 2, .distances = 3}, init);
  const MultiHeadAttention<> attention({.dim = 4, .heads = 2}, init);
  const MultiHeadAttention<Linear<>, PlainAttention> plain({.dim = 4, .heads = 2}, init);
  const Tensor x = test::noise({1, 5, 4}, 2);
  Tensor distances = Tensor::empty({1, 5, 5}, DType::i64);
  for (Index i = 0; i < 25; ++i)
    distances.span<std::int64_t>()[static_cast<std::size_t>(i)] = (i * 7) % 6 - 1;
  const Var with = attention(Var(x), AllKeys{}, bias.scores(x, distances));
  const Var without = attention(Var(x));
  CHECK(test::largest_difference(with.value(), without.value()) > 1e-6);
  // A bias that hides all keys but one makes that key's value the result.
  GraphormerBias strong = bias;
  strong.spatial.value = Tensor::zeros({5, 2}, DType::f64);
  strong.spatial.value.select(0, 0).fill(1000);
  Tensor eye = Tensor::full({1, 5, 5}, 1, DType::i64);
  for (Index i = 0; i < 5; ++i) eye.view<std::int64_t, 3>()(0, i, i) = 0;
  const Tensor own = attention(Var(x), AllKeys{}, strong.scores(x, eye)).value();
  for (Index i = 0; i < 5; ++i) {
    const Tensor alone = attention(Var(x.slice(1, i, i + 1))).value();
    CHECK(test::largest_difference(own.slice(1, i, i + 1), alone) < 1e-9);
  }
  const GradcheckReport report = gradcheck(
      [&](const std::vector<Var>& in) {
        GraphormerBias copy = bias;
        copy.spatial.value = in[1].value();
        return attention(in[0], AllKeys{}, copy.scores(in[0], distances));
      },
      {x, bias.spatial.value});
  CAPTURE(concat(report));
  CHECK(report.passed);
}
