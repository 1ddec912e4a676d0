#pragma once
/// @file  The one order by which values are sorted and chosen.

#include <cfm/kernels/detail/integer.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// A value and where it was.
template <class T>
struct Ranked {
  T value;
  Index index;
};

/// a < b where a NaN is larger than every number and equals every NaN.
template <class T>
constexpr bool ranks_below(T a, T b) {
  return a < b || (b != b && a == a);
}

/// True if a comes before b; of equal values the lower position comes first.
template <bool descending>
struct RanksBefore {
  template <class T>
  constexpr bool operator()(const Ranked<T>& a, const Ranked<T>& b) const {
    if (descending ? ranks_below(b.value, a.value) : ranks_below(a.value, b.value)) return true;
    if (descending ? ranks_below(a.value, b.value) : ranks_below(b.value, a.value)) return false;
    return a.index < b.index;
  }
};

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

constexpr bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// f32, f64, bool and the integers.
template <class F>
void visit_ranked(std::string_view op, DType dtype, const F& f) {
  if (is_integer(dtype)) return visit_integer(dtype, f);
  if (dtype == DType::boolean) return f(std::type_identity<bool>{});
  visit_real(dtype, op, f);
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
