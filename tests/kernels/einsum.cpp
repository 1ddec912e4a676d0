#include <cfm/kernels/einsum.hpp>

#include <map>
#include <string>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

Tensor random_of(const Shape& shape, std::uint64_t seed) {
  return uniform(shape, Rng(seed), -1, 1, DType::f64);
}

// The sum by its definition, for equations of letters alone: every assignment of positions to
// letters adds one product.
Tensor by_definition(const std::vector<std::string>& terms, const std::string& result,
                     const std::vector<Tensor>& operands) {
  std::map<char, Index> extent, at;
  for (std::size_t i = 0; i < terms.size(); ++i)
    for (std::size_t d = 0; d < terms[i].size(); ++d)
      extent[terms[i][d]] = operands[i].shape()[static_cast<int>(d)];
  Extents shape;
  for (char c : result) shape.push_back(extent[c]);
  Tensor out = Tensor::zeros(Shape(shape), DType::f64);
  Index count = 1;
  for (const auto& [c, n] : extent) count *= n;
  const auto offset = [&](const std::string& term, const Tensor& t) {
    Index o = 0;
    for (std::size_t d = 0; d < term.size(); ++d)
      o += at[term[d]] * t.strides()[static_cast<int>(d)];
    return o;
  };
  for (Index i = 0; i < count; ++i) {
    Index rest = i;
    for (const auto& [c, n] : extent) {
      at[c] = rest % n;
      rest /= n;
    }
    double product = 1;
    for (std::size_t k = 0; k < terms.size(); ++k)
      product *= operands[k].data<double>()[offset(terms[k], operands[k])];
    const Index to = offset(result, out);
    out.data<double>()[to] += product;
  }
  return out;
}

}  // namespace

TEST_CASE("einsum: products, sums, diagonals and orders, by the definition") {
  const std::map<char, Index> sizes{{'a', 2}, {'b', 3}, {'c', 4}, {'i', 3},
                                    {'j', 2}, {'k', 5}, {'X', 2}};
  const std::vector<std::pair<std::vector<std::string>, std::string>> all{{{"ij"}, "ji"},
                                                                          {{"ij"}, ""},
                                                                          {{"ii"}, ""},
                                                                          {{"ii"}, "i"},
                                                                          {{"aba"}, "ba"},
                                                                          {{"i", "i"}, ""},
                                                                          {{"i", "j"}, "ij"},
                                                                          {{"ij", "jk"}, "ik"},
                                                                          {{"bij", "bjk"}, "bik"},
                                                                          {{"bij", "bjk"}, "kib"},
                                                                          {{"ij", "ij"}, "i"},
                                                                          {{"ijk", "kc"}, "cj"},
                                                                          {{"iXj", "jXk"}, "ikX"},
                                                                          {{"ab", "bc", "ca"}, ""},
                                                                          {{"a", "b", "c"}, "cab"},
                                                                          {{"ij", "j", "jk"}, "ik"},
                                                                          {{"iij", "jk"}, "ki"}};
  std::uint64_t seed = 1;
  for (const auto& [terms, result] : all) {
    std::vector<Tensor> operands;
    std::string equation;
    for (const std::string& term : terms) {
      Extents shape;
      for (char c : term) shape.push_back(sizes.at(c));
      operands.push_back(random_of(Shape(shape), ++seed));
      equation += (equation.empty() ? "" : ", ") + term;
    }
    const Tensor want = by_definition(terms, result, operands);
    CAPTURE(equation);
    CHECK(allclose(einsum(equation + " -> " + result, operands), want,
                   {.relative = 1e-12, .absolute = 1e-12}));
  }
}

TEST_CASE("einsum: the result that is not named, ellipses, extents of 1") {
  const Tensor a = random_of({3, 4}, 1), b = random_of({4, 5}, 2);
  CHECK(allclose(einsum("ij,jk", {a, b}), matmul(a, b)));
  CHECK(allclose(einsum("ba", {a}), a.transpose(0, 1)));
  CHECK(einsum("aB,B", {a, random_of({4}, 3)}).shape() == Shape{3});
  const Tensor x = random_of({2, 3, 4}, 4), y = random_of({2, 4, 5}, 5);
  CHECK(allclose(einsum("...ij,...jk", {x, y}), matmul(x, y)));
  CHECK(allclose(einsum("...ij,...jk->...ik", {x, b}), matmul(x, b)));
  CHECK(allclose(einsum("i...->...", {x}), sum(x, {0})));
  CHECK(allclose(einsum("...ij,jk", {x.slice(0, 0, 1), b}), matmul(x.slice(0, 0, 1), b)));
  CHECK(allclose(einsum("...i,...i->...", {x.slice(0, 0, 1), x}), sum(x.slice(0, 0, 1) * x, {2})));
  const Tensor square = random_of({2, 3, 3}, 6);
  const Tensor diagonal = einsum("...ii->...i", {square});
  for (Index i = 0; i < 3; ++i)
    CHECK(all_equal(diagonal.select(1, i), square.select(1, i).select(1, i)));
}

TEST_CASE("einsum: strides, empty sums, other types") {
  const Tensor a = random_of({3, 4}, 1), b = random_of({5, 4}, 2);
  CHECK(allclose(einsum("ij,jk->ik", {a, b.transpose(0, 1)}), matmul(a, b.transpose(0, 1))));
  const Tensor none = einsum("ij,jk->ik", {Tensor::ones({2, 0}), Tensor::ones({0, 3})});
  CHECK(all_equal(none, Tensor::zeros({2, 3})));
  CHECK(einsum("ij,jk->ik", {Tensor::ones({0, 2}), Tensor::ones({2, 3})}).shape() == Shape{0, 3});
  const Tensor whole = arange(6).reshape({2, 3});
  CHECK(all_equal(einsum("ij->ji", {whole}), whole.transpose(0, 1)));
}

TEST_CASE("einsum: what it refuses") {
  const Tensor a = random_of({3, 4}, 1);
  CHECK_THROWS_AS(einsum("ij,jk->ik", {a}), Error);
  CHECK_THROWS_AS(einsum("ijk->ik", {a}), ShapeError);
  CHECK_THROWS_AS(einsum("i->i", {a}), ShapeError);
  CHECK_THROWS_AS(einsum("ij->ii", {a}), Error);
  CHECK_THROWS_AS(einsum("ij->ik", {a}), Error);
  CHECK_THROWS_AS(einsum("ii->i", {a}), ShapeError);
  CHECK_THROWS_AS(einsum("ij,jk->ik", {a, a}), ShapeError);
  CHECK_THROWS_AS(einsum("i?->i", {a}), Error);
  CHECK_THROWS_AS(einsum("......", {a}), Error);
  CHECK_THROWS_AS(einsum("ij,ij->ij", {arange(6).reshape({2, 3}), arange(6).reshape({2, 3})}),
                  TypeError);
  CHECK(test::error_of([&] { einsum("i.j", {a}); }) ==
        "einsum: \"i.j\" has \".\" where a letter or one ... a term belongs");
}
