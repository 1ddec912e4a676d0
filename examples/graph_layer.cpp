// A graph layer of one's own: a lambda is the message, gradients come with it.

#include <cstdio>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/autograd/ops_propagate.hpp>
#include <cfm/nn/linear.hpp>

// [layer]
// y[v] = W [mean, max over fan-ins u of gate(v, u) x[u]],  gate = sigmoid(a[v] + b[u] + inversion)
class GatedConv {
 public:
  GatedConv(cfm::Index in, cfm::Index out, cfm::Init init)
      : target(in, in, init.next()), source(in, in, init.next()), merge(2 * in, out, init.next()) {}

  cfm::Var operator()(const cfm::Neighbours& graph, const cfm::Var& x,
                      const cfm::Var& inverted) const {
    const auto message = [](auto a, auto b, auto e, auto u) { return sigmoid(a + b + e) * u; };
    return merge(cfm::propagate(graph, message, cfm::Multi(cfm::Mean{}, cfm::Max{}),
                                cfm::at_target(target(x)), cfm::at_source(source(x)),
                                cfm::at_edge(inverted), cfm::at_source(x)));
  }

  static void visit(auto& self, auto&& v) {
    v("target", self.target);
    v("source", self.source);
    v("merge", self.merge);
  }
  cfm::Linear<> target, source, merge;
};
// [layer]

int main() {
  // [use]
  const std::vector<std::int32_t> sources{0, 1, 1, 2, 3}, targets{2, 2, 3, 4, 4};
  const std::vector<std::uint8_t> types{0, 1, 0, 0, 1};  // 1: inverted
  const cfm::Graph graph = cfm::Graph::from_edges(5, sources, targets, types);
  const cfm::Tensor inverted = cfm::edge_values(graph, {0, 1});
  const GatedConv layer(3, 2, cfm::Init(cfm::Rng(1)));
  const cfm::Tensor x = cfm::Tensor::ones({5, 3});
  const cfm::Var down = layer(cfm::fanins_of(graph), x, inverted);  // from inputs to outputs
  const cfm::Var up = layer(cfm::fanouts_of(graph), x, inverted);   // and back
  // [use]
  std::printf("%s %s\n", cfm::concat(down.value()).c_str(), cfm::concat(up.value()).c_str());

  // [check]
  const auto gate = [](auto s, auto t) { return sigmoid(t) * s; };
  const auto report = cfm::gradcheck(
      [&](const auto& v) { return cfm::propagate(graph, v[0], gate, cfm::SoftmaxSum{}); },
      {cfm::Tensor::of<double>({-1, 0.5, 2, 0.25, -0.75}).reshape({5, 1})});
  std::printf("%s: %s\n", report ? "gradients agree" : "WRONG", cfm::concat(report).c_str());
  // [check]
  return report ? 0 : 1;
}
