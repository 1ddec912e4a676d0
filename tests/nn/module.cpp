#include <cfm/nn/module.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

struct Leaf {
  Parameter w{Tensor::ones({2, 3})};
  Buffer count{Tensor::zeros({}, DType::i64)};
  static void visit(auto& self, auto&& v) {
    v("w", self.w);
    v("count", self.count);
  }
};

struct Tree {
  Leaf first;
  std::vector<Leaf> list{2};
  std::array<Parameter, 2> pair{Parameter{Tensor::zeros({1})}, Parameter{Tensor::zeros({1})}};
  std::optional<Parameter> bias, absent;
  Leaf unnamed;
  Parameter tied = first.w;

  Tree() : bias(Parameter{Tensor::zeros({4})}) {}
  static void visit(auto& self, auto&& v) {
    v("first", self.first);
    v("list", self.list);
    v("pair", self.pair);
    v("bias", self.bias);
    v("absent", self.absent);
    v("", self.unnamed);
    v("tied", self.tied);
  }
};

std::vector<std::string> names(auto& module) {
  std::vector<std::string> out;
  for_each_tensor(module, [&](std::string_view name, auto&) { out.emplace_back(name); });
  return out;
}

}  // namespace

static_assert(Module<Tree> && Module<const Tree>);
static_assert(!Module<Tensor> && !Module<int>);

TEST_CASE("module: names come from the list, in its order") {
  const Tree tree;
  CHECK(names(tree) == std::vector<std::string>{
                           "first.w", "first.count", "list.0.w", "list.0.count", "list.1.w",
                           "list.1.count", "pair.0", "pair.1", "bias", "w", "count", "tied"});
  std::vector<std::string> parameters, buffers;
  for_each_parameter(tree,
                     [&](std::string_view n, const Parameter&) { parameters.emplace_back(n); });
  for_each_buffer(tree, [&](std::string_view n, const Buffer&) { buffers.emplace_back(n); });
  CHECK(parameters.size() == 8);
  CHECK(buffers ==
        std::vector<std::string>{"first.count", "list.0.count", "list.1.count", "count"});
}

TEST_CASE("module: counts a tied parameter once, and frozen ones apart") {
  Tree tree;
  CHECK(parameter_count(tree) == 4 * 6 + 2 + 4);
  CHECK(freeze(tree, NamePattern("list.*")) == 2);
  CHECK(parameter_count(tree, Counted::trainable) == 2 * 6 + 2 + 4);
  CHECK(parameter_count(tree) == 30);
  CHECK(unfreeze(tree) == 8);
  CHECK(parameter_count(tree, Counted::trainable) == 30);
}

TEST_CASE("module: copies share, clones do not, ties stay") {
  Tree tree;
  Tree copy = tree;
  Tree deep = clone(tree);
  tree.first.w.value.fill(7);
  tree.list[1].count.value.fill(3);
  CHECK(copy.first.w.value.span<float>()[0] == 7);
  CHECK(copy.tied.value.span<float>()[5] == 7);
  CHECK(deep.first.w.value.span<float>()[0] == 1);
  CHECK(deep.list[1].count.value.item<std::int64_t>() == 0);
  deep.tied.value.fill(9);
  CHECK(deep.first.w.value.span<float>()[2] == 9);
  CHECK(tree.first.w.value.span<float>()[2] == 7);
}

TEST_CASE("module: to converts floats alone, into memory of its own") {
  Tree tree;
  tree.first.w.frozen = true;
  const Tree wide = to(tree, DType::f64);
  CHECK(wide.first.w.value.dtype() == DType::f64);
  CHECK(wide.first.w.frozen);
  CHECK(wide.first.count.value.dtype() == DType::i64);
  CHECK(wide.tied.value.address() == wide.first.w.value.address());
  const Tree same = to(tree, DType::f32);
  CHECK(same.first.w.value.address() != tree.first.w.value.address());
  CHECK_THROWS_WITH_AS(to(tree, DType::i32), doctest::Contains("needs a floating-point type: i32"),
                       TypeError);
}

TEST_CASE("module: summary is a table with totals") {
  Leaf leaf;
  leaf.w.frozen = true;
  CHECK(summary(leaf) ==
        "name   shape      elements\n"
        "w      f32[2, 3]         6  frozen\n"
        "count  i64[]             1  buffer\n"
        "6 parameters, 0 trainable\n");
}

TEST_CASE("module: bind gives one leaf a tape, constants without a tape or when frozen") {
  Parameter p{Tensor::ones({2})};
  Tape tape;
  const Var x = tape.input(Tensor::zeros({1}));
  CHECK(bind(x, p).slot() == bind(x, p).slot());
  CHECK(bind(x, p).needs_grad());
  CHECK(!bind(Var(Tensor::zeros({1})), p).needs_grad());
  p.frozen = true;
  CHECK(!bind(x, p).needs_grad());
}

TEST_CASE("name pattern: stars and question marks") {
  CHECK(NamePattern("*")(""));
  CHECK(NamePattern("*.bias")("layers.3.bias"));
  CHECK(!NamePattern("*.bias")("layers.3.bias_ih"));
  CHECK(NamePattern("layers.?.w*")("layers.3.weight"));
  CHECK(!NamePattern("layers.?.w*")("layers.13.weight"));
  CHECK(NamePattern("a*b*c")("aXbYbZc"));
  CHECK(!NamePattern("a*b*c")("aXbYbZ"));
  CHECK(!NamePattern("")("a"));
  CHECK(NamePattern("**")("a"));
}
