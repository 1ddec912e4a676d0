#include <cfm/graph/hop_features.hpp>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix adjacency(const Graph& g, bool symmetric) {
  const auto n = static_cast<std::size_t>(g.nodes());
  Matrix a(n, std::vector<double>(n, 0));
  for (std::size_t v = 0; v < n; ++v)
    for (const std::int32_t u : g.fanins()[static_cast<Index>(v)]) {
      const auto w = static_cast<std::size_t>(u);
      if (symmetric)
        a[v][w] = a[w][v] = 1;
      else
        a[v][w] += 1;
    }
  return a;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out(a.size(), std::vector<double>(b[0].size(), 0));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < b.size(); ++k)
      for (std::size_t j = 0; j < b[0].size(); ++j) out[i][j] += a[i][k] * b[k][j];
  return out;
}

double sum_of(const std::vector<double>& row) {
  double out = 0;
  for (const double x : row) out += x;
  return out;
}

}  // namespace

TEST_CASE("hop features: powers of the dense normalised matrix") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Graph g = make_dag(40, 10, seed);
    const auto values = random_values(40 * 3, seed);
    const Tensor x = Tensor::from(values, {40, 3});
    Matrix a = adjacency(g, true);
    std::vector<double> degree;
    for (const auto& row : a) degree.push_back(sum_of(row));
    for (std::size_t i = 0; i < 40; ++i)
      for (std::size_t j = 0; j < 40; ++j)
        if (a[i][j] != 0) a[i][j] /= std::sqrt(degree[i] * degree[j]);
    const Tensor y = hop_features(g, x, {.hops = 5});
    const Tensor y32 = hop_features(g, x.to(DType::f32), {.hops = 5}).to(DType::f64);
    CHECK(y.shape() == Shape{40, 6, 3});
    Matrix power(40, std::vector<double>(3));
    for (std::size_t i = 0; i < 120; ++i) power[i / 3][i % 3] = values[i];
    for (std::size_t k = 0; k <= 5; ++k) {
      for (std::size_t v = 0; v < 40; ++v)
        for (std::size_t c = 0; c < 3; ++c) {
          CHECK(std::abs(y.span<double>()[(v * 6 + k) * 3 + c] - power[v][c]) <= 1e-12);
          CHECK(std::abs(y32.span<double>()[(v * 6 + k) * 3 + c] - power[v][c]) <= 1e-6);
        }
      power = product(a, power);
    }
  }
}

TEST_CASE("hop features: directed means of fan-ins and fan-outs, and the original's quirk") {
  const Graph g = make_dag(40, 10, 7);
  const auto values = random_values(40 * 2, 3);
  const Tensor x = Tensor::from(values, {40, 2});
  Matrix in = adjacency(g, false), out(40, std::vector<double>(40));
  for (std::size_t i = 0; i < 40; ++i)
    for (std::size_t j = 0; j < 40; ++j) out[j][i] = in[i][j];
  for (Matrix* m : {&in, &out})
    for (auto& row : *m)
      if (const double degree = sum_of(row); degree > 0)
        for (double& e : row) e /= degree;
  const Tensor y = hop_features(g, x, {.hops = 3, .directed = true});
  const Tensor quirk =
      hop_features(g, x, {.hops = 3, .directed = true, .reuse_first_matrix = true});
  CHECK(y.shape() == Shape{40, 7, 2});
  Matrix a(40, std::vector<double>(2));
  for (std::size_t i = 0; i < 80; ++i) a[i / 2][i % 2] = values[i];
  Matrix b = a;
  for (std::size_t k = 1; k <= 3; ++k) {
    a = product(in, a);
    b = product(out, b);
    for (std::size_t v = 0; v < 40; ++v)
      for (std::size_t c = 0; c < 2; ++c) {
        const auto at = [&](const Tensor& t, std::size_t slot) {
          return t.span<double>()[(v * 7 + slot) * 2 + c];
        };
        CHECK(std::abs(at(y, 2 * k - 1) - a[v][c]) <= 1e-12);
        CHECK(std::abs(at(y, 2 * k) - b[v][c]) <= 1e-12);
        CHECK(at(quirk, 2 * k - 1) == at(y, 2 * k - 1));
        CHECK(at(quirk, 2 * k) == at(y, 2 * k - 1));
      }
  }
}

TEST_CASE("hop features: the same bits for any number of threads; wrong tensors are named") {
  const Graph g = make_dag(3000, 100, 1);
  const Tensor x = Tensor::from(random_values(3000 * 4, 2), {3000, 4}).to(DType::f32);
  const auto run = [&](int threads) {
    const Tensor y = ThreadLimit(threads).run([&] { return hop_features(g, x); });
    return std::vector<float>(y.span<float>().begin(), y.span<float>().end());
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 8}) CHECK(run(threads) == one);
  CHECK_THROWS_AS(hop_features(g, Tensor::zeros({4, 3000})), ShapeError);
  CHECK_THROWS_AS(hop_features(g, Tensor::zeros({3000, 1}, DType::i32)), TypeError);
}

TEST_CASE("fan-in slots: the walk of the original by hand") {
  // 6 reads 4 and 5, 4 reads 0 and 1, 5 reads 1 and 2.
  const Graph g = Graph::from_edges(7, std::vector<std::int32_t>{4, 5, 0, 1, 1, 2},
                                    std::vector<std::int32_t>{6, 6, 4, 4, 5, 5});
  Tensor x = Tensor::zeros({7, 1}, DType::i32);
  for (std::int32_t v = 0; v < 7; ++v) x.span<std::int32_t>()[static_cast<std::size_t>(v)] = v + 1;
  const auto row = [&](const Tensor& t, std::size_t v, std::size_t slots) {
    const auto s = t.span<std::int32_t>().subspan(v * slots, slots);
    return std::vector<std::int32_t>(s.begin(), s.end());
  };
  const Tensor all = fanin_slots(g, x);
  CHECK(all.shape() == Shape{7, 11, 1});
  CHECK(row(all, 6, 11) == std::vector<std::int32_t>{7, 5, 6, 1, 2, 3, 0, 0, 0, 0, 0});
  CHECK(row(all, 0, 11) == std::vector<std::int32_t>{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(row(fanin_slots(g, x, {.steps = 1, .slots = 5}), 6, 5) ==
        std::vector<std::int32_t>{7, 5, 6, 0, 0});
  CHECK(row(fanin_slots(g, x, {.steps = 4, .slots = 4}), 6, 4) ==
        std::vector<std::int32_t>{7, 5, 6, 1});
  // A chain with a jump: 3 reads 2 and 1, 2 reads 1, 1 reads 0: node 1 comes in two steps.
  const Graph chain = Graph::from_edges(4, std::vector<std::int32_t>{0, 1, 2, 1},
                                        std::vector<std::int32_t>{1, 2, 3, 3});
  const Tensor ids = rows_at(x, std::vector<std::int32_t>{0, 1, 2, 3});
  CHECK(row(fanin_slots(chain, ids, {.steps = 3, .slots = 8}), 3, 8) ==
        std::vector<std::int32_t>{4, 2, 3, 1, 2, 1, 0, 0});
}
