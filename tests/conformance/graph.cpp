// Graph layers against PyTorch: modules with the tensors of the case, outputs and gradients.

#include <cfm/nn/gat_conv.hpp>
#include <cfm/nn/gcn_conv.hpp>
#include <cfm/nn/gin_conv.hpp>
#include <cfm/nn/rgcn_conv.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

// in.1 holds sources and targets; `loops` adds one a node, `types` gives edge i the type i mod 3.
Graph case_graph(const Case& c, bool loops = false, bool types = false) {
  const Tensor ends = c.tensor("in.1").to(DType::i32);
  const Index nodes = c.tensor("in.0").size(0);
  const Tensor from = ends.select(0, 0).contiguous(), to = ends.select(0, 1).contiguous();
  std::vector<std::int32_t> sources(from.span<std::int32_t>().begin(),
                                    from.span<std::int32_t>().end()),
      targets(to.span<std::int32_t>().begin(), to.span<std::int32_t>().end());
  std::vector<std::uint8_t> kinds;
  for (Index v = 0; loops && v < nodes; ++v) {
    sources.push_back(static_cast<std::int32_t>(v));
    targets.push_back(static_cast<std::int32_t>(v));
  }
  for (std::size_t e = 0; types && e < sources.size(); ++e)
    kinds.push_back(static_cast<std::uint8_t>(e % 3));
  return Graph::from_edges(nodes, sources, targets, kinds);
}

// A weight that the case has as [in, out].
Tensor turned(const Tensor& weight) { return weight.transpose(0, 1).clone(); }

const Cases graph_layers({
    // The case keeps loops of the graph beside those that it adds.
    {"graph_gcn",
     [](Case& c) {
       GcnConv<> conv(6, 4, {}, {.self_loops = false});
       conv.lin.weight.value.value = turned(c.tensor("param.w"));
       conv.bias->value = c.parameter("param.b");
       c.outputs({conv(case_graph(c, true), c.leaf("in.0"))});
       c.expect("grad.param.w", turned(c.tape().grad(conv.lin.weight.value.value)));
     }},
    {"graph_gat_*",
     [](Case& c) {
       const Index heads = c.tensor("param.a_s").size(0);
       GatConv<> conv({.in = 6, .out = 4, .heads = heads, .self_loops = false});
       conv.lin.weight.value.value = turned(c.tensor("param.w"));
       conv.att_src.value = c.tensor("param.a_s").reshape({1, heads, 4}).clone();
       conv.att_dst.value = c.tensor("param.a_d").reshape({1, heads, 4}).clone();
       conv.bias->value = c.parameter("param.b");
       c.outputs({conv(case_graph(c), c.leaf("in.0"))});
       const auto grad = [&](const Parameter& p) {
         return c.tape().grad(p.value).reshape({heads, 4});
       };
       c.expect("grad.param.w", turned(c.tape().grad(conv.lin.weight.value.value)));
       c.expect("grad.param.a_s", grad(conv.att_src));
       c.expect("grad.param.a_d", grad(conv.att_dst));
     }},
    {"graph_gin",
     [](Case& c) {
       Mlp<> net({.in = 6, .hidden = 8, .out = 8});
       for_each_parameter(net, [&](std::string_view name, Parameter& p) {
         p.value = c.parameter(concat("param.l", name.front() == '0' ? "1" : "2", name.substr(1)));
       });
       GinConv<> conv(net, {}, {.learned = true});
       conv.eps.value = c.parameter("param.eps");
       c.outputs({conv(case_graph(c), c.leaf("in.0"))});
     }},
    {"graph_rgcn_r3",
     [](Case& c) {
       RgcnConv conv(6, 4, 3);
       conv.weight.value = c.parameter("param.w");
       conv.root->value = c.parameter("param.root");
       conv.bias->value = c.parameter("param.b");
       c.outputs({conv(case_graph(c, false, true), c.leaf("in.0"))});
     }},
});

}  // namespace
}  // namespace cfm::conformance
