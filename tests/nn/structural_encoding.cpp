#include <cfm/nn/structural_encoding.hpp>

#include <set>

#include "../test.hpp"
#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("structural encoding: SignNet is blind to signs, a plain network is not") {
  const SignNet<> net({.count = 3, .hidden = 8, .inner = 4, .out = 5}, Init(Rng(1), DType::f64));
  const std::vector<std::int32_t> ends = {0, 1, 2, 3, 4, 5}, others = {1, 2, 3, 4, 5, 0};
  const Graph ring = undirected(Graph::from_edges(6, ends, others));
  const Tensor v = noise({6, 3}, 2), values = Tensor::of<double>({0, 0.3, 1.1});
  Tensor flipped = v.clone();
  for (std::size_t i = 0; i < 18; ++i)
    if (i % 3 != 1) flipped.span<double>()[i] *= -1;
  const Tensor a = net(ring, v, values).value(), b = net(ring, flipped, values).value();
  CHECK(a.shape() == Shape{6, 5});
  for (std::size_t i = 0; i < 30; ++i)
    CHECK(a.span<double>()[i] == doctest::Approx(b.span<double>()[i]).epsilon(1e-12));
  Tensor other = v.clone();
  other.span<double>()[0] *= -1;  // one element alone is another vector
  CHECK(std::abs(net(ring, other, values).value().span<double>()[0] - a.span<double>()[0]) > 1e-9);
  check_module(net, v, [&](const auto& m, const Var& x) { return m(ring, x, values); });
  CHECK_THROWS_AS(net(ring, noise({6, 2}, 1), values), ShapeError);
  CHECK_THROWS_AS(net(ring, v, Tensor::of<double>({1})), ShapeError);
}

TEST_CASE("structural encoding: eigenvectors of a graph go in as they come") {
  std::vector<std::int32_t> sources, targets;
  for (std::int32_t n = 1; n < 9; ++n) {
    sources.push_back(n / 2);
    targets.push_back(n);
  }
  const Graph g = Graph::from_edges(9, sources, targets);
  const LaplacianEigenvectors e = laplacian_eigenvectors(g, {.count = 4});
  const SignNet<> net({.count = 4, .out = 3}, Rng(2));
  const Tensor like = Tensor::zeros({1});
  CHECK(net(undirected(g), like, e).shape() == Shape{9, 3});
  Tape tape({.training = true});
  const Var y = net(undirected(g), tape.input(like), e);
  tape.backward(sum(y));
  std::size_t with_gradient = 0;
  for_each_parameter(net, [&](std::string_view, const Parameter& p) {
    with_gradient += tape.grad(p.value).size() > 0;
  });
  CHECK(with_gradient == 11);

  std::set<std::string> patterns;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    const Tensor f = flip_signs(e.vectors, Rng(seed));
    std::string pattern;
    for (std::size_t j = 0; j < 4; ++j) {
      float sign = 0;
      for (std::size_t n = 0; n < 9; ++n) {
        const float x = e.vectors.span<float>()[n * 4 + j], y2 = f.span<float>()[n * 4 + j];
        CHECK(std::abs(x) == std::abs(y2));
        if (x != 0) {
          if (sign != 0) CHECK(sign == y2 / x);  // a whole column at once
          sign = y2 / x;
        }
      }
      pattern += sign > 0 ? '+' : '-';
    }
    patterns.insert(pattern);
  }
  CHECK(patterns.size() > 12);  // of 16
}

TEST_CASE("structural encoding: levels and degrees add up, with gradients") {
  const LevelDegreeEncoding<> encoding(4, 3, 2, Init(Rng(5), DType::f64));
  const std::vector<std::int32_t> levels = {0, 1, 7};
  const std::vector<Tensor> degrees = {Tensor::of<std::int32_t>({0, 2, 9}),
                                       Tensor::of<std::int32_t>({1, 1, 0})};
  const Tensor like = Tensor::zeros({1}, DType::f64);
  const Tensor y = encoding(like, levels, degrees).value();
  CHECK(y.shape() == Shape{3, 4});
  const Tensor sines = sinusoidal_encoding(levels, 4).to(DType::f64);
  const std::size_t rows[] = {0, 2, 2}, second[] = {1, 1, 0};  // 9 takes the last row
  for (std::size_t v = 0; v < 3; ++v)
    for (std::size_t c = 0; c < 4; ++c) {
      double expected = encoding.level.bias->value.span<double>()[c];
      for (std::size_t i = 0; i < 4; ++i)
        expected += encoding.level.weight.value.value.span<double>()[c * 4 + i] *
                    sines.span<double>()[v * 4 + i];
      expected += encoding.degrees[0].weight.value.span<double>()[rows[v] * 4 + c];
      expected += encoding.degrees[1].weight.value.span<double>()[second[v] * 4 + c];
      CHECK(y.span<double>()[v * 4 + c] == doctest::Approx(expected));
    }
  check_module(encoding, like,
               [&](const auto& m, const Var& x) { return add(m(x, levels, degrees), sum(x)); });
  CHECK_THROWS_AS(encoding(like, levels, std::span(degrees).first(1)), Error);
}
