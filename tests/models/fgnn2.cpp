#include <cfm/models/fgnn2.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/circuit/carry_save_multiplier.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

// 3 = AND(0, 1), 4 = AND(not 3, 2), 5 = AND(not 0, 4), inverted output 5.
Fgnn2Graph golden_fgnn(bool swapped = false) {
  const std::int32_t from[] = {0, 1, 3, 2, 0, 4}, swapped_from[] = {1, 0, 2, 3, 4, 0};
  const std::int32_t to[] = {3, 3, 4, 4, 5, 5};
  const std::uint8_t type[] = {0, 0, 1, 0, 1, 0}, swapped_type[] = {0, 0, 0, 1, 0, 1};
  const std::uint8_t inverted[] = {0, 0, 0, 0, 0, 1};
  return fgnn2_graph(
      Graph::from_edges(6, swapped ? swapped_from : from, to, swapped ? swapped_type : type),
      inverted, {5});
}

}  // namespace

TEST_CASE("fgnn2: golden vectors") {
  Fgnn2<> model({.width = 4, .hidden = 2, .projection = 4});
  test::fill_by_formula(model);
  const Fgnn2Graph g = golden_fgnn();
  const Var h = model(g);
  test::check_values(slice(h, 0, 3, 6).value(),
                     {-.432061, -.225690, .121065, .542098, -.461503, -.241379, .163564, .522415,
                      -.310115, .152737, .482581, .371806});
  test::check_values(model.outputs(g, h).value(), {.454800, -.558425, -.746223, .461875});
}

TEST_CASE("fgnn2: the order of fan-ins changes nothing") {
  const Fgnn2<> model({.width = 8, .hidden = 4}, Rng(3));
  CHECK(test::same_bits(model(golden_fgnn()).value(), model(golden_fgnn(true)).value()));
}

TEST_CASE("fgnn2: graphs of circuits, names, gradients") {
  const Aig aig = carry_save_multiplier(3);
  const Fgnn2Graph g = fgnn2_graph(aig);
  CHECK(g.nodes() == static_cast<Index>(aig.variables()) - 1);
  CHECK(g.outputs.size() == 6);
  Fgnn2<> model;
  CHECK(model.config().width == 256);
  std::vector<std::string> names;
  for_each_tensor(model, [&](std::string_view n, const auto&) { names.emplace_back(n); });
  CHECK(names.size() == 12);
  CHECK(names[2] == "func_inv.layers.2.weight");
  Fgnn2<> small({.width = 3, .hidden = 2, .projection = 2}, Init(Rng(3), DType::f64));
  const Tensor weight = small.func_inv.linear(0).weight.value.value;
  const Fgnn2Graph tiny = golden_fgnn();
  const auto report = gradcheck(
      [&](const std::vector<Var>& in) {
        // The checked tensor takes the place of a parameter, which binds to the leaf.
        const_cast<Linear<>&>(small.func_inv.linear(0)).weight.value.value = in[0].value();
        return small.outputs(tiny, small(tiny, in[0]));
      },
      {weight.clone()});
  CHECK_MESSAGE(report.passed, concat(report));
}

TEST_CASE("fgnn2: a batch gives the bits of each circuit alone") {
  const std::vector<Aig> circuits{carry_save_multiplier(2), carry_save_multiplier(4),
                                  carry_save_multiplier(3)};
  const Fgnn2<> model({.width = 8, .hidden = 4}, Rng(3));
  const Fgnn2Graph all = fgnn2_graph(std::span<const Aig>(circuits));
  CHECK(all.circuits.size() == 4);
  const Var states = model(all);
  const Var outputs = model.outputs(all, states);
  Index node = 0, output = 0;
  for (const Aig& aig : circuits) {
    const Fgnn2Graph alone = fgnn2_graph(aig);
    const Var h = model(alone);
    CHECK(test::same_bits(h.value(), slice(states, 0, node, node + alone.nodes()).value()));
    const auto count = static_cast<Index>(alone.outputs.size());
    CHECK(test::same_bits(model.outputs(alone, h).value(),
                          slice(outputs, 0, output, output + count).value()));
    node += alone.nodes();
    output += count;
  }
}
