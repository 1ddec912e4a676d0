// The code of docs/guide/graphs.md, and what it promises: a network on parts gives the bits of the
// whole circuit in the memory of a part.
#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/functional_classes.hpp>
#include <cfm/circuit/hop_labels.hpp>
#include <cfm/circuit/reconvergence.hpp>
#include <cfm/circuit/sample_cones.hpp>
#include <cfm/circuit/sequential_activity.hpp>
#include <cfm/circuit/truth_table_pairs.hpp>
#include <cfm/graph/areas.hpp>
#include <cfm/graph/cone_relation.hpp>
#include <cfm/graph/hop_features.hpp>
#include <cfm/graph/partition.hpp>
#include <cfm/graph/random_walk.hpp>
#include <cfm/graph/sample.hpp>
#include <cfm/graph/shortest_paths.hpp>
#include <cfm/nn/pooling.hpp>
#include <cfm/nn/sage_conv.hpp>
#include <cfm/nn/structural_encoding.hpp>
#include <cfm/nn/virtual_node.hpp>
#include <cfm/tensor/pool.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

struct GuideNetwork {
  std::vector<SageConv<>> layers;

  explicit GuideNetwork(Rng rng) {
    Init init(rng);
    layers.emplace_back(3, 32, init.next());
    layers.emplace_back(32, 32, init.next());
    layers.emplace_back(32, 8, init.next());
  }
  Tensor operator()(const Graph& graph, const Tensor& x) const {
    Var h = layers[0](graph, x);
    for (std::size_t l = 1; l < layers.size(); ++l) h = layers[l](graph, relu(h));
    return h.value();
  }
};

}  // namespace

TEST_CASE("guide to graphs: streaming over parts equals the whole circuit, in less memory") {
  const Aig aig = carry_save_multiplier(32);
  const ExplicitNotGraph circuit = explicit_not_graph(aig);
  const Tensor features = circuit.features();
  const GuideNetwork network(Rng(1));

  BufferPool::instance().reset_peak();
  const Index before = BufferPool::instance().usage().current;
  const Tensor whole = network(circuit.graph, features);
  const Index peak_whole = BufferPool::instance().usage().peak - before;

  const Index held = BufferPool::instance().usage().current;
  BufferPool::instance().reset_peak();
  Tensor out = Tensor::empty({circuit.nodes(), 8});
  for_each_part(circuit.graph, {.core = 1000, .halo = 3},
                [&](const Part& part) { part.put(out, network(part.graph, part.rows(features))); });
  const Index peak_parts = BufferPool::instance().usage().peak - held - out.size() * 4;

  const auto a = std::as_const(whole).span<float>(), b = std::as_const(out).span<float>();
  CHECK(std::equal(a.begin(), a.end(), b.begin()));
  CHECK(circuit.nodes() > 10000);
  CHECK(peak_parts * 3 < peak_whole);
}

TEST_CASE("guide to graphs: its code runs") {
  const Aig design = carry_save_multiplier(8);
  const std::vector<Cone> cones =
      sample_cones(design, {.cones = 20, .window = {.min_nodes = 30, .max_nodes = 400}});
  REQUIRE(!cones.empty());
  const Aig& aig = cones[0].aig;

  const ExplicitNotGraph graph = explicit_not_graph(aig);
  const NodeFunctions functions = node_functions(graph, {.patterns = 15000, .rng = Rng(1)});
  CHECK(functions.probability.size() == static_cast<std::size_t>(graph.nodes()));
  const TruthTablePairs pairs =
      truth_table_pairs(graph.graph, functions, TruthTablePairOptions::deepgate2());
  CHECK(pairs.first.size() == pairs.distance.size());
  const auto meet = cones_meet(graph.graph.fanins(), pairs.first, pairs.second);
  for (const std::uint8_t m : meet) CHECK(m == 1);  // equal sources: cones meet

  const ReconvergenceTable found = reconvergence(graph.graph);
  const SkipEdgeGraph skip = with_skip_edges(graph.graph, found);
  CHECK(skip.attributes().size(0) == skip.graph.edges());

  const FunctionalClasses classes = functional_classes(aig);
  CHECK(classes.classes() <= aig.variables());

  const std::vector<Hop> hops = find_hops(graph, draw_roots(graph, 0.15, Rng(2)));
  const HopPairs hop_labels = hop_pairs(graph, hops, {.edit = {.budget = 100}});
  CHECK(hop_labels.first.size() == hops.size() * hops.size() / 10);

  const Activity activity = sequential_activity(
      aig,
      {.inputs = std::vector<InputWorkload>(aig.inputs(), {.probability = 0.3, .transition = 0.1}),
       .steps = 100});
  CHECK(std::abs(activity.rise[1] - 0.1) < 0.02);

  const std::vector<Area> areas = cone_areas(graph.graph, {.depth = 8, .stride = 6});
  CHECK(!areas.empty());
  const Tensor slots = hop_features(graph.graph, graph.features(), {.hops = 8});
  CHECK(slots.shape() == Shape{graph.nodes(), 9, 3});
  const std::vector<std::int32_t> seeds = {graph.outputs[0]};
  const NeighborSample sample =
      sample_neighbors(graph.graph, seeds, {.fanouts = {10, 10}, .rng = Rng(3)});
  CHECK(sample.nodes[0] == seeds[0]);

  const Tensor walks = random_walk_encoding(graph.graph, 16);
  const LaplacianEigenvectors smooth = laplacian_eigenvectors(graph.graph, {.count = 8});
  const Tensor distances = shortest_paths(graph.graph, {.max_distance = 8});
  CHECK(distances.size() == graph.nodes() * graph.nodes());
  const SignNet<> sign_net({.count = 8, .out = 16}, Rng(4));
  const Var encoding = sign_net(undirected(graph.graph), walks, smooth);
  CHECK(encoding.shape() == Shape{graph.nodes(), 16});

  const GraphBatch batch(std::vector<Graph>{graph.graph, graph.graph});
  const Var x = cat(std::vector<Var>{encoding, encoding});
  const AttentionPool<> pool(16, 32, Rng(5));
  const Tensor rows = pool(batch, x).value();
  for (Index c = 0; c < 16; ++c)
    CHECK(rows.span<float>()[static_cast<std::size_t>(c)] ==
          rows.span<float>()[static_cast<std::size_t>(16 + c)]);
  const VirtualNode<> virtual_node(16, Rng(6));
  Var state = virtual_node.initial(batch, x);
  const VirtualExchange next = virtual_node(batch, x, state);
  CHECK(next.nodes.shape() == x.shape());
}
