#include <cfm/circuit/node_functions.hpp>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// The probability of each variable by summing over all assignments of sources.
std::vector<double> slow_probabilities(const Aig& aig, const std::vector<double>& p) {
  const std::size_t sources = aig.first_and() - 1;
  std::vector<double> out(aig.variables(), 0);
  for (std::uint64_t m = 0; m < std::uint64_t{1} << sources; ++m) {
    std::vector<std::uint64_t> words;
    double weight = 1;
    for (std::size_t i = 0; i < sources; ++i) {
      const bool one = (m >> i & 1) != 0;
      words.push_back(one ? ~std::uint64_t{0} : 0);
      weight *= one ? p[i] : 1 - p[i];
    }
    const auto value = evaluate(aig, words);
    for (std::size_t v = 0; v < value.size(); ++v) out[v] += (value[v] & 1) != 0 ? weight : 0;
  }
  return out;
}

}  // namespace

TEST_CASE("node functions: exact probabilities equal the sum over all assignments") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Aig aig =
        random_aig({.inputs = 2 + seed % 5, .latches = seed % 4, .ands = 40}, Rng(seed));
    const std::size_t sources = aig.first_and() - 1;
    std::vector<double> half(sources, 0.5), biased(sources);
    for (std::size_t i = 0; i < sources; ++i) biased[i] = 0.05 + 0.1 * static_cast<double>(i);
    for (const auto& p : {half, biased}) {
      const auto expected = slow_probabilities(aig, p);
      PatternOptions options;
      if (p[0] != 0.5) options.probability = p;
      const SourcePatterns patterns = source_patterns(aig, options);
      const NodeFunctions rows = node_functions(aig, patterns);
      const auto stream = signal_probabilities(aig, patterns);
      const ExplicitNotGraph graph = explicit_not_graph(aig);
      const NodeFunctions nodes = node_functions(graph, patterns);
      const auto mapped = node_probabilities(graph, stream);
      CHECK(rows.exact);
      for (std::size_t v = 0; v < expected.size(); ++v) {
        CHECK(rows.probability[v] == doctest::Approx(expected[v]).epsilon(1e-12));
        CHECK(stream[v] == doctest::Approx(expected[v]).epsilon(1e-12));
      }
      for (std::size_t v = 0; v < mapped.size(); ++v)
        CHECK(mapped[v] == doctest::Approx(nodes.probability[v]).epsilon(1e-12));
    }
  }
}

TEST_CASE("node functions: random patterns come near, distances are differing shares") {
  const Aig aig = random_aig({.inputs = 9, .ands = 60}, Rng(4));
  const NodeFunctions exact = node_functions(aig);
  const NodeFunctions sampled = node_functions(aig, {.exact_below = 0, .patterns = 64000});
  for (std::size_t v = 0; v < aig.variables(); ++v)
    CHECK(std::abs(exact.probability[v] - sampled.probability[v]) < 0.012);  // 6 sigma
  for (Index a = 0; a < 30; ++a) {
    CHECK(exact.distance(a, a) == 0);
    CHECK(exact.distance(a, 0) == doctest::Approx(exact.probability[static_cast<std::size_t>(a)]));
    std::size_t differ = 0;
    for (Index p = 0; p < exact.values.patterns(); ++p)
      differ += exact.values.get(a, p) != exact.values.get(20, p);
    CHECK(exact.distance(a, 20) ==
          static_cast<double>(differ) / static_cast<double>(exact.values.patterns()));
  }
  const NodeFunctions biased = node_functions(aig, {.probability = std::vector<double>(9, 0.25)});
  CHECK(biased.distance(3, 0) == doctest::Approx(biased.probability[3]));
  CHECK(biased.probability[1] == doctest::Approx(0.25));
}

TEST_CASE("node functions: streaming equals kept bits, for any number of threads") {
  const Aig aig = random_aig({.inputs = 40, .ands = 3000, .window = 200}, Rng(8));
  const SourcePatterns patterns = source_patterns(aig);
  const NodeFunctions rows = node_functions(aig, patterns);
  for (const int threads : {1, 2, 3, 8})
    CHECK(ThreadLimit(threads).run([&] { return signal_probabilities(aig, patterns); }) ==
          rows.probability);
}

TEST_CASE("node functions: graphs with their nodes in any order, and bad ones named") {
  // y = !(a b) with the gate first: nodes 0 AND, 1 input, 2 NOT, 3 input.
  ExplicitNotGraph g;
  g.graph =
      Graph::from_edges(4, std::vector<std::int32_t>{1, 3, 0}, std::vector<std::int32_t>{0, 0, 2});
  g.kinds = {NodeKind::and_gate, NodeKind::input, NodeKind::not_gate, NodeKind::input};
  const NodeFunctions f = node_functions(g, {.probability = {0.5, 0.2}});
  CHECK(f.probability[0] == doctest::Approx(0.1));
  CHECK(f.probability[2] == doctest::Approx(0.9));
  g.kinds[2] = NodeKind::and_gate;
  CHECK(error_of([&] { node_functions(g); }).find("wrong number of fan-ins") != std::string::npos);
  g.kinds[2] = NodeKind::output;
  CHECK(error_of([&] { node_functions(g); }).find("not an input") != std::string::npos);
  CHECK_THROWS_AS(node_probabilities(g, std::vector<double>(9)), Error);
  Aig constant;
  const Literal t = constant.add_and(literal_true, literal_true);
  CHECK(node_functions(constant).probability[t.variable()] == 1);
  CHECK(signal_probabilities(constant, source_patterns(constant))[t.variable()] == 1);
}
