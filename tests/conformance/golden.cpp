// Golden cases of single layers, written with operations alone. Modules have a file of their own.

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_norm.hpp>
#include <cfm/autograd/ops_segment.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

Var layer(Case& c, const Var& x, const std::string& name) {
  return linear(x, c.leaf(name + "weight"), c.leaf(name + "bias"));
}

void layer_norm_case(Case& c) {
  const Var x = c.leaf("in.0");
  const Var gain = c.leaf("param.weight"), bias = c.leaf("param.bias");
  const int dims = gain.rank();
  Extents shape;
  for (int d = 0; d < x.rank() - dims; ++d) shape.push_back(x.size(d));
  shape.push_back(gain.size());
  const Var y = layer_norm(reshape(x, shape), reshape(gain, {gain.size()}),
                           reshape(bias, {gain.size()}), c.number("eps", 1e-5));
  c.outputs({reshape(y, x.shape())});
}

// A mean of 1e4 is a float with a spacing of 1e-3, and the spread is about 1: a float result may be
// off by 5e-4 from the float64 one, torch's and ours, and by the sum of both from each other.
void layer_norm_huge_mean(Case& c) {
  c.outputs({layer_norm(c.leaf("in.0"), c.leaf("param.weight"), c.leaf("param.bias"))}, 250);
}

void batch_norm_case(Case& c) {
  const bool training = c.number("train", 0) != 0;
  c.start({.training = training});
  const Var x = c.leaf("in.0");
  const Tensor mean = training ? Tensor::zeros({x.size(1)}) : c.tensor("buffer.running_mean");
  const Tensor variance = training ? Tensor::ones({x.size(1)}) : c.tensor("buffer.running_var");
  c.outputs({batch_norm(x, c.leaf("param.weight"), c.leaf("param.bias"), mean, variance)});
  c.tape().commit();
  c.expect("buffer.running_mean", mean);
  c.expect("buffer.running_var", variance);
}

void segment_case(Case& c) {
  const Var x(c.tensor("x"));
  const Segments segments(c.tensor("seg"), c.tensor("n").item<std::int64_t>());
  c.expect("sum", segment_sum(x, segments).value());
  c.expect("mean", segment_mean(x, segments).value());
  c.expect("amax", segment_max(x, segments).value());
  c.expect("amin", segment_min(x, segments).value());
  c.expect("softmax", segment_softmax(x, segments).value());
}

// in.1 holds sources and targets.
Graph graph_of(const Tensor& edges, Index nodes) {
  const Tensor narrow = edges.to(DType::i32);
  const Tensor sources = narrow.select(0, 0).contiguous(),
               targets = narrow.select(0, 1).contiguous();
  return Graph::from_edges(nodes, sources.span<std::int32_t>(), targets.span<std::int32_t>());
}

void sage_case(Case& c, Var (*aggregate)(const Neighbours&, const Var&)) {
  const Var x = c.leaf("in.0");
  const Graph graph = graph_of(c.tensor("in.1"), x.size(0));
  const Var own = matmul(x, c.leaf("param.w1"));
  c.outputs({own + matmul(aggregate(graph, x), c.leaf("param.w2")) + c.leaf("param.b")});
}

const Cases layer_goldens({
    {"linear_33_7", [](Case& c) { c.outputs({layer(c, c.leaf("in.0"), "param.")}); }},
    {"mlp_relu",
     [](Case& c) {
       c.outputs({layer(c, relu(layer(c, c.leaf("in.0"), "param.0.")), "param.2.")});
     }},
    {"mlp_gelu_ln",
     [](Case& c) {
       const Var h = gelu(layer(c, c.leaf("in.0"), "param.0."));
       const Var n = layer_norm(h, c.leaf("param.2.weight"), c.leaf("param.2.bias"));
       c.outputs({layer(c, n, "param.3.")});
     }},
    {"bilinear",
     [](Case& c) {
       // y[n, k] = x1[n] W[k] x2[n] + b[k]
       const Var left = unsqueeze(c.leaf("in.0"), 1), right = unsqueeze(c.leaf("in.1"), 2);
       const Var w = c.leaf("param.weight");
       const Var inner = matmul(unsqueeze(left, 1), unsqueeze(w, 0));  // [n, k, 1, in2]
       const Var y = matmul(inner, unsqueeze(right, 1));               // [n, k, 1, 1]
       c.outputs({squeeze(squeeze(y, 3), 2) + c.leaf("param.bias")});
     }},
    {"layernorm_17", layer_norm_case},
    {"layernorm_2d", layer_norm_case},
    {"layernorm_tiny", layer_norm_case},
    {"layernorm_huge_mean", layer_norm_huge_mean},
    {"rmsnorm",
     [](Case& c) {
       const Var y = rms_norm(c.leaf("x"), c.leaf("g"), c.number("eps", 1e-6));
       c.expect("y", y.value());
       c.tape().backward(y, c.tensor("cot"));
       c.expect("gx", c.tape().grad(c.parameter("x")));
       c.expect("gg", c.tape().grad(c.parameter("g")));
     }},
    {"groupnorm",
     [](Case& c) {
       const Index groups = static_cast<Index>(c.number("groups", 3));
       c.outputs(
           {group_norm(c.leaf("in.0"), groups, c.leaf("param.weight"), c.leaf("param.bias"))});
     }},
    {"batchnorm_train", batch_norm_case},
    {"batchnorm_eval", batch_norm_case},
    {"embedding",
     [](Case& c) { c.outputs({embedding(c.leaf("param.weight"), c.tensor("in.0"))}); }},
    {"segment_ops", segment_case},
    {"graph_sage_mean", [](Case& c) { sage_case(c, aggregate_mean); }},
    {"graph_sage_max", [](Case& c) { sage_case(c, aggregate_max); }},
});

}  // namespace
}  // namespace cfm::conformance
