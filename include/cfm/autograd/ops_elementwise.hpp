#pragma once
/// @file  Arithmetic and functions of one element, with broadcasting.

#include <cmath>

#include <cfm/autograd/pointwise_op.hpp>
#include <cfm/kernels/elementwise.hpp>

CFM_ISA_NAMESPACE_BEGIN

// Two operands of one type, broadcast by NumPy's rule; each gradient is summed back to the shape
// of its operand.   Errors:  TypeError, ShapeError as for tensors.

/// a + b
inline Var add(const Var& a, const Var& b) {
  if (a.shape() == b.shape())  // nothing to remember
    return record({&a, &b}, add(a.value(), b.value()),
                  [to_a = a.slot(), to_b = b.slot()](Gradients& gradients, const Tensor& dy) {
                    gradients.add(to_a, dy);
                    gradients.add(to_b, dy);
                  });
  return record({&a, &b}, add(a.value(), b.value()),
                [to_a = a.slot(), to_b = b.slot(), like_a = a.shape(), like_b = b.shape()](
                    Gradients& gradients, const Tensor& dy) {
                  if (gradients.wanted(to_a)) gradients.add(to_a, sum_to(dy, like_a));
                  if (gradients.wanted(to_b)) gradients.add(to_b, sum_to(dy, like_b));
                });
}

/// a - b
inline Var sub(const Var& a, const Var& b) {
  return record({&a, &b}, sub(a.value(), b.value()),
                [to_a = a.slot(), to_b = b.slot(), like_a = a.shape(), like_b = b.shape()](
                    Gradients& gradients, const Tensor& dy) {
                  if (gradients.wanted(to_a)) gradients.add(to_a, sum_to(dy, like_a));
                  if (gradients.wanted(to_b)) gradients.add(to_b, neg(sum_to(dy, like_b)));
                });
}

/// a b.   Saved:  the factor of each operand that needs a gradient.
inline Var mul(const Var& a, const Var& b) {
  Saved save_a = b.needs_grad() ? Saved(a) : Saved();
  Saved save_b = a.needs_grad() ? Saved(b) : Saved();
  return record(
      {&a, &b}, mul(a.value(), b.value()),
      [to_a = a.slot(), to_b = b.slot(), like_a = a.shape(), like_b = b.shape(),
       a = std::move(save_a), b = std::move(save_b)](Gradients& gradients, const Tensor& dy) {
        if (gradients.wanted(to_a)) gradients.add(to_a, sum_to(mul(dy, *b), like_a));
        if (gradients.wanted(to_b)) gradients.add(to_b, sum_to(mul(dy, *a), like_b));
      });
}

/// a / b
inline Var div(const Var& a, const Var& b) {
  return record_by_inputs(
      a, b, div(a.value(), b.value()), [](auto dy, auto, auto y) { return dy / y; },
      [](auto dy, auto x, auto y) { return -dy * x / (y * y); });
}

/// a^b
inline Var pow(const Var& a, const Var& b) {
  return record_by_inputs(
      a, b, pow(a.value(), b.value()),
      [](auto dy, auto x, auto y) { return y == 0 ? y * 0 : dy * y * std::pow(x, y - 1); },
      [](auto dy, auto x, auto y) {
        return x == 0 && y >= 0 ? dy * 0 : dy * std::pow(x, y) * std::log(x);
      });
}

/// The larger. Where both are equal each gets half of the gradient.
inline Var maximum(const Var& a, const Var& b) {
  return record_by_inputs(
      a, b, maximum(a.value(), b.value()),
      [](auto dy, auto x, auto y) { return x > y    ? dy
                                           : x == y ? dy / 2
                                                    : dy * 0; },
      [](auto dy, auto x, auto y) { return y > x    ? dy
                                           : x == y ? dy / 2
                                                    : dy * 0; });
}

/// The smaller. Where both are equal each gets half of the gradient.
inline Var minimum(const Var& a, const Var& b) {
  return record_by_inputs(
      a, b, minimum(a.value(), b.value()),
      [](auto dy, auto x, auto y) { return x < y    ? dy
                                           : x == y ? dy / 2
                                                    : dy * 0; },
      [](auto dy, auto x, auto y) { return y < x    ? dy
                                           : x == y ? dy / 2
                                                    : dy * 0; });
}

// One operand is a number.

inline Var add(const Var& x, double c) {
  return record({&x}, add(x.value(), c),
                [to = x.slot()](Gradients& gradients, const Tensor& dy) { gradients.add(to, dy); });
}
inline Var mul(const Var& x, double c) {
  return record({&x}, mul(x.value(), c),
                [to = x.slot(), c](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, mul(dy, c));
                });
}
inline Var sub(const Var& x, double c) { return add(x, -c); }
inline Var sub(double c, const Var& x) { return add(mul(x, -1), c); }
inline Var div(const Var& x, double c) {
  return record({&x}, div(x.value(), c),
                [to = x.slot(), c](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, div(dy, c));
                });
}
inline Var div(double c, const Var& x) {
  return record_by_input(x, div(c, x.value()), [c](auto dy, auto v) {
    return -dy * static_cast<decltype(v)>(c) / (v * v);
  });
}
inline Var pow(const Var& x, double c) {
  return record_by_input(x, pow(x.value(), c), [c](auto dy, auto v) {
    const auto e = static_cast<decltype(v)>(c);
    return e == 0 ? dy * 0 : dy * e * std::pow(v, e - 1);
  });
}

// Functions of one element. What each computes is said at its name in kernels/ops.hpp.

inline Var neg(const Var& x) {
  return record({&x}, neg(x.value()), [to = x.slot()](Gradients& gradients, const Tensor& dy) {
    gradients.add(to, neg(dy));
  });
}
/// The slope at 0 is 0.
inline Var abs(const Var& x) {
  return record_by_input(x, abs(x.value()), [](auto dy, auto v) {
    return v > 0 ? dy : v < 0 ? -dy : dy * 0;
  });
}
inline Var exp(const Var& x) {
  return record_by_output(x, exp(x.value()), [](auto dy, auto y) { return dy * y; });
}
inline Var expm1(const Var& x) {
  return record_by_output(x, expm1(x.value()), [](auto dy, auto y) { return dy * (y + 1); });
}
inline Var log(const Var& x) {
  return record_by_input(x, log(x.value()), [](auto dy, auto v) { return dy / v; });
}
inline Var log1p(const Var& x) {
  return record_by_input(x, log1p(x.value()), [](auto dy, auto v) { return dy / (v + 1); });
}
inline Var sqrt(const Var& x) {
  return record_by_output(x, sqrt(x.value()), [](auto dy, auto y) { return dy / (2 * y); });
}
inline Var rsqrt(const Var& x) {
  return record_by_output(x, rsqrt(x.value()), [](auto dy, auto y) { return dy * y * y * y / -2; });
}
inline Var square(const Var& x) {
  return record_by_input(x, square(x.value()), [](auto dy, auto v) { return 2 * dy * v; });
}
inline Var reciprocal(const Var& x) {
  return record_by_output(x, reciprocal(x.value()), [](auto dy, auto y) { return -dy * y * y; });
}
inline Var tanh(const Var& x) {
  return record_by_output(x, tanh(x.value()), [](auto dy, auto y) { return dy * (1 - y * y); });
}
inline Var sigmoid(const Var& x) {
  return record_by_output(x, sigmoid(x.value()), [](auto dy, auto y) { return dy * y * (1 - y); });
}
inline Var sin(const Var& x) {
  return record_by_input(x, sin(x.value()), [](auto dy, auto v) { return dy * std::cos(v); });
}
inline Var cos(const Var& x) {
  return record_by_input(x, cos(x.value()), [](auto dy, auto v) { return -dy * std::sin(v); });
}
inline Var erf(const Var& x) {
  return record_by_input(x, erf(x.value()), [](auto dy, auto v) {
    return dy * static_cast<decltype(v)>(1.1283791670955126) * std::exp(-v * v);  // 2 / sqrt(pi)
  });
}

inline Var sign(const Var& x) { return record_step(x, sign(x.value())); }
inline Var floor(const Var& x) { return record_step(x, floor(x.value())); }
inline Var ceil(const Var& x) { return record_step(x, ceil(x.value())); }
inline Var round(const Var& x) { return record_step(x, round(x.value())); }
inline Var trunc(const Var& x) { return record_step(x, trunc(x.value())); }

/// Limited to [low, high]; the slope at the limits themselves is 1.
inline Var clamp(const Var& x, double low, double high) {
  return record_by_input(x, clamp(x.value(), low, high), [low, high](auto dy, auto v) {
    using T = decltype(v);
    return v >= static_cast<T>(low) && v <= static_cast<T>(high) ? dy : dy * 0;
  });
}

/// Another floating type. The gradient is converted back.
inline Var to(const Var& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return record({&x}, x.value().to(dtype),
                [to = x.slot(), from = x.dtype()](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dy.to(from));
                });
}

// Operators. A Tensor beside a Var is a constant.
inline Var operator-(const Var& x) { return neg(x); }
inline Var operator+(const Var& a, const Var& b) { return add(a, b); }
inline Var operator-(const Var& a, const Var& b) { return sub(a, b); }
inline Var operator*(const Var& a, const Var& b) { return mul(a, b); }
inline Var operator/(const Var& a, const Var& b) { return div(a, b); }
inline Var operator+(const Var& a, double b) { return add(a, b); }
inline Var operator+(double a, const Var& b) { return add(b, a); }
inline Var operator-(const Var& a, double b) { return sub(a, b); }
inline Var operator-(double a, const Var& b) { return sub(a, b); }
inline Var operator*(const Var& a, double b) { return mul(a, b); }
inline Var operator*(double a, const Var& b) { return mul(b, a); }
inline Var operator/(const Var& a, double b) { return div(a, b); }
inline Var operator/(double a, const Var& b) { return div(a, b); }

CFM_ISA_NAMESPACE_END
