#include <cfm/kernels/sage.hpp>

#include <cmath>
#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

struct RandomGraph {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  CsrView view() const { return {offsets, columns}; }
};

// Every row has 0 to 3 fan-ins among all nodes.
RandomGraph random_graph(Index nodes, Rng rng) {
  RandomGraph g;
  for (Index v = 0; v < nodes; ++v) {
    for (std::uint64_t k = rng.below(4); k > 0; --k)
      g.columns.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(nodes))));
    g.offsets.push_back(static_cast<std::int64_t>(g.columns.size()));
  }
  return g;
}

template <class T>
Tensor random_tensor(const Shape& shape, Rng rng) {
  Tensor t = Tensor::empty(shape, dtype_of<T>);
  for (T& v : t.span<T>()) v = static_cast<T>(rng.uniform(-1, 1));
  return t;
}

// The definition, in double.
template <class T>
double reference(const CsrView& g, const Tensor& x, const Tensor& self, const Tensor& neighbours,
                 const Tensor& bias, bool relu, Index v, Index o) {
  const auto xs = x.view<T, 2>();
  const auto ws = self.view<T, 2>(), wn = neighbours.view<T, 2>();
  double y = static_cast<double>(bias.view<T, 1>()(o));
  for (Index k = 0; k < xs.cols(); ++k) {
    double mean = 0;
    for (std::int32_t u : g[v]) mean += static_cast<double>(xs(u, k));
    if (!g[v].empty()) mean /= static_cast<double>(g[v].size());
    y += static_cast<double>(xs(v, k)) * static_cast<double>(ws(o, k)) +
         mean * static_cast<double>(wn(o, k));
  }
  return relu ? std::max(y, 0.0) : y;
}

template <class T>
void check_layer(Index nodes, Index in, Index out, bool relu) {
  CAPTURE(nodes);
  CAPTURE(in);
  CAPTURE(out);
  const Rng rng(static_cast<std::uint64_t>(nodes * 1000 + in * 50 + out));
  const RandomGraph g = random_graph(nodes, rng.split(0));
  const Tensor x = random_tensor<T>({nodes, in}, rng.split(1));
  const Tensor self = random_tensor<T>({out, in}, rng.split(2));
  const Tensor neighbours = random_tensor<T>({out, in}, rng.split(3));
  const Tensor bias = random_tensor<T>({out}, rng.split(4));
  const SageWeights<T> weights{WeightPanels<T>(self, bias), WeightPanels<T>(neighbours), relu};
  Tensor y = Tensor::full({nodes, out}, -7, dtype_of<T>);
  sage_layer<T>(g.view(), x.view<T, 2>(), weights, y.view<T, 2>());
  // Rounding of a sum of 2 in + 1 terms of size at most 1, the mean included.
  const double bound = static_cast<double>(4 * in + 4) * static_cast<double>(in + 1) *
                       static_cast<double>(std::numeric_limits<T>::epsilon());
  double worst = 0;
  const auto got = std::as_const(y).view<T, 2>();
  for (Index v = 0; v < nodes; ++v)
    for (Index o = 0; o < out; ++o)
      worst = std::max(worst, std::abs(static_cast<double>(got(v, o)) -
                                       reference<T>(g.view(), x, self, neighbours, bias, relu, v, o)));
  CHECK(worst <= bound);
}

}  // namespace

TEST_CASE("sage: equals the definition for every width, tail and number of rows") {
  for (Index nodes : {0, 1, 5, 6, 7, 47, 48, 49, 131})
    for (Index in : {1, 3, 4, 8, 17, 32})
      for (Index out : {1, 9, 16, 17, 32}) {
        check_layer<float>(nodes, in, out, (nodes + in + out) % 2 == 0);
        check_layer<double>(nodes, in, out, (nodes + in + out) % 2 == 1);
      }
}

TEST_CASE("sage: the same bits for any number of threads, and row by row") {
  const Index nodes = 20000, in = 32, out = 32;
  const Rng rng(3);
  const RandomGraph g = random_graph(nodes, rng.split(0));
  const Tensor x = random_tensor<float>({nodes, in}, rng.split(1));
  const SageWeights<float> weights{
      WeightPanels<float>(random_tensor<float>({out, in}, rng.split(2))),
      WeightPanels<float>(random_tensor<float>({out, in}, rng.split(3))), true};
  Tensor first = Tensor::empty({nodes, out});
  ThreadLimit(1).run(
      [&] { sage_layer<float>(g.view(), x.view<float, 2>(), weights, first.view<float, 2>()); });
  for (int threads : {2, 3, 8}) {
    Tensor y = Tensor::empty({nodes, out});
    ThreadLimit(threads).run(
        [&] { sage_layer<float>(g.view(), x.view<float, 2>(), weights, y.view<float, 2>()); });
    CHECK(std::equal(first.span<float>().begin(), first.span<float>().end(),
                     y.span<float>().begin()));
  }
  Tensor tile = Tensor::empty({48 * in}), row = Tensor::empty({1, out});
  for (Index v : {Index{0}, Index{1}, Index{4999}, nodes - 1}) {
    sage_rows<float>(g.view(), x.view<float, 2>(), weights, v, row.view<float, 2>(),
                     tile.view<float, 1>());
    for (Index o = 0; o < out; ++o)
      CHECK(row.view<float, 2>()(0, o) == first.view<float, 2>()(v, o));
  }
}

TEST_CASE("sage: NaN of a fan-in reaches its reader and nobody else") {
  const RandomGraph g{{0, 0, 1, 2}, {0, 1}};
  Tensor x = Tensor::ones({3, 4});
  x.view<float, 2>()(0, 2) = std::nanf("");
  const SageWeights<float> weights{WeightPanels<float>(Tensor::ones({2, 4})),
                                   WeightPanels<float>(Tensor::ones({2, 4})), true};
  Tensor y = Tensor::empty({3, 2});
  sage_layer<float>(g.view(), std::as_const(x).view<float, 2>(), weights, y.view<float, 2>());
  const auto v = y.view<float, 2>();
  CHECK(std::isnan(v(0, 0)));
  CHECK(std::isnan(v(1, 1)));
  CHECK(v(2, 0) == 8.0f);
}

TEST_CASE("dense rows: a layer without neighbours") {
  Tensor y = Tensor::empty({2, 3});
  const Tensor x = Tensor::of<float>({1, 2, 3, 4}).reshape({2, 2});
  const Tensor w = Tensor::of<float>({1, 0, 0, 1, 1, -1}).reshape({3, 2});
  const WeightPanels<float> weights(w, Tensor::of<float>({0, 0, 0.5f}));
  dense_rows<float>(x.view<float, 2>(), weights, y.view<float, 2>(), true);
  const std::vector<float> want{1, 2, 0, 3, 4, 0};
  CHECK(std::equal(want.begin(), want.end(), y.span<float>().begin()));
}

TEST_CASE("sage: what does not fit is reported with its shapes") {
  const RandomGraph g = random_graph(4, Rng(1));
  const SageWeights<float> weights{WeightPanels<float>(Tensor::ones({2, 4})),
                                   WeightPanels<float>(Tensor::ones({2, 4})), true};
  const Tensor x = Tensor::ones({4, 5});
  Tensor y = Tensor::empty({4, 2});
  CHECK_THROWS_AS(
      sage_layer<float>(g.view(), x.view<float, 2>(), weights, y.view<float, 2>()), ShapeError);
  CHECK_THROWS_AS(WeightPanels<float>(Tensor::ones({2, 4}), Tensor::ones({3})), ShapeError);
  CHECK_THROWS_AS(WeightPanels<double>(Tensor::ones({2, 4})), TypeError);
}
