/// @file  The code of docs/guide/circuits.md: build, write, read, simulate, cut, embed.

#include <cstdio>
#include <filesystem>

#include <cfm/circuit/adders.hpp>
#include <cfm/circuit/aiger.hpp>
#include <cfm/circuit/cone.hpp>
#include <cfm/circuit/generate_adders.hpp>
#include <cfm/circuit/graphs.hpp>
#include <cfm/circuit/levels.hpp>
#include <cfm/circuit/simulate.hpp>
#include <cfm/circuit/strash.hpp>

#include "common/args.hpp"

namespace {

void run(const std::string& out) {
  //! [build]
  cfm::Strash build;
  const cfm::Literal a = build.add_input("a"), b = build.add_input("b"), c = build.add_input("c");
  const cfm::SumCarry bit = cfm::full_adder(build, a, b, c);
  build.add_output(bit.sum, "sum");
  build.add_output(bit.carry, "carry");
  const cfm::Aig adder = build.take();
  //! [build]
  std::printf("full adder: %zu ANDs, %d levels\n", adder.ands(), cfm::depth(adder));

  //! [files]
  cfm::write_aiger(adder, out);
  const cfm::Aig again = cfm::read_aiger(out);
  //! [files]
  std::printf("written and read again: %s\n", again == adder ? "equal" : "different");

  //! [simulate]
  const std::vector<double> p = cfm::signal_probabilities(adder, {.words = 1024});
  const std::uint32_t carry = adder.output_literals()[1].variable();
  //! [simulate]
  std::printf("P(node of carry = 1) is about %.2f\n", p[carry]);

  //! [graphs]
  const cfm::ExplicitNotGraph nots = cfm::explicit_not_graph(adder);  // inverters are nodes
  const cfm::EdgeAttributeGraph edges = cfm::edge_attribute_graph(adder);  // ... or bits on edges
  const cfm::Adders found = cfm::extract_adders(adder);
  //! [graphs]
  std::printf("as graphs: %lld nodes with inverters, %lld without; %zu full adder\n",
              static_cast<long long>(nots.graph.nodes()),
              static_cast<long long>(edges.graph.nodes()), found.full());
}

}  // namespace

int main(int argc, char** argv) {
  std::string out = "out/full_adder.aig";
  examples::CommonOptions common;
  examples::Args args("circuits", "Builds, writes, reads, simulates and converts a full adder.");
  args.add("out", out, "FILE", "AIGER file to write (default out/full_adder.aig)");
  return examples::run(args, argc, argv, [&] {
    const std::filesystem::path folder = std::filesystem::path(out).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder);
    run(out);
  });
}
