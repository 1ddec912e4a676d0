// Operators without gradients: bits, places, regular tensors.

#include <cfm/kernels/bitwise.hpp>
#include <cfm/kernels/nonzero.hpp>
#include <cfm/kernels/one_hot.hpp>
#include <cfm/kernels/reduce.hpp>
#include <cfm/kernels/unique.hpp>
#include <cfm/tensor/factories.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

Operator on_bits(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](Sample& s) { return Outputs(f(s.tensor(0), s.tensor(1))); };
}

Outputs labels_as_rows(Sample& s) {
  const Tensor labels = s.tensor(0);
  const Index given = s.integer(Sample::no_position, "num_classes", -1);
  const Index classes = given >= 0 ? given : max(labels).item<std::int64_t>() + 1;
  return one_hot(labels, classes).to(DType::i64);
}

Outputs distinct_elements(Sample& s) {
  const Tensor x = s.tensor(0);
  if (!s.flag(Sample::no_position, "sorted", true)) throw Skip{"unique elements in no order"};
  const auto dim = s.find("dim");
  const auto found =
      dim ? unique(x, static_cast<int>(dim->integer<Index>())) : unique(x, std::nullopt);
  std::vector<Var> out{found.values};
  if (s.flag(Sample::no_position, "return_inverse", false)) out.push_back(found.inverse);
  if (s.flag(Sample::no_position, "return_counts", false)) out.push_back(found.counts);
  return out;
}

Outputs places_of_nonzero(Sample& s) {
  const Tensor places = nonzero(s.tensor(0));
  if (!s.flag(Sample::no_position, "as_tuple", false)) return places;
  std::vector<Var> out;
  for (Index d = 0; d < places.size(1); ++d) out.push_back(Tensor(places.select(1, d)));
  if (out.empty()) throw Skip{"places in a tensor of rank 0 as a tuple"};
  return out;
}

Outputs identity_matrix(Sample& s) {
  s.flag(Sample::no_position, "requires_grad", false);
  const Index rows = s.integer(0, "n", 0);
  return eye(rows, s.integer(1, "m", rows), s.dtype("dtype").value_or(DType::f32));
}

// Of integers; torch has it of fractions too.
Outputs counted(Sample& s) {
  const auto dtype = s.dtype("dtype");
  for (std::size_t i = 0; i < s.args(); ++i) {
    const double value = s.number(i, "", 0);
    if (value != static_cast<double>(static_cast<Index>(value)))
      throw Skip{"arange in steps that are no integers"};
  }
  const auto at = [&](std::size_t i) { return static_cast<Index>(s.number(i, "", 0)); };
  return s.args() == 1 ? arange(0, at(0), 1, dtype.value_or(DType::i64))
                       : arange(at(0), at(1), s.args() > 2 ? at(2) : 1, dtype.value_or(DType::i64));
}

const Operators bits_and_places({
    {"bitwise_and", on_bits(bitwise_and)},
    {"bitwise_or", on_bits(bitwise_or)},
    {"bitwise_xor", on_bits(bitwise_xor)},
    {"bitwise_not", [](Sample& s) { return Outputs(bitwise_not(s.tensor(0))); }},
    {"bitwise_left_shift", on_bits(shift_left)},
    {"bitwise_right_shift", on_bits(shift_right)},
    {"nn.functional.one_hot", labels_as_rows},
    {"nonzero", places_of_nonzero},
    {"unique", distinct_elements},
    {"eye", identity_matrix},
    {"arange", counted},
    {"linspace",
     [](Sample& s) {
       const double begin = s.number(0, "", 0), end = s.number(1, "", 0);
       return Outputs(
           linspace(begin, end, s.integer(2, "steps", 0), s.dtype("dtype").value_or(DType::f32)));
     }},
});

}  // namespace
}  // namespace cfm::conformance
