#include <cfm/autograd/ops_attention.hpp>

#include <cfm/kernels/block_mask.hpp>
#include <cfm/kernels/tree_mask.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

template <class Mask, class Score = PlainScores>
void check_attention(const Mask& mask, const Score& score = {}) {
  const Index sizes[][6] = {{1, 1, 1, 3, 3, 2}, {1, 2, 1, 7, 5, 3}, {2, 2, 2, 4, 9, 5}};
  for (const auto& z : sizes) {
    const Index keys = z[4];
    CAPTURE(keys);
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{flash_attention(v[0], v[1], v[2], mask, score)};
        },
        {random({z[0], z[1], z[3], z[5]}, 1), random({z[0], z[2], z[4], z[5]}, 2),
         random({z[0], z[2], z[4], 4}, 3)});
  }
}

}  // namespace

TEST_CASE("attention: gradients under every mask") {
  const Index lengths[] = {4, 2};
  check_attention(AllKeys{});
  check_attention(Causal{});  // where there are more queries than keys, some see nothing
  check_attention(SlidingWindow{.left = 2, .right = 1});
  check_attention(SlidingWindow{.left = 1, .sinks = 2});
  check_attention(KeyLengths{lengths});
  check_attention(BothMasks{Causal{}, KeyLengths{lengths}});
}

TEST_CASE("attention: gradients under every score policy") {
  check_attention(Causal{}, Alibi::for_heads(2));
  check_attention(AllKeys{}, SoftCap{1.5});
  check_attention(Causal{}, SoftCap{1.5});
  const Tensor bias = random({1, 1, 1, 1}, 4);
  check_attention(AllKeys{}, ScoreBias<double>{bias.view<double, 4>()});
}

TEST_CASE("attention: gradients of trees, layouts of blocks and their meeting with other masks") {
  const Index parents[] = {-1, 0, 0, 1, 1, -1}, two[] = {-1, 0, -1, -1};
  check_gradients(
      [&](const std::vector<Var>& v) {
        return std::vector<Var>{flash_attention(v[0], v[1], v[2], TreeMask(parents))};
      },
      {random({2, 2, 7, 3}, 1), random({2, 1, 9, 3}, 2), random({2, 1, 9, 2}, 3)});
  const TreeMask tree(two, 2);
  check_attention(tree);
  check_attention(BothMasks{tree, SlidingWindow{.left = 2}});
  const Tensor bits =
      Tensor::from<bool>(std::array{true, false, true, false, true, true}, {1, 2, 3});
  const BlockMask layout{bits.view<bool, 3>(), 5, 32};
  check_gradients(
      [&](const std::vector<Var>& v) {
        return std::vector<Var>{flash_attention(v[0], v[1], v[2], layout),
                                flash_attention(v[0], v[1], v[2], BothMasks{Causal{}, layout})};
      },
      {random({1, 2, 9, 2}, 1), random({1, 1, 70, 2}, 2), random({1, 1, 70, 1}, 3)});
}

TEST_CASE("attention: gradients of lane-wise policies come from dual numbers") {
  check_attention(Causal{}, [](auto s, auto distance) { return s - distance * 0.25f; });
  check_attention(AllKeys{}, [](auto s, auto distance) {
    return sigmoid(s) * 3.0f + s / (distance * distance + 1.0f);
  });
  check_attention(SlidingWindow{.left = 3}, [](auto s, auto) { return gelu(s) + tanh(s * s); });
}

TEST_CASE("attention: gradients of a bias, whatever it serves") {
  const Index sizes[][4] = {{1, 1, 1, 1}, {2, 1, 1, 9}, {1, 4, 1, 9}, {1, 1, 7, 9},
                            {2, 4, 7, 9}, {2, 1, 7, 1}, {1, 4, 7, 1}};
  for (const auto& z : sizes) {
    CAPTURE(z[2]);
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{flash_attention(v[0], v[1], v[2], Causal{}, v[3])};
        },
        {random({2, 4, 7, 3}, 1), random({2, 2, 9, 3}, 2), random({2, 2, 9, 2}, 3),
         random({z[0], z[1], z[2], z[3]}, 4)});
  }
  check_gradients(  // several blocks of queries and keys
      [&](const std::vector<Var>& v) {
        return std::vector<Var>{
            flash_attention(v[0], v[1], v[1], SlidingWindow{.left = 391}, v[2])};
      },
      {random({1, 1, 99, 1}, 1), random({1, 1, 389, 1}, 2), random({1, 1, 1, 389}, 3)});
  const Var x(random({1, 1, 3, 2}, 1));
  CHECK_THROWS_AS(flash_attention(x, x, x, AllKeys{}, Var(random({1, 3, 3}, 1))), ShapeError);
  CHECK_THROWS_AS(flash_attention(x, x, x, AllKeys{}, Var(Tensor::zeros({1, 1, 3, 3}))), TypeError);
}

TEST_CASE("attention: another scale, and dropout by the tape") {
  check_gradients(
      [&](const std::vector<Var>& v) {
        return std::vector<Var>{
            flash_attention(v[0], v[1], v[2], Causal{}, SoftCap{2}, {.scale = 0.3})};
      },
      {random({1, 2, 5, 3}, 1), random({1, 1, 6, 3}, 2), random({1, 1, 6, 2}, 3)});
  const Tensor q = random({2, 2, 40, 3}, 1), k = random({2, 1, 400, 3}, 2),
               g = random({2, 2, 40, 3}, 5);
  const auto loss = [&](const Tensor& x, const Tensor& y, bool training, Tensor* dx, Tensor* dy) {
    Tape tape({.training = training, .rng = Rng(3)});
    const Var a = tape.leaf(x), b = tape.leaf(y);
    const Var out = flash_attention(a, b, b, Causal{}, PlainScores{}, {.dropout = 0.4});
    double sum = 0;
    for (std::size_t i = 0; i < 2 * 2 * 40 * 3; ++i)
      sum += out.value().span<double>()[i] * g.span<double>()[i];
    tape.backward(out, g);
    if (dx != nullptr) *dx = tape.grad(a), *dy = tape.grad(b);
    return sum;
  };
  Tensor dq, dk;
  const double base = loss(q, k, true, &dq, &dk);
  CHECK(base == loss(q, k, true, nullptr, nullptr));
  CHECK(base != loss(q, k, false, nullptr, nullptr));
  for (std::size_t i = 0; i < 2 * 400 * 3; i += 97) {  // the mask does not move with the values
    const double h = 1e-6;
    const auto slope = [&](bool query, std::size_t at) {
      Tensor up = (query ? q : k).clone(), down = up.clone();
      up.span<double>()[at] += h;
      down.span<double>()[at] -= h;
      return query ? (loss(up, k, true, nullptr, nullptr) - loss(down, k, true, nullptr, nullptr)) /
                         (2 * h)
                   : (loss(q, up, true, nullptr, nullptr) - loss(q, down, true, nullptr, nullptr)) /
                         (2 * h);
    };
    CHECK(slope(false, i) == doctest::Approx(dk.span<double>()[i]).epsilon(1e-5).scale(1));
    if (i < 480)
      CHECK(slope(true, i) == doctest::Approx(dq.span<double>()[i]).epsilon(1e-5).scale(1));
  }
  const Var x(q);
  CHECK_THROWS_AS(flash_attention(x, Var(k), Var(k), AllKeys{}, PlainScores{}, {.dropout = 1.5}),
                  Error);
}

TEST_CASE("attention: gradients through several blocks of queries and keys") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{flash_attention(v[0], v[1], v[1], SlidingWindow{.left = 391})};
      },
      {random({1, 1, 101, 1}, 1), random({1, 1, 395, 1}, 2)});
}

namespace {

// A gradient in single precision only.
struct FloatOnly {
  template <Real T>
  void operator()(const ScoreRow<T>&) const {}
  void gradient(const ScoreRow<float>&, float*) const {}
};

}  // namespace

TEST_CASE("attention: gradients of 16-bit tensors are those of f32, rounded") {
  const auto gradients = [](DType dtype) {
    Tape tape;
    std::vector<Var> in;
    for (std::uint64_t seed : {1u, 2u, 3u})
      in.push_back(tape.leaf(random({1, 2, 9, 5}, seed).to(DType::bf16).to(dtype)));
    const Var out = flash_attention(in[0], in[1], in[2], Causal{}, Alibi::for_heads(2));
    tape.backward(out, random({1, 2, 9, 5}, 4).to(DType::bf16).to(dtype));
    std::vector<Tensor> all;
    for (const Var& x : in) all.push_back(tape.grad(x).to(DType::f32));
    return all;
  };
  const auto want = gradients(DType::f32), got = gradients(DType::bf16);
  for (std::size_t i = 0; i < 3; ++i)
    for (Index e = 0; e < want[i].size(); ++e)
      CHECK(std::abs(got[i].data<float>()[e] - want[i].data<float>()[e]) < 0.02f);
}

TEST_CASE("attention: a policy without a gradient, and operands without a place for heads") {
  const Var x(random({1, 1, 3, 2}, 1));
  CHECK_THROWS_WITH_AS(flash_attention(x, x, x, AllKeys{}, FloatOnly{}),
                       doctest::Contains("has no gradient in f64"), TypeError);
  CHECK_THROWS_AS(flash_attention(Var(Tensor::zeros({})), x, x), TypeError);
  CHECK_THROWS_AS(flash_attention(Var(Tensor::zeros({}, DType::f64)), x, x), ShapeError);
}

TEST_CASE("attention: the published gradients") {
  const auto sines = [](double a, double b) {
    Tensor out = Tensor::empty({1, 1, 3, 2}, DType::f64);
    double k = 0;
    for (double& x : out.span<double>()) x = std::sin(a * k++ + b);
    return out;
  };
  const auto run = [&](const auto& mask, const std::vector<std::vector<double>>& want) {
    Tape tape;
    const Var q = tape.leaf(sines(0.9, 0.1)), k = tape.leaf(sines(0.6, 0.5)),
              v = tape.leaf(sines(1.1, 0.2));
    tape.backward(flash_attention(q, k, v, mask), sines(0.4, 0.7));
    const Tensor got[] = {tape.grad(q), tape.grad(k), tape.grad(v)};
    for (std::size_t g = 0; g < 3; ++g)
      for (std::size_t i = 0; i < want[g].size(); ++i)
        CHECK(std::abs(got[g].span<double>()[i] - want[g][i]) < 1e-8);
  };
  run(AllKeys{}, {{0.028847041, 0.237563167, 0.08422639, 0.313178074, 0.112385346, 0.293059142},
                  {0.147123147, 0.111948956, -0.016344638, -0.114398221, -0.130778508, 0.002449265},
                  {0.763657752, 0.77838704, 0.856702297, 0.866266718, 0.767057837, 0.62023357}});
  run(Causal{}, {{0, 0, -0.067931625, 0.019296055},
                 {0.048702899, -0.099596915, -0.180122289, -0.146876015, 0.13141939, 0.24647293},
                 {1.231198505, 1.386279754, 0.725424045, 0.631709395, 0.430795335, 0.246898179}});
}

TEST_CASE(
    "attention: dropout follows the tape of any operand, a bias that does not fit is refused") {
  const Tensor q = random({1, 1, 4, 3}, 1), k = random({1, 1, 5, 3}, 2);
  Tape tape({.training = true, .rng = Rng(3)});
  const Var keys = tape.leaf(k);
  const Var gone = flash_attention(Var(q), keys, keys, AllKeys{}, PlainScores{}, {.dropout = 1.0});
  for (const double x : gone.value().span<double>()) CHECK(x == 0);
  const Var large = tape.leaf(random({1, 1, 8, 8}, 4));
  CHECK_THROWS_AS(flash_attention(Var(q), keys, keys, AllKeys{}, large), ShapeError);
}

TEST_CASE("attention: a score of the distance that has no slope at 0") {
  check_attention(Causal{}, [](auto s, auto d) { return s - sqrt(abs(d)) * 0.1f; });
}
