#include <cfm/models/deepgate3_transformers.hpp>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

namespace {

const TransformerConfig small_stack{.dim = 8, .heads = 2, .hidden = 16, .layers = 2};

}  // namespace

TEST_CASE("deepgate3: without hidden pairs the stack is a plain encoder over function + structure") {
  const DeepGate3Refine<> refine(small_stack, Rng(1));
  const Tensor hf = test::normal_tensor({6, 8}, 1), hs = test::normal_tensor({6, 8}, 2);
  const RefinePart all{test::arange64(6), Tensor::ones({6, 6}, DType::u8)};
  const GateStates out = refine({hs, hf}, std::span(&all, 1));
  const Var t = Var(hf) + Var(hs);
  CHECK(test::worst_difference(out.function.value(),
                               (hf + refine.function_transformer(t)).value()) < 1e-5);
  CHECK(test::worst_difference(out.structure.value(),
                               (hs + refine.structure_transformer(t)).value()) < 1e-5);
}

TEST_CASE("deepgate3: gates see their cones alone, and padding says nothing") {
  const test::HopCircuitCase c(8);
  const DeepGate3Refine<> refine({.dim = 8, .heads = 2, .hidden = 16, .layers = 1}, Rng(1));
  const Index nodes = c.graph.nodes();
  const RefinePart all{test::arange64(nodes), c.relation};
  const Tensor a = refine({c.structure, c.function}, std::span(&all, 1)).function.value();
  const Tensor padded =
      refine({c.structure, c.function}, std::span(&all, 1), nodes + 7).function.value();
  CHECK(test::worst_difference(a, padded) < 1e-5);
  const Index changed = 12;
  Tensor other = c.function.clone();
  other.select(0, changed).fill(3);
  const Tensor b = refine({c.structure, other}, std::span(&all, 1)).function.value();
  Index moved = 0, still = 0;
  for (Index v = 0; v < nodes; ++v) {
    const bool related = v == changed || c.relation.view<std::uint8_t, 2>()(v, changed) != 0;
    const bool differs =
        test::worst_difference(a.slice(0, v, v + 1), b.slice(0, v, v + 1)) > 1e-7;
    CHECK(differs == related);
    ++(differs ? moved : still);
  }
  CHECK(moved > 3);
  CHECK(still > 3);
}

TEST_CASE("deepgate3: a gate in two parts has the mean, one in none keeps its states") {
  const DeepGate3Refine<> refine(small_stack, Rng(1));
  const Tensor hf = test::normal_tensor({5, 8}, 1), hs = test::normal_tensor({5, 8}, 2);
  const auto part = [](std::vector<std::int64_t> nodes) {
    const auto n = static_cast<Index>(nodes.size());
    return RefinePart{Tensor::from(std::span<const std::int64_t>(nodes), {n}),
                      Tensor::ones({n, n}, DType::u8)};
  };
  const RefinePart parts[] = {part({0, 1, 2}), part({2, 3})};
  const Tensor both = refine({hs, hf}, parts).function.value();
  const Tensor first = refine({hs, hf}, std::span(parts, 1)).function.value(),
               second = refine({hs, hf}, std::span(parts + 1, 1)).function.value();
  const auto row = [](const Tensor& t, Index v) { return t.slice(0, v, v + 1); };
  CHECK(test::worst_difference(row(both, 1), row(first, 1)) < 1e-5);
  CHECK(test::worst_difference(row(both, 3), row(second, 3)) < 1e-5);
  CHECK(test::worst_difference(row(both, 2),
                               (0.5 * (Var(row(first, 2)) + Var(row(second, 2)))).value()) < 1e-5);
  CHECK(test::worst_difference(row(both, 4), row(hf, 4)) == 0);
}

TEST_CASE("hop pooling: what leaves that are hidden say does not matter") {
  const test::HopCircuitCase c(8);
  for (const bool released : {true, false}) {
    const HopPooling<> pool(small_stack, released, Rng(4));
    HopInputs in = c.inputs;
    in.codes = in.codes.to(DType::i64).clone();
    in.codes.select(0, 0).fill(-2);
    in.codes.view<std::int64_t, 2>()(0, 3) = 1;
    const GateStates a = pool({c.structure, c.function}, in);
    HopPooling<> changed = pool;
    changed.one_token.value = test::normal_tensor({1, 8}, 9);
    const Tensor b = changed({c.structure, c.function}, in).function.value();
    // The constant 1 of the first hop is a key like others, unless the released mask hides it.
    const double first =
        test::worst_difference(a.function.value().slice(0, 0, 1), b.slice(0, 0, 1));
    CHECK((first < 1e-6) == released);
    // More slots that are no leaves: nothing changes where they are hidden.
    HopInputs longer = in;
    const Index hops = in.codes.size(0);
    longer.codes = cat({Var(Tensor::full({hops, 2}, -2, DType::i64)), Var(in.codes)}, 1).value();
    longer.leaves =
        cat({Var(Tensor::zeros({hops, 2}, DType::i64)), Var(in.leaves.to(DType::i64))}, 1).value();
    HopPooling<> flat = pool;
    flat.position.weight.value = Tensor::zeros({33, 8});
    const double padded =
        test::worst_difference(flat({c.structure, c.function}, in).function.value(),
                               flat({c.structure, c.function}, longer).function.value());
    CHECK((padded < 1e-5) == !released);
  }
}

TEST_CASE("hop pooling: structure does not depend on the order of nodes or on padding") {
  const test::HopCircuitCase c(8);
  const HopPooling<> pool(small_stack, true, Rng(4));
  const Tensor a = pool({c.structure, c.function}, c.inputs).structure.value();
  HopInputs other = c.inputs;
  const Tensor nodes = c.inputs.nodes.to(DType::i64);
  other.nodes = flip(Var(cat({Var(nodes), Var(Tensor::full({nodes.size(0), 3}, -1, DType::i64))}, 1)), {1}).value();
  const Tensor b = pool({c.structure, c.function}, other).structure.value();
  CHECK(test::worst_difference(a, b) < 1e-5);
}

TEST_CASE("hop pooling: names what is wrong") {
  const test::HopCircuitCase c(8);
  const HopPooling<> pool(small_stack, true, Rng(4));
  HopInputs in = c.inputs;
  in.codes = Tensor::full(in.codes.shape(), 3, DType::i64);
  CHECK(test::error_of([&] { pool({c.structure, c.function}, in); })
            .starts_with("hop pooling: codes of leaves are -2 ... 2"));
  in = c.inputs;
  in.roots = Tensor::full(in.roots.shape(), 999, DType::i64);
  CHECK(test::error_of([&] { pool({c.structure, c.function}, in); })
            .starts_with("hop pooling: a node does not exist"));
}
