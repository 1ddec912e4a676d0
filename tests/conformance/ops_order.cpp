// Sorting, choosing, running products.

#include <cfm/autograd/ops_math.hpp>
#include <cfm/autograd/ops_order.hpp>
#include <cfm/autograd/ops_reduce.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

// sort(x, dim, descending) or sort(x, stable=, dim=, descending=). cfm's are always stable.
SortOptions sort_options(Sample& s) {
  s.flag(Sample::no_position, "stable", true);
  return {.descending = s.flag(2, "descending", false)};
}

Outputs sorted(Sample& s, bool values_too) {
  const Var x = s.var(0);
  const int dim = s.dim(1, "dim", -1);
  const SortOptions options = sort_options(s);
  if (!values_too) return Outputs(argsort(x.value(), dim, options));
  const OrderedVar y = sort(x, dim, options);
  return {y.values, Var(y.indices)};
}

const Operators orders({
    {"sort", [](Sample& s) { return sorted(s, true); }},
    {"argsort", [](Sample& s) { return sorted(s, false); }},
    {"topk",
     [](Sample& s) {
       const Var x = s.var(0);
       const Index k = s.integer(1, "k", 1);
       const int dim = s.dim(2, "dim", -1);
       const OrderedVar y = top_k(
           x, k, dim, {.largest = s.flag(3, "largest", true), .sorted = s.flag(4, "sorted", true)});
       return Outputs{y.values, Var(y.indices)};
     }},
    {"cumprod",
     [](Sample& s) {
       const Var x = s.var(0);
       const auto wanted = s.dtype("dtype");
       return Outputs(cumprod(wanted ? to(x, *wanted) : x, s.dim(1, "dim", 0)));
     }},
});

}  // namespace
}  // namespace cfm::conformance
