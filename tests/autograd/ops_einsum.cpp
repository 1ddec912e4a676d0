#include <cfm/autograd/ops_einsum.hpp>

#include <string>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("einsum: gradients, of sums, diagonals, ellipses and stretched extents too") {
  struct Case {
    const char* equation;
    std::vector<Shape> shapes;
  };
  const Case cases[] = {{"ij,jk->ik", {{2, 3}, {3, 4}}},
                        {"bij,bjk", {{2, 2, 3}, {2, 3, 2}}},
                        {"ij->ji", {{2, 3}}},
                        {"ij->i", {{2, 3}}},
                        {"ij->", {{2, 3}}},
                        {"ii->i", {{3, 3}}},
                        {"ii", {{3, 3}}},
                        {"iij,j->ij", {{2, 2, 3}, {3}}},
                        {"i,j->ij", {{2}, {3}}},
                        {"ij,kl->i", {{2, 3}, {2, 2}}},
                        {"...i,...i->...", {{2, 2, 3}, {2, 2, 3}}},
                        {"...i,...i->...", {{2, 2, 3}, {2, 3}}},
                        {"...ij,jk->...ik", {{2, 1, 2, 3}, {3, 2}}},
                        {"...,...->...", {{3, 1}, {2, 3, 4}}},
                        {"ij,ij->ij", {{1, 3}, {2, 3}}},
                        {"ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 2}}},
                        {"a,ab,b->", {{2}, {2, 3}, {3}}},
                        {"ij,jk->ik", {{2, 0}, {0, 3}}}};
  for (const Case& c : cases) {
    CAPTURE(std::string(c.equation));
    std::vector<Tensor> inputs;
    for (const Shape& shape : c.shapes) inputs.push_back(random(shape, inputs.size() + 1));
    check_gradients(
        [&](const std::vector<Var>& v) {
          return einsum(c.equation, std::span<const Var>(v.data(), v.size()));
        },
        inputs);
  }
  check_gradients([](const std::vector<Var>& v) { return einsum("ij,jk->ik", {v[0], v[0]}); },
                  {random({3, 3}, 1)});
}

TEST_CASE("einsum: the values of the kernel, and nothing saved of constants") {
  const Tensor a = random({2, 3}, 1), b = random({3, 4}, 2);
  const Var y = einsum("ij,jk->ki", {Var(a), Var(b)});
  CHECK(identical(y.value(), einsum("ij,jk->ki", {a, b})));
  CHECK(!y.needs_grad());
  Tape tape;
  const Var x = tape.leaf(a);
  tape.backward(einsum("ij,jk->", {x, Var(b)}));
  CHECK(tape.grad(x).shape() == a.shape());
}
