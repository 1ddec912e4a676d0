#include <cfm/nn/transformer.hpp>

#include <string>

#include <doctest/doctest.h>

#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/nn/serialize.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

const TransformerConfig small{.dim = 16,
                              .heads = 4,
                              .hidden = 24,
                              .layers = 3,
                              .kv_heads = 2,
                              .activation = Activation::gelu,
                              .norm_first = true,
                              .final_norm = true};

// A loss and its gradients by all parameters and x, on a training tape.
std::vector<Tensor> gradients_of(const auto& model, const Tensor& x, const auto& run) {
  Tape tape({.training = true, .rng = Rng(4)});
  const Var in = tape.leaf(x);
  tape.backward(sum(square(run(model, in))));
  std::vector<Tensor> out{tape.grad(in)};
  for_each_parameter(
      model, [&](std::string_view, const Parameter& p) { out.push_back(tape.grad(p.value)); });
  return out;
}

}  // namespace

TEST_CASE("transformer: causal attention gives what a cache gives, prefilled and step by step") {
  TransformerConfig config = small;
  for (const bool rotary : {false, true}) {
    if (rotary) config.rope = RopeConfig{};
    const TransformerEncoder<> model(config, Rng(1));
    const Tensor x = noise({2, 19, 16}, 2, DType::f32);
    const Tensor whole = model(x, Causal{}).value();
    Caches<float> cache(3, 2, 2, 20, 4);
    cache.grow(9);
    CHECK(same_bits(model(x.slice(1, 0, 9), cache.views), whole.slice(1, 0, 9)));
    for (Index t = 9; t < 19; ++t) {
      cache.grow(1);
      const Tensor one = model(x.slice(1, t, t + 1), cache.views);
      CHECK(distance(one, whole.slice(1, t, t + 1)) < 1e-5);
    }
  }
}

TEST_CASE("transformer: a decoder over a prepared memory, step by step") {
  TransformerConfig config = small;
  config.norm_first = false;
  const TransformerDecoder<> model(config, Init(Rng(1), DType::f64));
  const Tensor x = noise({2, 9, 16}, 2), memory = noise({2, 7, 16}, 3);
  const std::vector<Index> lengths{4, 7};
  const KeyLengths shown{lengths};
  const Tensor whole = model(x, memory, Causal{}, shown).value();
  const auto prepared = model.keys_values(memory);
  Caches<double> cache(3, 2, 2, 9, 4);
  for (Index t = 0; t < 9; ++t) {
    cache.grow(1);
    const Tensor one = model(x.slice(1, t, t + 1), prepared, cache.views, Causal{}, shown);
    CHECK(distance(one, whole.slice(1, t, t + 1)) < 1e-12);
  }
}

TEST_CASE("transformer: a batch gives what its sequences give, with and without padding") {
  const TransformerEncoder<> model(small, Rng(1));
  const Tensor x = noise({3, 11, 16}, 2, DType::f32);
  const std::vector<Index> lengths{5, 11, 8};
  const Tensor all = model(x).value(), padded = model(x, KeyLengths{lengths}).value();
  for (Index b = 0; b < 3; ++b) {
    const Index n = lengths[static_cast<std::size_t>(b)];
    const Tensor one = x.select(0, b);
    CHECK(same_bits(all.select(0, b), model(one).value()));
    CHECK(same_bits(padded.select(0, b).slice(0, 0, n), model(one.slice(0, 0, n)).value()));
  }
}

TEST_CASE("transformer: gradients through a stack") {
  TransformerConfig config{.dim = 4, .heads = 2, .hidden = 3, .layers = 2, .final_norm = true};
  config.dropout = 0.1;
  config.checkpoint = true;
  check_module(
      TransformerEncoder<>(config, Init(Rng(1), DType::f64)), noise({1, 3, 4}, 2),
      [](const auto& m, const Var& in) { return m(in); }, true);
}

TEST_CASE("transformer: checkpointed layers change memory, not gradients") {
  // So many layers that what one needs while it runs, more with longer vectors, weighs little.
  TransformerConfig config{.dim = 32, .heads = 4, .hidden = 64, .layers = 10, .dropout = 0.1};
  const TransformerEncoder<> plain(config, Rng(1));
  const TransformerDecoder<> plain_decoder(config, Rng(2));
  config.checkpoint = true;
  TransformerEncoder<> frugal(config, Rng(1));
  TransformerDecoder<> frugal_decoder(config, Rng(2));
  const Tensor x = noise({4, 48, 32}, 2, DType::f32), memory = noise({4, 40, 32}, 3, DType::f32);
  const auto compare = [&](const auto& a, const auto& b, const auto& run) {
    BufferPool& pool = BufferPool::instance();
    double peaks[2];
    std::vector<Tensor> grads[2];
    for (const bool second : {false, true}) {
      pool.reset_peak();
      const Index before = pool.usage().current;
      grads[second] = second ? gradients_of(b, x, run) : gradients_of(a, x, run);
      peaks[second] = static_cast<double>(pool.usage().peak - before);
    }
    REQUIRE(grads[0].size() == grads[1].size());
    for (std::size_t i = 0; i < grads[0].size(); ++i) {
      REQUIRE(grads[0][i].defined());
      CHECK(same_bits(grads[0][i], grads[1][i]));
    }
    CAPTURE(peaks[0]);
    CAPTURE(peaks[1]);
    CHECK(peaks[1] < 0.6 * peaks[0]);
  };
  compare(plain, frugal, [](const auto& m, const Var& in) { return m(in, Causal{}); });
  compare(plain_decoder, frugal_decoder,
          [&](const auto& m, const Var& in) { return m(in, memory); });
}

TEST_CASE("transformer: copies share, clones do not, files bring it back") {
  TransformerConfig config = small;
  config.rope = RopeConfig{.scale = 2};
  TransformerEncoder<> model(config, Rng(1));
  const TransformerEncoder<> copy = model, own = clone(model);
  const auto path = std::filesystem::temp_directory_path() / "cfm_transformer.safetensors";
  save(model, path);
  const auto back = load<TransformerEncoder<>>(path);
  std::filesystem::remove(path);
  CHECK(back.config().rope->scale == 2);
  const Tensor x = noise({1, 5, 16}, 2, DType::f32);
  const Tensor y = model(x).value();
  CHECK(same_bits(back(x).value(), y));
  model.layers[1].feed_forward.linear1.weight.value.value.fill(0.25);
  const Tensor changed = model(x).value();
  CHECK(distance(changed, y) > 1e-3);
  CHECK(same_bits(copy(x).value(), changed));
  CHECK(same_bits(own(x).value(), y));
}

TEST_CASE("transformer: errors") {
  const TransformerEncoder<> model(small, Rng(1));
  Caches<float> cache(2, 1, 2, 5, 4);
  CHECK(error_of([&] {
          model(Tensor::zeros({1, 1, 16}), cache.views);
        }).starts_with("transformer: one cache a layer: 2, 3"));
  TransformerConfig wrong = small;
  wrong.layers = -1;
  CHECK(error_of([&] {
          TransformerDecoder<>(wrong, Rng(1));
        }).starts_with("transformer: the number of layers is negative"));
}
