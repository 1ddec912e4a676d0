// Reductions, sums along a dimension, softmax.

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_math.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_softmax.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

using Reduce = Var (*)(const Var&, const Extents&, bool);

Operator reduction(Reduce f) {
  return [f](Sample& s) {
    const Var x = s.var(0);
    const auto wanted = s.dtype("dtype");
    return Outputs(
        f(wanted ? to(x, *wanted) : x, s.extents(1, "dim"), s.flag(2, "keepdim", false)));
  };
}

double correction(Sample& s) {  // torch takes std(x, unbiased) and std(x, dim, unbiased)
  const auto first = s.find(1);
  if (first && first->kind() == JsonKind::boolean) return first->boolean() ? 1 : 0;
  if (s.has("correction")) return s.number("correction", 1);
  return s.flag(Sample::no_position, "unbiased", true) ? 1 : 0;
}

Extents spread_dims(Sample& s) {
  const auto first = s.find(1);
  if (first && first->kind() == JsonKind::boolean) return s.extents(Sample::no_position, "dim");
  return s.extents(1, "dim");
}

Operator spread(bool root, bool with_mean) {
  return [=](Sample& s) {
    const Var x = s.var(0);
    const Extents dims = spread_dims(s);
    const double c = correction(s);
    const bool keep = s.flag(Sample::no_position, "keepdim", false);
    const Var y = root ? std_dev(x, dims, keep, c) : var(x, dims, keep, c);
    return with_mean ? Outputs{y, mean(x, dims, keep)} : Outputs(y);
  };
}

Outputs extreme(Sample& s, bool largest) {
  const Var x = s.var(0);
  const int dim = s.dim(1, "dim", 0);
  const bool keep = s.flag(2, "keepdim", false);
  const Chosen c = largest ? max_along(x, dim, keep) : min_along(x, dim, keep);
  return {c.values, Var(c.indices)};
}

Operator place(Tensor (*f)(const Tensor&, const Extents&, bool)) {
  return [f](Sample& s) {
    const Tensor x = s.tensor(0);
    return Outputs(f(x, s.extents(1, "dim"), s.flag(2, "keepdim", false)));
  };
}

Operator softmax_like(Var (*f)(const Var&, int), bool negated = false) {
  return [=](Sample& s) {
    const Var x = s.var(0);
    const auto wanted = s.dtype("dtype");
    const Var wide = wanted ? to(x, *wanted) : x;
    return Outputs(f(negated ? neg(wide) : wide, s.dim(1, "dim", -1)));
  };
}

// Masked elements take no part.
Operator masked_softmax(Var (*f)(const Var&, int)) {
  return [=](Sample& s) {
    const Var x = s.var(0);
    const int dim = s.dim(1, "dim", -1);
    if (!s.has("mask")) return Outputs(f(x, dim));
    return Outputs(f(masked_fill(x, logical_not(s.tensor("mask")), -HUGE_VAL), dim));
  };
}

Outputs masked_sum(Sample& s, bool average) {
  const Var x = s.var(0);
  const Extents dims = s.extents(1, "dim");
  const bool keep = s.flag(2, "keepdim", false);
  if (!s.has("mask")) return average ? mean(x, dims, keep) : sum(x, dims, keep);
  const Tensor mask = s.tensor("mask").expand(x.shape());
  const Var total = sum(masked_fill(x, logical_not(mask), 0), dims, keep);
  return average ? div(total, sum(mask.to(x.dtype()), dims, keep)) : total;
}

Outputs vector_norm(Sample& s) {
  const Var x = s.var(0);
  return norm(x, s.number("ord", 2), s.extents(Sample::no_position, "dim"),
              s.flag(Sample::no_position, "keepdim", false));
}

Outputs plain_norm(Sample& s) {
  const Var x = s.var(0);
  double p = 2;
  if (const auto given = s.find(1, "p")) {
    const bool text = given->kind() == JsonKind::string;
    if (text && given->string() != "fro") throw Skip{"nuclear norm"};
    if (!text) p = s.number(1, "p", 2);
  }
  return norm(x, p, s.extents(2, "dim"), s.flag(3, "keepdim", false));
}

const Operators reductions({
    {"sum", reduction(sum)},
    {"mean", reduction(mean)},
    {"amax", reduction(max)},
    {"amin", reduction(min)},
    {"prod", reduction(prod)},
    {"logsumexp", reduction(logsumexp)},
    {"max.reduction_no_dim", [](Sample& s) { return Outputs(max(s.var(0))); }},
    {"min.reduction_no_dim", [](Sample& s) { return Outputs(min(s.var(0))); }},
    {"max.reduction_with_dim", [](Sample& s) { return extreme(s, true); }},
    {"min.reduction_with_dim", [](Sample& s) { return extreme(s, false); }},
    {"argmax", place(argmax)},
    {"argmin", place(argmin)},
    {"nansum",
     [](Sample& s) {
       const Var x = s.var(0);
       const Tensor nan = not_equal(x.value(), x.value());
       return Outputs(
           sum(masked_fill(x, nan, 0), s.extents(1, "dim"), s.flag(2, "keepdim", false)));
     }},
    {"count_nonzero",
     [](Sample& s) {
       const Tensor x = s.tensor(0);
       return Outputs(sum(x.to(DType::boolean), s.extents(1, "dim")));
     }},
    {"var", spread(false, false)},
    {"std", spread(true, false)},
    {"var_mean", spread(false, true)},
    {"std_mean", spread(true, true)},
    {"linalg.vector_norm", vector_norm},
    {"norm", plain_norm},
    {"norm.fro", plain_norm},
    {"norm.inf", plain_norm},
    {"norm.nuc", plain_norm},
    {"cumsum",
     [](Sample& s) {
       const Var x = s.var(0);
       const auto wanted = s.dtype("dtype");
       return Outputs(cumsum(wanted ? to(x, *wanted) : x, s.dim(1, "dim", 0)));
     }},
    {"masked.sum", [](Sample& s) { return masked_sum(s, false); }},
    {"masked.mean", [](Sample& s) { return masked_sum(s, true); }},
});

const Operators softmaxes({
    {"softmax", softmax_like(softmax)},
    {"softmax.with_dtype", softmax_like(softmax)},
    {"log_softmax", softmax_like(log_softmax)},
    {"log_softmax.dtype", softmax_like(log_softmax)},
    {"nn.functional.softmin", softmax_like(softmax, true)},
    {"nn.functional.softmin.with_dtype", softmax_like(softmax, true)},
    {"masked.softmax", masked_softmax(softmax)},
    {"masked.log_softmax", masked_softmax(log_softmax)},
});

}  // namespace
}  // namespace cfm::conformance
