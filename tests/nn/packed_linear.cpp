#include <cfm/nn/packed_linear.hpp>

#include <cstdio>
#include <string>

#include <doctest/doctest.h>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/nn/transformer.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE_TEMPLATE("packed linear: the bits of the dense layer with the weights it holds", S, float,
                   double, bf16, f16) {
  const DType type = dtype_of<compute_type<S>>;
  for (const Index rows : {0, 1, 3, 16, 40})
    for (const Index out : {1, 16, 37}) {
      const Linear<> dense(21, out, Init(Rng(1), type));
      const PackedLinear<S> packed = pack<S>(dense);
      CHECK(packed.inputs() == 21);
      CHECK(packed.outputs() == out);
      Linear<> rounded = dense;
      rounded.weight = DenseMatrix::encode(packed.weight.decode().to(type));
      if (sizeof(S) >= 4) CHECK(same_bits(rounded.weight.decode(), dense.weight.decode()));
      const Tensor x = noise({rows, 21}, 2, type);
      CHECK(same_bits(packed(x).value(), rounded(x).value()));
      CHECK(same_bits(packed(x, Activation::gelu).value(), gelu(rounded(x)).value()));
    }
}

TEST_CASE("packed linear: gradients of x and the bias, none of the weights") {
  const Linear<> dense(4, 3, Init(Rng(1), DType::f64));
  for (const Activation a : {Activation::none, Activation::relu, Activation::silu}) {
    const auto f = [&](const std::vector<Var>& v) {
      PackedLinear<double> layer = pack<double>(dense);
      layer.bias->value = v[1].value();
      return layer(v[0], a);
    };
    const auto report = gradcheck(f, {noise({5, 4}, 3), dense.bias->value});
    CHECK_MESSAGE(report, concat(report));
  }
  const PackedLinear<double> layer = pack<double>(dense);
  CHECK(parameter_count(layer) == 3);
  Tape tape;
  const Var constant = layer(tape.input(noise({2, 4}, 1)));
  tape.backward(sum(constant));
  CHECK(tape.grad(layer.bias->value).defined());
}

TEST_CASE("packed linear: models packed as a whole have the bits of the dense ones") {
  TransformerConfig config{.dim = 32, .heads = 2, .hidden = 40, .layers = 2, .final_norm = true};
  for (const bool gated : {false, true})
    for (const bool one_matrix : {false, true}) {
      config.gated = gated;
      config.packed = one_matrix;
      config.activation = gated ? Activation::silu : Activation::gelu;
      const TransformerEncoder<> encoder(config, Rng(1));
      const TransformerEncoder<PackedLinear<>> fast = pack(encoder);
      const Tensor x = noise({2, 5, 32}, 2, DType::f32);
      CHECK(same_bits(fast(x, Causal{}).value(), encoder(x, Causal{}).value()));
      Caches<float> a(2, 2, 2, 6, 16), b(2, 2, 2, 6, 16);
      a.grow(1);
      b.grow(1);
      CHECK(same_bits(fast(x.slice(1, 0, 1), a.views), encoder(x.slice(1, 0, 1), b.views)));
      const TransformerDecoder<> decoder(config, Rng(3));
      const auto fast_decoder = pack(decoder);
      const Tensor memory = noise({2, 7, 32}, 4, DType::f32);
      CHECK(same_bits(fast_decoder(x, memory).value(), decoder(x, memory).value()));
      const auto have = fast_decoder.keys_values(memory);
      const auto want = decoder.keys_values(memory);
      CHECK(same_bits(have[1].v.value(), want[1].v.value()));
    }
  const Mlp<> mlp({.in = 5, .hidden = 20, .out = 3, .norm = Norm::batch}, Rng(1));
  const Tensor x = noise({4, 5}, 2, DType::f32);
  CHECK(same_bits(pack(mlp)(x).value(), mlp(x).value()));
  CHECK(distance(pack<f16>(mlp)(x).value(), mlp(x).value()) < 1e-2);
  // Heads of 8: the parts of queries, keys and values are no whole panels.
  const MultiHeadAttention<> small({.dim = 24, .heads = 3}, Rng(1));
  const Tensor y = noise({1, 3, 24}, 2, DType::f32), z = noise({1, 4, 24}, 3, DType::f32);
  CHECK(same_bits(pack(small)(y, z).value(), small(y, z).value()));
}

TEST_CASE("packed linear: saved and loaded as it is") {
  const Mlp<> mlp({.in = 5, .hidden = 20, .out = 3}, Rng(1));
  const auto packed = pack(mlp);
  const std::string path = std::filesystem::temp_directory_path() / "cfm_packed_linear.safetensors";
  save(packed, path);
  const auto again = load<Mlp<PackedLinear<>>>(path);
  const Tensor x = noise({4, 5}, 2, DType::f32);
  CHECK(same_bits(again(x).value(), mlp(x).value()));
  const auto names = named_tensors(packed);
  CHECK(names[0].first == "0.weight.packed");
  CHECK(names[0].second.shape() == Shape{2, 5, 16});
  // A dense file is not taken for a packed one, and room for weights comes with the weights.
  save(mlp, path);
  CHECK(error_of([&] { (void)load<Mlp<PackedLinear<>>>(path); }).find("0.weight.packed") !=
        std::string::npos);
  std::remove(path.c_str());
  const Index before = BufferPool::instance().usage().current;
  const PackedLinear<> shapes(Index{1} << 20, Index{1} << 20, Init::shapes_only(9));
  CHECK(BufferPool::instance().usage().current - before < 1 << 16);
}

TEST_CASE("packed linear: what does not fit") {
  const PackedLinear<> layer = pack(Linear<>(3, 40, Rng(1)));
  CHECK(error_of<ShapeError>([&] { (void)layer(Tensor::zeros({2, 4})); }) != "no error");
  CHECK(error_of<TypeError>([&] { (void)layer(Tensor::zeros({2, 3}, DType::f64)); }) != "no error");
  CHECK(same_bits(layer.weight.part(16, 40).decode(), layer.weight.decode().slice(0, 16, 40)));
  CHECK(!layer.weight.has_part(8, 40));
  CHECK(error_of([&] { (void)layer.weight.part(0, 20); }).find("whole panels") !=
        std::string::npos);
  CHECK_THROWS_AS(PackedWeight<>::encode(Tensor::zeros({3})), ShapeError);
  PackedLinear<> other(3, 40, Rng(1), {.bias = true});
  CHECK_THROWS_AS(pack_into(other, LayerNorm(3)), ShapeError);
  const Linear<> bare(3, 40, Rng(1), {.bias = false});
  CHECK(error_of([&] { pack_into(other, bare); }).find("has no \"bias\"") != std::string::npos);
  CHECK_THROWS_AS(PackedMatrix<float>(Tensor::zeros({2, 3, 16}), 33), ShapeError);
  CHECK_THROWS_AS(PackedMatrix<float>(Tensor::zeros({2, 3, 16}, DType::f64), 32), TypeError);
}
