// Modules: their tensors by name from the case, their outputs and gradients against it.

#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/nn/embedding.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/norm.hpp>
#include <cfm/nn/recurrent.hpp>
#include <cfm/nn/transformer.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

// Puts the tensors of the case into the module.
template <Module M>
M filled(M module, Case& c) {
  for_each_parameter(module, [&](std::string_view name, Parameter& p) {
    Tensor value = c.parameter(concat("param.", name));
    CFM_CHECK(value.shape() == p.value.shape(), concat("case: ", name), value, p.value);
    p.value = value;
  });
  return module;
}

void statistics(BatchNorm1d& norm, const Case& c) {
  for_each_buffer(norm, [&](std::string_view name, Buffer& b) {
    b.value = c.tensor(concat("buffer.", name));
  });
}

template <class Layers>
void sequence(Case& c) {
  const Tensor x = c.tensor("in.0");
  const Index layers = static_cast<Index>(c.number("layers", 1));
  const bool both = c.number("bidirectional", 0) != 0;
  const Index hidden = c.tensor("out.1").size(2);
  const auto model = filled(
      Layers(x.size(2), hidden, {}, {.layers = layers, .bidirectional = both}), c);
  const auto result = model(c.leaf("in.0"));
  std::vector<Var> outputs{result.output};
  outputs.insert(outputs.end(), result.last.begin(), result.last.end());
  c.outputs(outputs);
}

const Cases recurrent({
    {"gru_L*", sequence<Gru>},
    {"lstm_L*", sequence<Lstm>},
    {"rnn_L*", sequence<Rnn>},
    {"grucell",
     [](Case& c) {
       const auto cell = filled(GruCell<>(5, 7), c);
       c.outputs({cell(c.leaf("in.0"), Tensor::zeros({4, 7}))});
     }},
    {"lstmcell",
     [](Case& c) {
       const auto cell = filled(LstmCell<>(5, 7), c);
       const Tensor zero = Tensor::zeros({4, 7});
       const auto [h, memory] = cell(c.leaf("in.0"), {zero, zero});
       c.outputs({h, memory});
     }},
});

const Cases layer_cases({
    {"linear_33_7",
     [](Case& c) { c.outputs({filled(Linear<>(33, 7), c)(c.leaf("in.0"))}); }},
    {"embedding",
     [](Case& c) {
       c.outputs({filled(Embedding(11, 6), c)(c.tape().input(c.tensor("in.0")))});
     }},
    {"mlp_relu",
     [](Case& c) {
       c.outputs({filled(Mlp<>({.in = 8, .hidden = 16, .out = 3}), c)(c.leaf("in.0"))});
     }},
    {"mlp_gelu_ln",
     [](Case& c) {
       const MlpConfig config{.in = 8, .hidden = 16, .out = 3, .activation = Activation::gelu,
                              .norm = Norm::layer, .norm_after_activation = true};
       c.outputs({filled(Mlp<>(config), c)(c.leaf("in.0"))});
     }},
});

void layer_norm_case(Case& c, double loosen) {
  const LayerNorm norm(c.tensor("param.weight").shape());
  c.outputs({filled(norm, c)(c.leaf("in.0"))}, loosen);
}

const Cases norm_cases({
    {"layernorm_*", [](Case& c) { layer_norm_case(c, 1); }},
    // A mean of 10,000 with a deviation of 1: one rounding of the mean is 5e-4 of a deviation, so
    // the float figures of the case are that far from its own double ones, and its gradients three
    // times as far.
    {"layernorm_huge_mean", [](Case& c) { layer_norm_case(c, 400); }},
    {"groupnorm",
     [](Case& c) { c.outputs({filled(GroupNorm(3, 12), c)(c.leaf("in.0"))}); }},
    {"rmsnorm",
     [](Case& c) {
       RmsNorm norm(9, {}, c.number("eps", 1e-6));
       norm.weight.value = c.parameter("g");
       const Var x = c.leaf("x"), y = norm(x);
       c.expect("y", y.value());
       c.tape().backward(y, c.tensor("cot"));
       c.expect("gx", c.tape().grad(x));
       c.expect("gg", c.tape().grad(norm.weight.value));
     }},
    {"batchnorm_train",
     [](Case& c) {
       Tape& tape = c.start({.training = true});
       const BatchNorm1d norm = filled(BatchNorm1d(6), c);
       c.outputs({norm(c.leaf("in.0"))});
       tape.commit();
       c.expect("buffer.running_mean", norm.running_mean.value);
       c.expect("buffer.running_var", norm.running_var.value);
       c.expect("buffer.num_batches_tracked", norm.num_batches_tracked.value);
     }},
    {"batchnorm_eval",
     [](Case& c) {
       BatchNorm1d norm = filled(BatchNorm1d(6), c);
       statistics(norm, c);
       c.outputs({norm(c.leaf("in.0"))});
     }},
});

// Queries in.0, keys in.1, values in.2; what is missing is what came before. The second output is
// the mean of the weights over the heads.
template <class Kernel, class Mask>
void attention_case(Case& c, const Mask& mask) {
  const Var query = c.leaf("in.0"), key = c.has("in.1") ? c.leaf("in.1") : query;
  const Var value = c.has("in.2") ? c.leaf("in.2") : key;
  const auto model = filled(
      MultiHeadAttention<Linear<>, Kernel>(
          {.dim = query.size(2), .heads = static_cast<Index>(c.number("heads", 1))}),
      c);
  const Var y = c.has("in.1") ? model(query, key, value, mask) : model(query, mask);
  c.outputs({y, mean(model.weights(query, key, mask), {1})});
}

const Cases attention_cases({
    {"mha_E*", [](Case& c) { attention_case<FlashAttention>(c, AllKeys{}); }},
    {"mha_causal_*", [](Case& c) { attention_case<FlashAttention>(c, Causal{}); }},
    {"mha_keypad_*",
     [](Case& c) {  // the first sequence is padded
       std::vector<Index> lengths(static_cast<std::size_t>(c.tensor("in.1").size(0)),
                                  c.tensor("in.1").size(1));
       lengths[0] = static_cast<Index>(c.number("pad_from", 0));
       attention_case<FlashAttention>(c, KeyLengths{lengths});
     }},
});

void encoder_layer(Case& c, bool norm_first, Activation activation) {
  const Var x = c.leaf("in.0");
  const TransformerConfig config{.dim = x.size(2),
                                 .heads = static_cast<Index>(c.number("heads", 1)),
                                 .hidden = c.tensor("param.linear1.bias").size(0),
                                 .activation = activation,
                                 .norm_first = norm_first};
  c.outputs({filled(TransformerEncoderLayer<>(config), c)(x)});
}

const Cases transformer_cases({
    {"encoder_layer_normfirst0_relu",
     [](Case& c) { encoder_layer(c, false, Activation::relu); }},
    {"encoder_layer_normfirst0_gelu",
     [](Case& c) { encoder_layer(c, false, Activation::gelu); }},
    {"encoder_layer_normfirst1_relu", [](Case& c) { encoder_layer(c, true, Activation::relu); }},
    {"encoder_layer_normfirst1_gelu", [](Case& c) { encoder_layer(c, true, Activation::gelu); }},
    {"decoder_layer",
     [](Case& c) {
       const Var x = c.leaf("in.0");
       const TransformerConfig config{.dim = x.size(2),
                                      .heads = static_cast<Index>(c.number("heads", 1)),
                                      .hidden = c.tensor("param.linear1.bias").size(0)};
       const auto model = filled(TransformerDecoderLayer<>(config), c);
       c.outputs({model(x, c.leaf("in.1"), AllKeys{})});
     }},
});

}  // namespace
}  // namespace cfm::conformance
