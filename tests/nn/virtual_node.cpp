#include <cfm/nn/virtual_node.hpp>

#include "../test.hpp"
#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

GraphBatch virtual_batch() {
  const auto path = [](std::int32_t n) {
    std::vector<std::int32_t> sources, targets;
    for (std::int32_t v = 1; v < n; ++v) {
      sources.push_back(v - 1);
      targets.push_back(v);
    }
    return Graph::from_edges(n, sources, targets);
  };
  return GraphBatch(std::vector<Graph>{path(3), path(5)});
}

}  // namespace

TEST_CASE("virtual node: the formula by hand with an identity inside") {
  VirtualNode<> node(1, Init(Rng(1), DType::f64));
  // relu(x) - relu(-x) = x through the two hidden columns.
  node.mlp = Mlp<>({.in = 1, .hidden = 2, .out = 1}, Init(Rng(1), DType::f64));
  std::size_t part = 0;
  const std::vector<double> values[] = {{1, -1}, {0, 0}, {1, -1}, {0}};
  for_each_parameter(node.mlp, [&](std::string_view, Parameter& p) {
    std::copy(values[part].begin(), values[part].end(), p.value.span<double>().begin());
    ++part;
  });
  node.start.value.fill(0.5);
  const GraphBatch batch = virtual_batch();
  const Tensor x = Tensor::of<double>({1, 2, 3, 4, 5, 6, 7, 8}).reshape({8, 1});
  const Var state = node.initial(batch, x);
  CHECK(state.shape() == Shape{2, 1});
  const VirtualExchange out = node(batch, x, state);
  for (std::size_t v = 0; v < 8; ++v)
    CHECK(out.nodes.value().span<double>()[v] == static_cast<double>(v) + 1.5);
  const Tensor next = out.state.value().contiguous();
  CHECK(next.span<double>()[0] == doctest::Approx(0.5 + 0.5 + 6 + 1.5));
  CHECK(next.span<double>()[1] == doctest::Approx(0.5 + 0.5 + 30 + 2.5));
}

TEST_CASE("virtual node: one exchange carries news between nodes without a path") {
  const GraphBatch batch = virtual_batch();
  const VirtualNode<> node(2, Init(Rng(2), DType::f64));
  const auto run = [&](const Tensor& x) {
    VirtualExchange e = node(batch, x, node.initial(batch, x));
    return node(batch, e.nodes, e.state).nodes.value();
  };
  Tensor x = noise({8, 2}, 3);
  const Tensor before = run(x);
  x.span<double>()[2 * 2] += 1;  // node 2, which node 0 cannot be reached from
  const Tensor after = run(x);
  CHECK(std::abs(before.span<double>()[0] - after.span<double>()[0]) > 1e-6);
  for (std::size_t i = 6; i < 16; ++i)  // the other graph hears nothing
    CHECK(before.span<double>()[i] == after.span<double>()[i]);
}

TEST_CASE("virtual node: gradients in double, wrong shapes are named") {
  const GraphBatch batch = virtual_batch();
  const VirtualNode<> node(2, Init(Rng(4), DType::f64));
  check_module(node, noise({8, 2}, 5), [&](const auto& m, const Var& x) {
    const VirtualExchange e = m(batch, x, m.initial(batch, x));
    const VirtualExchange f = m(batch, e.nodes, e.state);
    return cat(std::vector<Var>{f.nodes, f.state});
  });
  CHECK_THROWS_AS(node(batch, noise({8, 2}, 1), noise({3, 2}, 1)), ShapeError);
  CHECK_THROWS_AS(node(batch, noise({7, 2}, 1), noise({2, 2}, 1)), ShapeError);
}
