#include <cfm/nn/pooling.hpp>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// A cycle of n nodes, one way.
Graph pooling_ring(std::int32_t n) {
  std::vector<std::int32_t> sources, targets;
  for (std::int32_t v = 0; v < n; ++v) {
    sources.push_back(v);
    targets.push_back((v + 1) % n);
  }
  return Graph::from_edges(n, sources, targets);
}

GraphBatch pooling_batch() {
  return GraphBatch(std::vector<Graph>{pooling_ring(4), Graph(), pooling_ring(1), pooling_ring(7)});
}

}  // namespace

TEST_CASE("pooling: sums, means and extrema of each graph, 0 for an empty one") {
  const GraphBatch batch = pooling_batch();
  const Tensor x = noise({12, 3}, 1);
  const Tensor sum = pool_sum(batch, x).value(), mean = pool_mean(batch, x).value();
  const Tensor high = pool_max(batch, x).value(), low = pool_min(batch, x).value();
  CHECK(sum.shape() == Shape{4, 3});
  for (Index g = 0; g < 4; ++g)
    for (Index c = 0; c < 3; ++c) {
      double total = 0, most = -1e9, least = 1e9;
      const Index begin = batch.node_offsets()[static_cast<std::size_t>(g)];
      const Index end = batch.node_offsets()[static_cast<std::size_t>(g) + 1];
      for (Index v = begin; v < end; ++v) {
        const double value = x.span<double>()[static_cast<std::size_t>(v * 3 + c)];
        total += value;
        most = std::max(most, value);
        least = std::min(least, value);
      }
      const auto at = static_cast<std::size_t>(g * 3 + c);
      const bool empty = begin == end;
      CHECK(sum.span<double>()[at] == doctest::Approx(total));
      CHECK(mean.span<double>()[at] ==
            doctest::Approx(empty ? 0 : total / static_cast<double>(end - begin)));
      CHECK(high.span<double>()[at] == (empty ? 0 : most));
      CHECK(low.span<double>()[at] == (empty ? 0 : least));
    }
  for (const auto pool : {&pool_sum, &pool_mean, &pool_max, &pool_min}) {
    const auto report =
        gradcheck([&](const std::vector<Var>& in) { return pool(batch, in[0]); }, {x});
    CHECK_MESSAGE(report, concat(report));
  }
}

TEST_CASE("pooling: attention is a weighted mean; gradients of all parameters") {
  const GraphBatch batch = pooling_batch();
  const Tensor x = noise({12, 3}, 2);
  const Init init(Rng(3), DType::f64);
  AttentionPool<> plain(3, 4, init);
  const AttentionPool<> wide(3, 4, 5, init);
  CHECK(plain(batch, x).shape() == Shape{4, 3});
  CHECK(wide(batch, x).shape() == Shape{4, 5});
  check_module(plain, x, [&](const auto& m, const Var& in) { return m(batch, in); });
  check_module(wide, x, [&](const auto& m, const Var& in) { return m(batch, in); });
  for_each_parameter(plain, [](std::string_view, Parameter& p) { p.value.fill(0); });
  const Tensor even = plain(batch, x).value(), mean = pool_mean(batch, x).value();
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(even.span<double>()[i] == doctest::Approx(mean.span<double>()[i]));
}

TEST_CASE("pooling: the order of nodes within a graph does not matter, nor the batch") {
  const GraphBatch batch = pooling_batch();
  const Tensor x = noise({12, 3}, 4);
  std::vector<std::int32_t> order = {2, 0, 3, 1, 4, 11, 5, 7, 6, 10, 9, 8};
  const Tensor moved = rows_at(x, order);
  const AttentionPool<> attention(3, 4, 2, Init(Rng(5), DType::f64));
  const auto pools = std::vector<std::function<Tensor(const GraphBatch&, const Tensor&)>>{
      [](const GraphBatch& b, const Tensor& t) { return pool_sum(b, t).value(); },
      [](const GraphBatch& b, const Tensor& t) { return pool_mean(b, t).value(); },
      [](const GraphBatch& b, const Tensor& t) { return pool_max(b, t).value(); },
      [&](const GraphBatch& b, const Tensor& t) { return attention(b, t).value(); }};
  for (const auto& pool : pools) {
    const Tensor a = pool(batch, x), b = pool(batch, moved);
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.size()); ++i)
      CHECK(a.span<double>()[i] == doctest::Approx(b.span<double>()[i]).epsilon(1e-12));
    const GraphBatch last(std::vector<Graph>{pooling_ring(7)});
    const Tensor alone = pool(last, x.slice(0, 5, 12));
    for (Index c = 0; c < alone.size(1); ++c)  // batch = one by one, bit for bit
      CHECK(alone.span<double>()[static_cast<std::size_t>(c)] ==
            a.span<double>()[static_cast<std::size_t>(3 * a.size(1) + c)]);
  }
}

TEST_CASE("pooling: top-k keeps the best rows of each graph, in order, and their edges") {
  const GraphBatch batch = pooling_batch();
  const Tensor x = noise({12, 3}, 6);
  TopKPool pool(3, 0.5, Init(Rng(7), DType::f64));
  const TopKResult kept = pool(batch, x);
  CHECK(kept.batch.size() == 4);
  CHECK(kept.nodes.size() == 2 + 0 + 1 + 4);
  CHECK(kept.x.shape() == Shape{7, 3});
  const auto p = pool.weight.value.span<double>();
  const double length = std::sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
  std::vector<double> score(12);
  for (std::size_t v = 0; v < 12; ++v)
    for (std::size_t c = 0; c < 3; ++c) score[v] += x.span<double>()[v * 3 + c] * p[c] / length;
  const auto nodes = std::as_const(kept.nodes).span<std::int32_t>();
  CHECK(std::is_sorted(nodes.begin(), nodes.end()));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto v = static_cast<std::size_t>(nodes[i]);
    for (std::size_t c = 0; c < 3; ++c)
      CHECK(kept.x.value().span<double>()[i * 3 + c] ==
            doctest::Approx(x.span<double>()[v * 3 + c] * std::tanh(score[v])));
    // No node of the graph that went has a better score.
    const Index g = batch.graph_of(nodes[i]);
    for (std::int32_t u = 0; u < 12; ++u)
      if (batch.graph_of(u) == g && std::find(nodes.begin(), nodes.end(), u) == nodes.end())
        CHECK(score[static_cast<std::size_t>(u)] <= score[v]);
  }
  Index edges = 0;
  for (Index v = 0; v < 12; ++v)
    for (const std::int32_t u : batch.graph().fanins()[v])
      edges += std::find(nodes.begin(), nodes.end(), u) != nodes.end() &&
               std::find(nodes.begin(), nodes.end(), static_cast<std::int32_t>(v)) != nodes.end();
  CHECK(kept.batch.graph().edges() == edges);
  check_module(pool, x, [&](const auto& m, const Var& in) { return m(batch, in).x; });
  const TopKPool all(3, 1.0, Init(Rng(7), DType::f64));
  CHECK(all(batch, x).batch.graph() == batch.graph());
  CHECK_THROWS_AS(TopKPool(3, 0), Error);
  CHECK_THROWS_AS(pool(batch, noise({5, 3}, 1)), ShapeError);
  Tensor bad = x.clone();
  bad.span<double>()[0] = std::nan("");
  const TopKResult rest = pool(batch, bad);
  CHECK(std::as_const(rest.nodes).span<std::int32_t>()[0] != 0);  // NaN goes last
}
