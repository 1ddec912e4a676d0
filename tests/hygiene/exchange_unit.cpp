// Compiled twice, with and without -m flags; MAKE and CHECK are the names of its two functions.

#include "everything.hpp"
#include "exchange.hpp"

namespace {

cfm::Tensor small_integers(cfm::Index rows, cfm::Index columns) {
  cfm::Tensor out = cfm::Tensor::empty({rows, columns});
  cfm::Index i = 0;
  for (float& x : out.span<float>()) x = static_cast<float>(i++ * 7 % 11 - 5);
  return out;
}

cfm::Tensor product_of(const cfm::Tensor& a, const cfm::Tensor& b) {
  cfm::Tensor out = cfm::Tensor::empty({a.size(0), b.size(1)});
  cfm::matmul_nn(a.view<float, 2>(), b.view<float, 2>(), out.view<float, 2>());
  return out;
}

cfm::Aig full_adder() {
  cfm::Aig out;
  const auto exclusive_or = [&out](cfm::Literal a, cfm::Literal b) {
    return out.add_and(!out.add_and(a, b), !out.add_and(!a, !b));
  };
  const cfm::Literal a = out.add_input("a"), b = out.add_input("b"), c = out.add_input("c");
  const cfm::Literal half = exclusive_or(a, b);
  const cfm::Literal carry = !out.add_and(!out.add_and(a, b), !out.add_and(half, c));
  out.add_output(exclusive_or(half, c), "sum");
  out.add_output(carry, "carry");
  return out;
}

}  // namespace

Exchange MAKE() {
  Exchange out{std::string(cfm::simd_target()), small_integers(19, 37), small_integers(37, 23),
               {}, full_adder()};
  out.product = product_of(out.left, out.right);
  return out;
}

std::string CHECK(const Exchange& other) {
  const Exchange own = MAKE();
  if (own.target == other.target) return "both units have the target " + own.target;
  const auto same = [](const cfm::Tensor& a, const cfm::Tensor& b) {
    return std::ranges::equal(a.span<float>(), b.span<float>());
  };
  if (!same(own.left, other.left) || !same(own.right, other.right)) return "tensors differ";
  if (!same(own.product, other.product)) return "products differ";
  if (!same(product_of(other.left, other.right), other.product)) return "product of theirs differs";
  if (!(own.adder == other.adder)) return "netlists differ";
  cfm::Aig grown = other.adder;
  grown.add_output(grown.add_and(grown.output_literals()[0], grown.output_literals()[1]));
  if (grown.outputs() != 3) return "a netlist of the other unit does not grow";
  return {};
}
