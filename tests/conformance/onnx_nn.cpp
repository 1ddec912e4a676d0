// ONNX: products, quantization, recurrent cells, convolution over the past, dropout.

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/kernels/causal_conv.hpp>
#include <cfm/kernels/det.hpp>
#include <cfm/kernels/einsum.hpp>
#include <cfm/kernels/linear_attention.hpp>
#include <cfm/kernels/quantize_linear.hpp>
#include <cfm/nn/recurrent.hpp>

#include "onnx.hpp"

namespace cfm::conformance::onnx {
namespace {

Results general_product(Node& n) {
  const auto operand = [&](std::size_t i, std::string_view flipped) {
    return n.integer(flipped, 0) != 0 ? n.in(i).transpose(0, 1) : n.in(i);
  };
  Tensor y = mul(matmul(operand(0, "transA"), operand(1, "transB")), n.number("alpha", 1));
  const double beta = n.number("beta", 1);
  return n.has(2) ? add(y, mul(n.in(2), beta)) : y;
}

// Products of integers below 2^53 are exact in double.
Results integer_product(Node& n) {
  const auto shifted = [&](std::size_t i) {
    const Tensor x = n.in(i).to(DType::f64);
    return n.has(i + 2) ? sub(x, n.in(i + 2).to(DType::f64)) : x;
  };
  return matmul(shifted(0), shifted(1)).to(DType::i32);
}

Results quantized_product(Node& n) {
  const auto real = [&](std::size_t i) {
    return dequantize_linear(n.in(i), n.in(i + 1).to(DType::f64), n.in(i + 2));
  };
  const Tensor y = matmul(real(0), real(3)), point = n.in(7);
  return quantize_linear(y, n.in(6).to(DType::f64), point, point.dtype());
}

QuantizeOptions quantize_options(Node& n) {
  return {.dim = n.dim("axis", 1), .block = n.integer("block_size", 0)};
}

Results quantized(Node& n) {
  DType dtype = n.has("output_dtype") ? dtype_numbered(n.integer("output_dtype", 2)) : DType::u8;
  Tensor point;
  if (n.has(2)) {
    point = n.in(2);
    dtype = point.dtype();
  }
  return quantize_linear(n.real(0), n.real(1), point, dtype, quantize_options(n));
}

Results dequantized(Node& n) {
  const Tensor point = n.has(2) ? n.in(2) : Tensor();
  return dequantize_linear(n.in(0), n.in(1), point, quantize_options(n));
}

const Nodes onnx_products({
    {"MatMul", [](Node& n) { return Results(matmul(n.in(0), n.in(1))); }},
    {"Gemm", general_product},
    {"Einsum",
     [](Node& n) {
       std::vector<Tensor> operands;
       for (std::size_t i = 0; i < n.inputs(); ++i) operands.push_back(n.in(i));
       return Results(einsum(n.text("equation", ""), operands));
     }},
    {"Det", [](Node& n) { return Results(det(n.in(0))); }},
    {"MatMulInteger", integer_product},
    {"QLinearMatMul", quantized_product},
    {"QuantizeLinear", quantized},
    {"DequantizeLinear", dequantized},
    {"DynamicQuantizeLinear",
     [](Node& n) {
       const DynamicQuantized q = dynamic_quantize(n.in(0));
       return Results{q.values, q.scale, q.zero_point};
     }},
});

// Blocks of rows in the order of cfm's gates.
Tensor gates_in_order(const Tensor& rows, const std::vector<std::size_t>& order) {
  const auto blocks = split(rows, rows.size(0) / static_cast<Index>(order.size()), 0);
  std::vector<Tensor> out;
  for (std::size_t gate : order) out.push_back(blocks[gate]);
  return cat(out, 0);
}

// A layer in one direction over a sequence from zero: outputs Y and Y_h.
template <class Cell>
Results recurrent(Node& n, const std::vector<std::size_t>& order) {
  if (n.text("direction", "forward") != "forward") throw Skip{"a recurrent layer backwards"};
  if (n.has(7)) throw Skip{"peephole connections of an LSTM"};
  if (n.has(4) || n.has(5) || n.has(6)) throw Skip{"sequences of different lengths, given states"};
  const bool batch_first = n.integer("layout", 0) != 0;
  const Tensor x = batch_first ? n.in(0).transpose(0, 1).contiguous() : n.in(0);
  const Tensor input = n.in(1).select(0, 0), hidden = n.in(2).select(0, 0);
  Recurrent<Cell> layer(x.size(2), n.integer("hidden_size", 1), {}, {.bias = n.has(3)});
  auto& weights = layer.cells[0].weights;
  weights.input.weight = DenseMatrix::encode(gates_in_order(input, order));
  weights.recurrent.weight = DenseMatrix::encode(gates_in_order(hidden, order));
  if (n.has(3)) {
    const auto biases = split(n.in(3).select(0, 0), input.size(0));
    weights.input.bias = Parameter{gates_in_order(biases[0], order)};
    weights.recurrent.bias = Parameter{gates_in_order(biases[1], order)};
  }
  const auto result = layer(x);
  const Tensor all = result.output.value().unsqueeze(1), last = result.last[0].value();
  if (!batch_first) return {all, last};
  return {all.permute({2, 0, 1, 3}).contiguous(), last.transpose(0, 1).contiguous()};
}

Results gated(Node& n) {
  // The reset gate acts before the product; cfm's and torch's acts behind it. From a state of zeros
  // and for one step there is no difference.
  if (n.integer("linear_before_reset", 0) == 0 && n.in(0).size(n.dim("layout", 0)) > 1)
    throw Skip{"a GRU whose reset gate acts before the product"};
  return recurrent<GruCell<>>(n, {1, 0, 2});
}

// Nothing is dropped, or the mask would have to come from the same generator.
Results dropped(Node& n) {
  n.integer("seed", 0);
  const Tensor x = n.in(0);
  const double ratio = n.has(1) ? n.scalar(1) : 0.5;
  const bool training = n.has(2) && n.in(2).item<bool>();
  if (training && ratio > 0) throw Skip{"random numbers of another generator"};
  if (n.wants(1)) throw Skip{"the mask of dropout as an output"};
  Tape tape({.training = training, .rng = Rng(1)});
  return dropout(tape.input(x), ratio);
}

Results causal_convolution(Node& n) {
  const Tensor x = n.real(0), weight = n.real(1);
  const Tensor bias = n.has(2) ? n.real(2) : Tensor(), state = n.has(3) ? n.real(3) : Tensor();
  const std::string activation = n.text("activation", "none");
  const auto result = causal_conv(x, weight.squeeze(1), bias, state);
  const DType dtype = n.type(0);
  const Tensor y = activation == "silu" || activation == "swish" ? silu(result.out) : result.out;
  return {y.to(dtype), result.state.to(dtype)};
}

// [batch, steps, heads width] as [batch, heads, steps, width]
Tensor in_heads(const Tensor& x, Index heads) {
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

Results linear_attended(Node& n) {
  const Index heads = n.integer("q_num_heads", 1), kv_heads = n.integer("kv_num_heads", 1);
  const std::string rule = n.text("update_rule", "gated_delta");
  const DType dtype = n.type(0);
  LinearAttentionOptions options;
  options.scale = n.number("scale", 0);
  if (n.has(3)) options.state = n.real(3);
  if (rule.starts_with("gated")) options.decay = in_heads(n.real(4), kv_heads);
  if (rule.ends_with("delta")) {
    const Tensor beta = n.real(5).transpose(1, 2);
    options.beta = beta.expand({beta.size(0), kv_heads, beta.size(2)});
  }
  const Tensor q = in_heads(n.real(0), heads);
  const auto result =
      linear_attention(q, in_heads(n.real(1), kv_heads), in_heads(n.real(2), kv_heads), options);
  const Tensor out = result.out.transpose(1, 2).reshape({q.size(0), q.size(2), -1});
  return {out.to(dtype), result.state.to(dtype)};
}

const Nodes onnx_layers({
    {"RNN", [](Node& n) { return recurrent<RnnCell<>>(n, {0}); }},
    {"GRU", gated},
    {"LSTM",
     [](Node& n) {
       return recurrent<LstmCell<>>(n, {0, 2, 3, 1});
     }},
    {"Dropout", dropped},
    {"CausalConvWithState", causal_convolution},
    {"Conv", [](Node&) -> Results { throw Skip{"convolution over images"}; }},
    {"LinearAttention", linear_attended},
});

}  // namespace
}  // namespace cfm::conformance::onnx
