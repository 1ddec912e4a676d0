#include <cfm/nn/attention.hpp>

#include <string>

#include <doctest/doctest.h>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/nn/serialize.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// A weight that only gives whole products: what Linear may be given by others.
struct NegatedMatrix {
  Parameter negative{};

  static NegatedMatrix encode(const Tensor& dense) { return {{mul(dense, -1)}}; }
  Tensor decode() const { return mul(negative.value, -1); }
  Index rows() const { return negative.value.size(0); }
  Index cols() const { return negative.value.size(1); }
  static void visit(auto& self, auto&& v) { v("", self.negative); }
};

Var linear(const Var& x, const NegatedMatrix& weight, const Parameter* bias) {
  const Var y = neg(linear(x, bind(x, weight.negative)));
  return bias ? y + bind(x, *bias) : y;
}

std::vector<std::string> names_of(const auto& model) {
  std::vector<std::string> out;
  for_each_parameter(model, [&](std::string_view name, const Parameter& p) {
    out.push_back(concat(name, " ", p.value.shape()));
  });
  return out;
}

// The packed module's weights in three matrices.
MultiHeadAttention<> unpacked(const MultiHeadAttention<>& packed) {
  AttentionConfig c = packed.config();
  c.packed = false;
  MultiHeadAttention<> out(c, Init(Rng(1), packed.out_proj.weight.value.value.dtype()));
  const Index q = c.heads * c.head_width, kv = c.kv_heads * c.head_width;
  const Tensor w = packed.in_proj->weight.value.value, b = packed.in_proj->bias->value;
  const auto fill = [&](Linear<>& to, Index begin, Index end) {
    to.weight.value.value = w.slice(0, begin, end).clone();
    to.bias->value = b.slice(0, begin, end).clone();
  };
  fill(*out.q_proj, 0, q);
  fill(*out.k_proj, q, q + kv);
  fill(*out.v_proj, q + kv, q + 2 * kv);
  out.out_proj = packed.out_proj;
  return out;
}

}  // namespace

TEST_CASE("attention: names and shapes as in PyTorch's files") {
  CHECK(names_of(MultiHeadAttention<>({.dim = 8, .heads = 2}, Rng(1))) ==
        std::vector<std::string>{"in_proj_weight [24, 8]", "in_proj_bias [24]",
                                 "out_proj.weight [8, 8]", "out_proj.bias [8]"});
  CHECK(names_of(MultiHeadAttention<>({.dim = 8,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .head_width = 3,
                                       .kv_dim = 5,
                                       .bias = false,
                                       .packed = false},
                                      Rng(1))) ==
        std::vector<std::string>{"q_proj.weight [12, 8]", "k_proj.weight [6, 5]",
                                 "v_proj.weight [6, 5]", "out_proj.weight [8, 12]"});
  CHECK(names_of(MultiHeadAttention<Linear<NegatedMatrix>>({.dim = 4, .heads = 1}, Rng(1)))[0] ==
        "in_proj_weight [12, 4]");
}

TEST_CASE("attention: packed and separate projections, and any linear layer, give the same") {
  const MultiHeadAttention<> packed({.dim = 8, .heads = 4, .kv_heads = 2},
                                    Init(Rng(1), DType::f64));
  const MultiHeadAttention<> three = unpacked(packed);
  MultiHeadAttention<Linear<NegatedMatrix>, PlainAttention> other(packed.config(), Rng(2));
  other.in_proj->weight = NegatedMatrix::encode(packed.in_proj->weight.decode());
  other.in_proj->bias = packed.in_proj->bias;
  other.out_proj.weight = NegatedMatrix::encode(packed.out_proj.weight.decode());
  other.out_proj.bias = packed.out_proj.bias;
  const Tensor x = noise({2, 5, 8}, 3), memory = noise({2, 7, 8}, 4), value = noise({2, 7, 8}, 5);
  const auto compare = [&](const auto& f) {
    const Tensor y = f(packed).value();
    CHECK(distance(y, f(three).value()) < 1e-13);
    CHECK(distance(y, f(other).value()) < 1e-12);
  };
  compare([&](const auto& m) { return m(x, Causal{}); });
  compare([&](const auto& m) { return m(x, memory); });
  compare([&](const auto& m) { return m(x, memory, value, SlidingWindow{3, 2, 0}); });
  compare([&](const auto& m) { return m(x, m.keys_values(memory)); });
  CHECK(distance(packed(x).value(), packed(x, x).value()) < 1e-13);
  CHECK(distance(packed(x, memory).value(), packed(x, packed.keys_values(memory)).value()) < 1e-13);
}

TEST_CASE("attention: gradients") {
  const Init init(Rng(1), DType::f64);
  const Tensor x = noise({2, 3, 4}, 2), memory = noise({2, 4, 4}, 3), other = noise({2, 4, 4}, 4);
  check_module(MultiHeadAttention<>({.dim = 4, .heads = 2}, init), x,
               [](const auto& m, const Var& in) { return m(in, Causal{}); });
  check_module(MultiHeadAttention<>({.dim = 4,
                                     .heads = 4,
                                     .kv_heads = 2,
                                     .head_width = 2,
                                     .packed = false,
                                     .dropout = 0.2,
                                     .rope = RopeConfig{.base = 100}},
                                    init),
               x, [](const auto& m, const Var& in) {
                 return m(in, SlidingWindow{1, 1, 0});
               });
  check_module(MultiHeadAttention<>({.dim = 4, .heads = 2, .kv_heads = 1}, init), memory,
               [&](const auto& m, const Var& in) {
                 return std::vector<Var>{m(x, in), m(x, in, other), m.weights(x, in)};
               });
}

TEST_CASE("attention: a batch gives what its sequences give, with and without padding") {
  const MultiHeadAttention<> model(
      {.dim = 16, .heads = 4, .kv_heads = 2, .rope = RopeConfig{.layout = RopeLayout::interleaved}},
      Rng(1));
  const Tensor x = noise({3, 21, 16}, 2, DType::f32);
  const Tensor all = model(x, Causal{}).value();
  for (Index b = 0; b < 3; ++b)
    CHECK(same_bits(all.select(0, b), model(x.select(0, b), Causal{}).value()));
  const std::vector<Index> lengths{5, 21, 12};
  const Tensor padded = model(x, KeyLengths{lengths}).value();
  for (Index b = 0; b < 3; ++b) {
    const Index n = lengths[static_cast<std::size_t>(b)];
    CHECK(same_bits(padded.select(0, b).slice(0, 0, n),
                    model(x.select(0, b).slice(0, 0, n)).value()));
  }
}

TEST_CASE("attention: score policies reach the kernel") {
  const MultiHeadAttention<> model({.dim = 8, .heads = 2}, Init(Rng(1), DType::f64));
  const Tensor x = noise({1, 6, 8}, 2), bias = Tensor::zeros({1, 2, 6, 6}, DType::f64);
  CHECK(same_bits(model(x).value(),
                  model(x, AllKeys{}, ScoreBias<double>{bias.view<double, 4>()}).value()));
  CHECK(distance(model(x).value(), model(x, AllKeys{}, Alibi::for_heads(2)).value()) > 1e-3);
  // A bias with a gradient.
  const auto report =
      gradcheck([&](const std::vector<Var>& in) { return model(in[0], Causal{}, in[1]); },
                {noise({1, 3, 8}, 3), noise({1, 2, 3, 3}, 4)});
  CHECK_MESSAGE(report, concat(report));
}

TEST_CASE("attention: rotary positions make the result depend on distances alone") {
  const MultiHeadAttention<> model({.dim = 8, .heads = 2, .rope = RopeConfig{}},
                                   Init(Rng(1), DType::f64));
  const MultiHeadAttention<> still({.dim = 8, .heads = 2}, Init(Rng(1), DType::f64));
  const Tensor x = noise({1, 9, 8}, 2);
  const SlidingWindow near{2, 0, 0};
  CHECK(distance(model(x, near).value(), still(x, near).value()) > 1e-3);
  const Tensor late = model(x.slice(1, 3, 9), near).value();
  CHECK(distance(model(x, near).value().slice(1, 5, 9), late.slice(1, 2, 6)) < 1e-12);
}

TEST_CASE("attention: saved and loaded with its configuration") {
  const MultiHeadAttention<> model(
      {.dim = 8, .heads = 4, .kv_heads = 1, .packed = false, .rope = RopeConfig{.base = 500}},
      Rng(3));
  const auto path = std::filesystem::temp_directory_path() / "cfm_attention.safetensors";
  save(model, path);
  const auto back = load<MultiHeadAttention<>>(path);
  std::filesystem::remove(path);
  const Tensor x = noise({2, 5, 8}, 4, DType::f32);
  CHECK(back.config().rope->base == 500);
  CHECK(same_bits(model(x).value(), back(x).value()));
}

TEST_CASE("attention: parameters get gradients where only the memory is on the tape") {
  const MultiHeadAttention<> model({.dim = 4, .heads = 2}, Init(Rng(1), DType::f64));
  const Tensor x = noise({1, 2, 4}, 1), memory = noise({1, 3, 4}, 2);
  Tape tape;
  tape.backward(sum(model(x, tape.input(memory))));
  for_each_parameter(model, [&](std::string_view name, const Parameter& p) {
    CAPTURE(std::string(name));
    CHECK(tape.grad(p.value).defined());
  });
}

TEST_CASE("attention: errors say what the layer takes") {
  const MultiHeadAttention<> model({.dim = 8, .heads = 2}, Rng(1));
  const auto text = [&](const auto& f) { return error_of<ShapeError>([&] { f(); }); };
  CHECK(text([&] {
          model(Tensor::zeros({2, 3, 7}));
        }).starts_with("attention: x must be [batch, positions, 8]: f32[2, 3, 7]"));
  CHECK(text([&] {
          model(Tensor::zeros({2, 3, 8}), Tensor::zeros({2, 3, 6}));
        }).starts_with("attention: a key must be [batch, positions, 8]: f32[2, 3, 6]"));
  CHECK(text([&] {
          model(Tensor::zeros({2, 3, 8}), Tensor::zeros({1, 3, 8}));
        }).starts_with("attention: queries, keys and values do not fit"));
  CHECK(error_of([] {
          MultiHeadAttention<>({.dim = 10, .heads = 4}, Rng(1));
        }).starts_with("attention: dim must be a multiple of heads, or head_width given: 10, 4"));
  CHECK(error_of([] {
          MultiHeadAttention<>({.dim = 8, .heads = 4, .kv_heads = 3}, Rng(1));
        }).starts_with("attention: heads must be a multiple of kv_heads: 4, 3"));
  CHECK(error_of([] {
          MultiHeadAttention<>({.dim = 8, .heads = 4, .kv_dim = 3}, Rng(1));
        }).starts_with("attention: packed projections need keys of the dim of queries"));
  CHECK(error_of([] {
          MultiHeadAttention<>({.dim = 8, .heads = Index{1} << 40}, Rng(1));
        }).starts_with("attention: sizes must be positive, and below 2^30"));
}
