#pragma once
/// @file  Dual numbers of batches: a lambda of a user gives its own derivative.

#include <cfm/exec/activation.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// A batch and its derivative by one variable. Calling a lane-wise lambda with Dual<T>(x, 1) gives
/// f(x) and f'(x). Where a function has a kink, the slope is that of the branch that gave the
/// value.
template <Real T>
struct Dual {
  using value_type = T;
  using Mask = BatchMask<T>;
  static constexpr bool dual = true;

  Batch<T> value{}, slope{};

  Dual() = default;
  Dual(T number) : value(number), slope(T{0}) {}       // NOLINT: numbers mix with duals
  Dual(Batch<T> batch) : value(batch), slope(T{0}) {}  // NOLINT: constants do too
  Dual(Batch<T> v, Batch<T> s) : value(v), slope(s) {}

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Dual operator/(Dual a, Dual b) {
    const Batch<T> q = a.value / b.value;
    return {q, (a.slope - q * b.slope) / b.value};
  }
  friend Dual operator-(Dual a) { return {-a.value, -a.slope}; }
  friend Dual operator+(Dual a) { return a; }
  Dual& operator+=(Dual b) { return *this = *this + b; }
  Dual& operator-=(Dual b) { return *this = *this - b; }
  Dual& operator*=(Dual b) { return *this = *this * b; }
  Dual& operator/=(Dual b) { return *this = *this / b; }

  friend Mask operator<(Dual a, Dual b) { return a.value < b.value; }
  friend Mask operator<=(Dual a, Dual b) { return a.value <= b.value; }
  friend Mask operator>(Dual a, Dual b) { return a.value > b.value; }
  friend Mask operator>=(Dual a, Dual b) { return a.value >= b.value; }
  friend Mask operator==(Dual a, Dual b) { return a.value == b.value; }
  friend Mask operator!=(Dual a, Dual b) { return a.value != b.value; }
};

template <Real T>
Dual<T> select(BatchMask<T> mask, Dual<T> a, std::type_identity_t<Dual<T>> b) {
  return {select(mask, a.value, b.value), select(mask, a.slope, b.slope)};
}
template <Real T>
Dual<T> select(BatchMask<T> mask, std::type_identity_t<Batch<T>> a, Dual<T> b) {
  return select(mask, Dual<T>(a), b);
}
template <Real T>
BatchMask<T> is_nan(Dual<T> x) {
  return is_nan(x.value);
}
template <Real T>
Dual<T> min(Dual<T> a, std::type_identity_t<Dual<T>> b) {
  return select(a < b, a, b);
}
template <Real T>
Dual<T> max(Dual<T> a, std::type_identity_t<Dual<T>> b) {
  return select(a > b, a, b);
}
template <Real T>
Dual<T> fma(Dual<T> a, std::type_identity_t<Dual<T>> b, std::type_identity_t<Dual<T>> c) {
  return {fma(a.value, b.value, c.value), fma(a.slope, b.value, fma(a.value, b.slope, c.slope))};
}

namespace isa_detail {
// slope / divisor, and 0 for what does not vary, whatever the divisor.
template <Real T>
Batch<T> slope_over(Batch<T> slope, Batch<T> divisor) {
  const Batch<T> zero(T{0});
  return select(slope == zero, zero, slope / divisor);
}
}  // namespace isa_detail

template <Real T>
Dual<T> abs(Dual<T> x) {
  return select(x.value < Batch<T>(T{0}), -x, x);
}
template <Real T>
Dual<T> sqrt(Dual<T> x) {
  const Batch<T> y = sqrt(x.value);
  return {y, isa_detail::slope_over(x.slope, y + y)};
}
template <Real T>
Dual<T> floor(Dual<T> x) {
  return floor(x.value);
}
template <Real T>
Dual<T> ceil(Dual<T> x) {
  return ceil(x.value);
}
template <Real T>
Dual<T> trunc(Dual<T> x) {
  return trunc(x.value);
}
template <Real T>
Dual<T> round(Dual<T> x) {
  return round(x.value);
}
template <Real T>
Dual<T> exp(Dual<T> x) {
  const Batch<T> y = exp(x.value);
  return {y, x.slope * y};
}
template <Real T>
Dual<T> expm1(Dual<T> x) {
  return {expm1(x.value), x.slope * exp(x.value)};
}
template <Real T>
Dual<T> log(Dual<T> x) {
  return {log(x.value), isa_detail::slope_over(x.slope, x.value)};
}
template <Real T>
Dual<T> log1p(Dual<T> x) {
  return {log1p(x.value), isa_detail::slope_over(x.slope, x.value + T{1})};
}
template <Real T>
Dual<T> sin(Dual<T> x) {
  return {sin(x.value), x.slope * cos(x.value)};
}
template <Real T>
Dual<T> cos(Dual<T> x) {
  return {cos(x.value), -x.slope * sin(x.value)};
}
template <Real T>
Dual<T> tanh(Dual<T> x) {
  const Batch<T> y = tanh(x.value);
  return {y, x.slope * (Batch<T>(T{1}) - y * y)};
}
template <Real T>
Dual<T> erf(Dual<T> x) {
  constexpr T two_by_root_pi = static_cast<T>(1.12837916709551257390);
  return {erf(x.value), x.slope * exp(-x.value * x.value) * two_by_root_pi};
}
/// By a constant or varying exponent; where the exponent does not vary, x may be negative or 0.
template <Real T>
Dual<T> pow(Dual<T> x, std::type_identity_t<Dual<T>> y) {
  const Batch<T> zero(T{0}), p = pow(x.value, y.value);
  const Batch<T> by_x = y.value * pow(x.value, y.value - Batch<T>(T{1}));
  const Batch<T> by_y = select(y.slope == zero, zero, y.slope * p * log(x.value));
  return {p, select(x.slope == zero, zero, x.slope * by_x) + by_y};
}

CFM_ISA_NAMESPACE_END
