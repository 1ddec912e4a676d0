#pragma once
/// @file  The lane functions of batch.hpp for single numbers, so that one generic lambda serves
/// both.

#include <cmath>

#include <cfm/core/dtype.hpp>

CFM_ISA_NAMESPACE_BEGIN

// Templates on Real and no overloads: an integer must not become a float without being asked.

template <Real T>
T abs(T x) {
  return std::fabs(x);
}
template <Real T>
T sqrt(T x) {
  return std::sqrt(x);
}
template <Real T>
T exp(T x) {
  return std::exp(x);
}
template <Real T>
T expm1(T x) {
  return std::expm1(x);
}
template <Real T>
T log(T x) {
  return std::log(x);
}
template <Real T>
T log1p(T x) {
  return std::log1p(x);
}
template <Real T>
T sin(T x) {
  return std::sin(x);
}
template <Real T>
T cos(T x) {
  return std::cos(x);
}
template <Real T>
T tanh(T x) {
  return std::tanh(x);
}
template <Real T>
T erf(T x) {
  return std::erf(x);
}
template <Real T>
T floor(T x) {
  return std::floor(x);
}
template <Real T>
T ceil(T x) {
  return std::ceil(x);
}
template <Real T>
T trunc(T x) {
  return std::trunc(x);
}
/// Nearest integer, ties to even.
template <Real T>
T round(T x) {
  return std::nearbyint(x);
}
template <Real T>
T pow(T x, std::type_identity_t<T> y) {
  return std::pow(x, y);
}

/// a < b ? a : b, so b if one of them is NaN.
template <Real T>
T min(T a, std::type_identity_t<T> b) {
  return a < b ? a : b;
}
/// a > b ? a : b, so b if one of them is NaN.
template <Real T>
T max(T a, std::type_identity_t<T> b) {
  return a > b ? a : b;
}

/// a * b + c, rounded once where the target has such an instruction.
template <Real T>
T fma(T a, std::type_identity_t<T> b, std::type_identity_t<T> c) {
#if defined(__FMA__) || defined(__aarch64__)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// a where the condition holds, else b.
template <Real T>
T select(bool condition, T a, std::type_identity_t<T> b) {
  return condition ? a : b;
}
inline bool any(bool condition) { return condition; }
inline bool all(bool condition) { return condition; }
template <Real T>
bool is_nan(T x) {
  return x != x;
}

template <Real T>
T reduce_add(T x) {
  return x;
}
template <Real T>
T reduce_min(T x) {
  return x;
}
template <Real T>
T reduce_max(T x) {
  return x;
}

CFM_ISA_NAMESPACE_END
