/// @file  The README's quick start: a trained network finds the adders of a netlist.
///
///   quickstart [MODEL [NETLIST.aig]]      MODEL: what find_adders --save wrote

#include <cstdio>

#include <cfm/circuit/aiger.hpp>
#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/models/gamora_classifier.hpp>

int main(int argc, char** argv) try {
  const auto find_adders =
      cfm::GamoraClassifier::load(argc > 1 ? argv[1] : "examples/data/gamora.safetensors");
  const cfm::Aig netlist = argc > 2 ? cfm::read_aiger(argv[2]) : cfm::carry_save_multiplier(64);
  const cfm::AdderLabels labels = find_adders(cfm::gamora_graph(netlist));

  std::size_t sums = 0, carries = 0;
  for (const cfm::RootLabel label : labels.root) {
    sums += label == cfm::RootLabel::sum;
    carries += label == cfm::RootLabel::carry;
  }
  std::printf("%zu ANDs: %zu sums and %zu carries of adders\n", netlist.ands(), sums, carries);
  return 0;
} catch (const cfm::Error& error) {
  std::fprintf(stderr, "quickstart: %s\n", error.what());
  return 1;
}
