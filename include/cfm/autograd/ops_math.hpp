#pragma once
/// @file  Less common functions of one element, and choices between elements.

#include <cmath>
#include <limits>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/kernels/compare.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// 2^x
inline Var exp2(const Var& x) {
  Tensor y = pointwise(
      "exp2", [](auto v) { return std::exp2(v); }, x.value());
  return record_by_output(x, std::move(y), [](auto dy, auto v) {
    return dy * v * static_cast<decltype(v)>(0.6931471805599453);  // log 2
  });
}
/// Logarithm to base 2.
inline Var log2(const Var& x) {
  Tensor y = pointwise(
      "log2", [](auto v) { return std::log2(v); }, x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) {
    return dy / (v * static_cast<decltype(v)>(0.6931471805599453));  // log 2
  });
}
/// Logarithm to base 10.
inline Var log10(const Var& x) {
  Tensor y = pointwise(
      "log10", [](auto v) { return std::log10(v); }, x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) {
    return dy / (v * static_cast<decltype(v)>(2.302585092994046));  // log 10
  });
}
inline Var tan(const Var& x) {
  Tensor y = pointwise(
      "tan", [](auto v) { return std::tan(v); }, x.value());
  return record_by_output(x, std::move(y), [](auto dy, auto v) { return dy * (1 + v * v); });
}
inline Var sinh(const Var& x) {
  Tensor y = pointwise(
      "sinh", [](auto v) { return std::sinh(v); }, x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) { return dy * std::cosh(v); });
}
inline Var cosh(const Var& x) {
  Tensor y = pointwise(
      "cosh", [](auto v) { return std::cosh(v); }, x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) { return dy * std::sinh(v); });
}
inline Var asin(const Var& x) {
  Tensor y = pointwise(
      "asin", [](auto v) { return std::asin(v); }, x.value());
  return record_by_input(x, std::move(y),
                         [](auto dy, auto v) { return dy / std::sqrt((1 - v) * (1 + v)); });
}
inline Var acos(const Var& x) {
  Tensor y = pointwise(
      "acos", [](auto v) { return std::acos(v); }, x.value());
  return record_by_input(x, std::move(y),
                         [](auto dy, auto v) { return -dy / std::sqrt((1 - v) * (1 + v)); });
}
inline Var atan(const Var& x) {
  Tensor y = pointwise(
      "atan", [](auto v) { return std::atan(v); }, x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) { return dy / (1 + v * v); });
}
/// 1 - erf(x) without cancellation.
inline Var erfc(const Var& x) {
  Tensor y = pointwise(
      "erfc", [](auto v) { return std::erfc(v); }, x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) {
    return -dy * static_cast<decltype(v)>(1.1283791670955126) * std::exp(-v * v);  // 2 / sqrt(pi)
  });
}
/// log(x / (1 - x)); with eps, x is limited to [eps, 1 - eps] first.
inline Var logit(const Var& x, double eps = -1) {
  const Var p = eps >= 0 ? clamp(x, eps, 1 - eps) : x;
  Tensor y = pointwise(
      "logit", [](auto v) { return std::log(v / (1 - v)); }, p.value());
  return record_by_input(p, std::move(y), [](auto dy, auto v) { return dy / (v * (1 - v)); });
}
/// What is behind the point: x - trunc(x).
inline Var frac(const Var& x) { return sub(x, trunc(x)); }

/// The angle of the point (x, y).
inline Var atan2(const Var& y, const Var& x) {
  Tensor out = pointwise(
      "atan2", [](auto a, auto b) { return std::atan2(a, b); }, y.value(), x.value());
  return record_by_inputs(
      y, x, std::move(out), [](auto d, auto a, auto b) { return d * b / (a * a + b * b); },
      [](auto d, auto a, auto b) { return -d * a / (a * a + b * b); });
}
/// sqrt(a^2 + b^2) without overflow.
inline Var hypot(const Var& a, const Var& b) {
  Tensor out = pointwise(
      "hypot", [](auto x, auto y) { return std::hypot(x, y); }, a.value(), b.value());
  return record_by_inputs(
      a, b, std::move(out), [](auto d, auto x, auto y) { return d * x / std::hypot(x, y); },
      [](auto d, auto x, auto y) { return d * y / std::hypot(x, y); });
}
/// log(exp(a) + exp(b)) without overflow.
inline Var logaddexp(const Var& a, const Var& b) {
  const auto f = [](auto x, auto y) {
    return x == y ? x + static_cast<decltype(x)>(0.6931471805599453)  // log 2; also infinities
                  : std::max(x, y) + std::log1p(std::exp(-std::abs(x - y)));
  };
  return record_by_inputs(
      a, b, pointwise("logaddexp", f, a.value(), b.value()),
      [](auto d, auto x, auto y) { return d / (1 + std::exp(y - x)); },
      [](auto d, auto x, auto y) { return d / (1 + std::exp(x - y)); });
}
/// a log(b), 0 where a is 0; NaN where b is NaN.
inline Var xlogy(const Var& a, const Var& b) {
  const auto f = [](auto x, auto y) { return x == 0 && !std::isnan(y) ? x * 0 : x * std::log(y); };
  return record_by_inputs(
      a, b, pointwise("xlogy", f, a.value(), b.value()),
      [](auto d, auto x, auto y) { return x == 0 && y <= 0 ? d * 0 : d * std::log(y); },
      [](auto d, auto x, auto y) { return d * x / y; });
}
/// What a leaves when divided by b towards zero; has the sign of a.
inline Var fmod(const Var& a, const Var& b) {
  Tensor out = pointwise(
      "fmod", [](auto x, auto y) { return std::fmod(x, y); }, a.value(), b.value());
  return record_by_inputs(
      a, b, std::move(out), [](auto d, auto, auto) { return d; },
      [](auto d, auto x, auto y) { return -d * std::trunc(x / y); });
}
/// What a leaves when divided by b downwards; has the sign of b.
inline Var remainder(const Var& a, const Var& b) {
  const auto f = [](auto x, auto y) {
    const auto r = std::fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
  };
  return record_by_inputs(
      a, b, pointwise("remainder", f, a.value(), b.value()), [](auto d, auto, auto) { return d; },
      [](auto d, auto x, auto y) { return -d * std::floor(x / y); });
}
/// |a| with the sign of b.
inline Var copysign(const Var& a, const Var& b) {
  Tensor out = pointwise(
      "copysign", [](auto x, auto y) { return std::copysign(x, y); }, a.value(), b.value());
  return record_by_inputs(
      a, b, std::move(out),
      [](auto d, auto x, auto y) {
        return x == 0 ? d * 0 : std::signbit(x) == std::signbit(y) ? d : -d;
      },
      [](auto d, auto, auto) { return d * 0; });
}
/// a + weight (b - a)
inline Var lerp(const Var& a, const Var& b, const Var& weight) {
  return add(a, mul(weight, sub(b, a)));
}

/// condition ? a : b.   Shapes:  broadcast.   Errors:  TypeError unless `condition` is bool.
inline Var where(const Tensor& condition, const Var& a, const Var& b) {
  return record({&a, &b}, where(condition, a.value(), b.value()),
                [to_a = a.slot(), to_b = b.slot(), like_a = a.shape(), like_b = b.shape(),
                 condition = Saved(condition)](Gradients& gradients, const Tensor& dy) {
                  const Tensor zero = Tensor::zeros({}, dy.dtype());
                  if (gradients.wanted(to_a))
                    gradients.add(to_a, sum_to(where(*condition, dy, zero), like_a));
                  if (gradients.wanted(to_b))
                    gradients.add(to_b, sum_to(where(*condition, zero, dy), like_b));
                });
}
/// `value` where the mask is true, else x.
inline Var masked_fill(const Var& x, const Tensor& mask, double value) {
  return where(mask, Tensor::full({}, value, x.dtype()), x);
}
/// Not below `low`, broadcast. Where both are equal x has the gradient.
inline Var clamp_min(const Var& x, const Var& low) {
  return record_by_inputs(
      x, low, maximum(x.value(), low.value()),
      [](auto dy, auto v, auto limit) { return v >= limit ? dy : dy * 0; },
      [](auto dy, auto v, auto limit) { return v >= limit ? dy * 0 : dy; });
}
/// Not above `high`, broadcast. Where both are equal x has the gradient.
inline Var clamp_max(const Var& x, const Var& high) {
  return record_by_inputs(
      x, high, minimum(x.value(), high.value()),
      [](auto dy, auto v, auto limit) { return v <= limit ? dy : dy * 0; },
      [](auto dy, auto v, auto limit) { return v <= limit ? dy * 0 : dy; });
}
/// NaN, infinity and -infinity replaced: by 0 and by the largest numbers unless told otherwise.
inline Var nan_to_num(const Var& x, double nan = 0,
                      double above = std::numeric_limits<double>::max(),
                      double below = std::numeric_limits<double>::lowest()) {
  const auto f = [=](auto v) {
    using T = decltype(v);
    const auto limit = [](double c) {
      return static_cast<T>(std::min<double>(std::max<double>(c, std::numeric_limits<T>::lowest()),
                                             std::numeric_limits<T>::max()));
    };
    return std::isnan(v) ? static_cast<T>(nan) : !std::isinf(v) ? v : limit(v > 0 ? above : below);
  };
  return record_by_input(x, pointwise("nan_to_num", f, x.value()),
                         [](auto dy, auto v) { return std::isfinite(v) ? dy : dy * 0; });
}

CFM_ISA_NAMESPACE_END
