#include <cfm/kernels/level_sweep.hpp>

#include <cmath>

#include <cfm/core/rng.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

Tensor sweep_numbers(const Shape& shape, std::uint64_t seed) {
  Tensor out = Tensor::empty(shape);
  Rng rng(seed);
  for (float& v : out.span<float>()) v = static_cast<float>(rng.uniform(-0.5, 0.5));
  return out;
}

LevelWeights sweep_weights(Index hidden, std::uint64_t seed, bool attention) {
  return {sweep_numbers({3 * hidden, hidden}, seed), sweep_numbers({3 * hidden, hidden}, seed + 1),
          sweep_numbers({3 * hidden}, seed + 2), sweep_numbers({3 * hidden}, seed + 3),
          attention ? sweep_numbers({hidden}, seed + 4) : Tensor()};
}

// The definition, node by node in double.
std::vector<double> sweep_reference(const LevelSchedule& s, const std::vector<LevelWeights>& kinds,
                                    const Tensor& state) {
  const Index h = state.size(1);
  const Tensor first = state.to(DType::f64).contiguous();
  std::vector<double> out(first.span<double>().begin(), first.span<double>().end());
  const auto at = [](const Tensor& t, Index r, Index c) {
    return static_cast<double>(t.view<float, 2>()(r, c));
  };
  const auto one = [](const Tensor& t, Index i) {
    return static_cast<double>(t.view<float, 1>()(i));
  };
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (const auto& group : s.groups()) {
    if (group.kind == LevelSchedule::fixed) continue;
    const LevelWeights& w = kinds[group.kind];
    for (std::int32_t v : s.nodes_of(group)) {
      const auto sources = s.rows().fanins()[v];
      std::vector<double> weight(sources.size(), 1), message(static_cast<std::size_t>(h));
      if (w.score.defined()) {
        double sum = 0;
        for (std::size_t j = 0; j < sources.size(); ++j) {
          double score = 0;
          for (Index c = 0; c < h; ++c)
            score += one(w.score, c) * out[static_cast<std::size_t>(sources[j] * h + c)];
          sum += weight[j] = std::exp(score);
        }
        for (double& a : weight) a /= sum;
      }
      for (std::size_t j = 0; j < sources.size(); ++j)
        for (Index c = 0; c < h; ++c)
          message[static_cast<std::size_t>(c)] +=
              weight[j] * out[static_cast<std::size_t>(sources[j] * h + c)];
      std::vector<double> fresh;
      for (Index i = 0; i < h; ++i) {
        double in[3], own[3];
        for (Index gate = 0; gate < 3; ++gate) {
          in[gate] = one(w.bias_ih, gate * h + i);
          own[gate] = one(w.bias_hh, gate * h + i);
          for (Index c = 0; c < h; ++c) {
            in[gate] += at(w.weight_ih, gate * h + i, c) * message[static_cast<std::size_t>(c)];
            own[gate] +=
                at(w.weight_hh, gate * h + i, c) * out[static_cast<std::size_t>(v * h + c)];
          }
        }
        const double r = sigmoid(in[0] + own[0]), z = sigmoid(in[1] + own[1]);
        const double n = std::tanh(in[2] + r * own[2]);
        fresh.push_back((1 - z) * n + z * out[static_cast<std::size_t>(v * h + i)]);
      }
      std::copy(fresh.begin(), fresh.end(), out.begin() + v * h);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("level sweep kernel: equals the definition at every width") {
  for (const Index hidden : {1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 64, 70}) {
    CAPTURE(hidden);
    Rng rng(static_cast<std::uint64_t>(hidden));
    std::vector<std::int32_t> from, to;
    for (std::int32_t v = 4; v < 230; ++v)
      for (int k = 0; k < 1 + v % 4; ++k) {
        from.push_back(v < 180
                           ? static_cast<std::int32_t>(rng.below(4))  // a level of many tiles
                           : static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(v))));
        to.push_back(v);
      }
    std::vector<std::uint8_t> types(230);
    for (std::size_t v = 0; v < types.size(); ++v) types[v] = static_cast<std::uint8_t>(v % 2);
    const LevelSchedule s(Graph::from_edges(230, from, to), types);
    const std::vector<LevelWeights> kinds{sweep_weights(hidden, 1, true),
                                          sweep_weights(hidden, 9, false)};
    const Tensor state = sweep_numbers({230, hidden}, 3);
    const auto want = sweep_reference(s, kinds, state);
    LevelSaved saved;
    const Tensor plain = level_sweep(s, kinds, {}, state);
    const Tensor kept = level_sweep(s, kinds, {}, state, &saved, true);
    CHECK(saved.gates.size(0) == 230);
    CHECK(saved.alpha.size() == s.rows().edges());
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (std::abs(static_cast<double>(plain.span<float>()[i]) - want[i]) > 2e-6) {
        CAPTURE(i);
        CHECK(static_cast<double>(plain.span<float>()[i]) == want[i]);
        break;
      }
      REQUIRE(plain.span<float>()[i] == kept.span<float>()[i]);
    }
  }
}

TEST_CASE("level sweep kernel: a common old state gives the bits of any other") {
  for (const Index hidden : {1, 3, 4, 8, 17, 64, 70}) {
    CAPTURE(hidden);
    // Three sources and a circuit; with them a node that makes the old states differ.
    const auto graph = [&](std::int32_t nodes) {
      Rng rng(4);
      std::vector<std::int32_t> from, to;
      for (std::int32_t v = 3; v < nodes; ++v)
        for (int k = 0; k < 1 + v % 3; ++k) {
          from.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(v))));
          to.push_back(v);
        }
      const std::vector<std::uint8_t> types(static_cast<std::size_t>(nodes), 0);
      return LevelSchedule(Graph::from_edges(nodes, from, to), types);
    };
    constexpr std::int32_t nodes = 200;
    const LevelSchedule alone = graph(nodes), together = graph(nodes + 1);
    const std::vector<LevelWeights> kinds{sweep_weights(hidden, 1, true)};
    Tensor state = sweep_numbers({nodes + 1, hidden}, 3);
    for (Index v = 4; v < nodes; ++v) state.select(0, v).copy_from(state.select(0, 3));
    const Tensor some = state.slice(0, 0, nodes);
    const isa_detail::LevelPlan<float> shared(alone, kinds, {}, some, true);
    const isa_detail::LevelPlan<float> apart(together, kinds, {}, state, true);
    CHECK(shared.sweep.common != nullptr);
    CHECK(apart.sweep.common == nullptr);
    const Tensor want = level_sweep(together, kinds, {}, state);
    const Tensor got = level_sweep(alone, kinds, {}, some);
    CHECK(std::equal(got.span<float>().begin(), got.span<float>().end(),
                     want.span<float>().begin()));
    // The same row for the sources too, once for all nodes.
    const Tensor row = state.slice(0, 3, 4);
    const Tensor narrow = level_sweep(alone, kinds, {}, row.expand({nodes, hidden}));
    const Tensor wide = level_sweep(alone, kinds, {}, row.expand({nodes, hidden}).clone());
    CHECK(std::equal(narrow.span<float>().begin(), narrow.span<float>().end(),
                     wide.span<float>().begin()));
  }
}

TEST_CASE("level sweep kernel: no nodes, no edges, nothing to do") {
  const std::vector<LevelWeights> kinds{sweep_weights(4, 1, true)};
  CHECK(level_sweep(LevelSchedule(), kinds, {}, Tensor::zeros({0, 4})).size(0) == 0);
  const std::vector<std::uint8_t> types(3, 0);
  const LevelSchedule s(Graph::from_edges(3, {}, {}), types);
  const Tensor state = sweep_numbers({3, 4}, 1);
  const Tensor y = level_sweep(s, kinds, {}, state);
  for (std::size_t i = 0; i < 12; ++i) CHECK(y.span<float>()[i] == state.span<float>()[i]);
  LevelSaved saved;
  const Tensor z = level_sweep(s, kinds, {}, state, &saved);
  const LevelGradients g =
      level_sweep_backward(s, kinds, {}, state, z, saved, Tensor::ones({3, 4}), false);
  for (float d : std::as_const(g.state).span<float>()) CHECK(d == 1);
  for (float d : std::as_const(g.kinds[0].weight_ih).span<float>()) CHECK(d == 0);
}

TEST_CASE("level sweep kernel: a large score does not overflow") {
  const std::int32_t from[] = {0, 1}, to[] = {2, 2};
  const std::vector<std::uint8_t> types(3, 0);
  std::vector<LevelWeights> kinds{sweep_weights(2, 1, true)};
  kinds[0].score = Tensor::full({2}, 1e4);
  const Tensor y = level_sweep(LevelSchedule(Graph::from_edges(3, from, to), types), kinds, {},
                               Tensor::from(std::vector<float>{1, 1, 2, 2, 0, 0}, Shape{3, 2}));
  for (float v : y.span<float>()) CHECK(std::isfinite(v));
}
