// Products of matrices and vectors.

#include <cfm/autograd/ops_matmul.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

Operator product(Var (*f)(const Var&, const Var&)) {
  return [f](Sample& s) {
    const Var a = s.var(0), b = s.var(1);
    return Outputs(f(a, b));
  };
}

// beta x + alpha f(a, b)
Operator added(Var (*f)(const Var&, const Var&)) {
  return [f](Sample& s) {
    const Var x = s.var(0), a = s.var(1), b = s.var(2);
    return Outputs(add(mul(x, s.number("beta", 1)), mul(f(a, b), s.number("alpha", 1))));
  };
}

Var summed_bmm(const Var& a, const Var& b) { return sum(bmm(a, b), {0}); }

Var inner(const Var& a, const Var& b) {
  if (a.rank() == 0 || b.rank() == 0) return mul(a, b);
  return matmul(a, b.rank() == 1 ? b : transpose(b, -2, -1));
}

Var kron(const Var& a, const Var& b) {
  CFM_CHECK(a.rank() == b.rank(), "kron: ranks differ", a, b);
  Extents wide_a, wide_b, shape;
  for (int d = 0; d < a.rank(); ++d) {
    wide_a.push_back(a.size(d));
    wide_a.push_back(1);
    wide_b.push_back(1);
    wide_b.push_back(b.size(d));
    shape.push_back(a.size(d) * b.size(d));
  }
  return reshape(mul(reshape(a, wide_a), reshape(b, wide_b)), shape);
}

const Operators products({
    {"matmul", product(matmul)},
    {"mm", product(matmul)},
    {"mv", product(matmul)},
    {"bmm", product(bmm)},
    {"dot", product(dot)},
    {"outer", product(outer)},
    {"inner", product(inner)},
    {"kron", product(kron)},
    {"addmm", added(matmul)},
    {"addmm.decomposed", added(matmul)},
    {"addmv", added(matmul)},
    {"addr", added(outer)},
    {"baddbmm", added(bmm)},
    {"addbmm", added(summed_bmm)},
    {"nn.functional.linear",
     [](Sample& s) {
       const Var x = s.var(0), w = s.var(1);
       return Outputs(s.has(2, "bias") ? linear(x, w, s.var(2, "bias")) : linear(x, w));
     }},
    {"tensordot",
     [](Sample& s) {
       const Var a = s.var(0), b = s.var(1);
       const auto dims = s.find("dims");
       if (!dims || dims->kind() == JsonKind::array) throw Skip{"tensordot over listed dimensions"};
       const int n = static_cast<int>(dims->integer<Index>());
       Extents shape;
       Index rows = 1, inside = 1;
       for (int d = 0; d < a.rank() - n; ++d) rows *= a.size(d), shape.push_back(a.size(d));
       for (int d = 0; d < n; ++d) inside *= b.size(d);
       for (int d = n; d < b.rank(); ++d) shape.push_back(b.size(d));
       return Outputs(reshape(
           matmul(reshape(a, {rows, inside}), reshape(b, {inside, b.size() / inside})), shape));
     }},
});

}  // namespace
}  // namespace cfm::conformance
