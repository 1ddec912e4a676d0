#pragma once
/// @file  Activation functions.

#include <cmath>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/kernels/dropout.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// max(x, 0); the slope at 0 is 0.   Saved:  y.
inline Var relu(const Var& x) {
  return record_by_output(x, relu(x.value()), [](auto dy, auto y) { return y > 0 ? dy : dy * 0; });
}

/// x > 0 ? x : slope x
inline Var leaky_relu(const Var& x, double slope = 0.01) {
  return record_by_input(x, leaky_relu(x.value(), slope), [slope](auto dy, auto v) {
    return v > 0 ? dy : dy * static_cast<decltype(v)>(slope);
  });
}

/// x > 0 ? x : alpha expm1(x)
inline Var elu(const Var& x, double alpha = 1) {
  return record_function(x, elu(x.value(), alpha), ops::Elu{alpha});
}

/// max(x, 0) + min(alpha expm1(x / alpha), 0)
inline Var celu(const Var& x, double alpha = 1) { return mul(elu(div(x, alpha)), alpha); }

/// Self-normalising: scale elu(x, alpha) with the two constants of its paper.
/// Source:  G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
inline Var selu(const Var& x) { return mul(elu(x, 1.6732632423543772), 1.0507009873554805); }

/// x (1 + erf(x / sqrt 2)) / 2
inline Var gelu(const Var& x) { return record_function(x, gelu(x.value()), ops::Gelu{}); }

/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
inline Var gelu_tanh(const Var& x) {
  return record_function(x, gelu_tanh(x.value()), ops::GeluTanh{});
}

/// x sigmoid(x)
inline Var silu(const Var& x) { return record_function(x, silu(x.value()), ops::Silu{}); }

/// log(1 + exp(beta x)) / beta, x itself where beta x > 20
inline Var softplus(const Var& x, double beta = 1) {
  return record_function(x, softplus(x.value(), beta), ops::Softplus{beta});
}

/// log(sigmoid(x)), without underflow
inline Var logsigmoid(const Var& x) {
  Tensor y = pointwise(
      "logsigmoid", [](auto v) { return (v < 0 ? v : v * 0) - std::log1p(std::exp(-std::abs(v))); },
      x.value());
  return record_by_input(x, std::move(y), [](auto dy, auto v) { return dy / (1 + std::exp(v)); });
}

/// x tanh(softplus(x))
inline Var mish(const Var& x) {
  const auto log1pexp = [](auto v) { return v > 20 ? v : std::log1p(std::exp(v)); };
  Tensor y = pointwise(
      "mish", [=](auto v) { return v * std::tanh(log1pexp(v)); }, x.value());
  return record_by_input(x, std::move(y), [=](auto dy, auto v) {
    const auto t = std::tanh(log1pexp(v));
    return dy * (t + v * (1 - t * t) / (1 + std::exp(-v)));
  });
}

/// Limited to [low, high]; the slope at the limits themselves is 0.
inline Var hardtanh(const Var& x, double low = -1, double high = 1) {
  return record_by_input(x, clamp(x.value(), low, high), [low, high](auto dy, auto v) {
    using T = decltype(v);
    return v > static_cast<T>(low) && v < static_cast<T>(high) ? dy : dy * 0;
  });
}

/// hardtanh from 0 to 6
inline Var relu6(const Var& x) { return hardtanh(x, 0, 6); }

/// x / 6 + 1/2 limited to [0, 1]
inline Var hardsigmoid(const Var& x) {
  const auto line = [](auto v) { return std::min(std::max(v + 3, v * 0), v * 0 + 6) / 6; };
  return record_by_input(x, pointwise("hardsigmoid", line, x.value()),
                         [](auto dy, auto v) { return v > -3 && v < 3 ? dy / 6 : dy * 0; });
}

/// x hardsigmoid(x)
inline Var hardswish(const Var& x) {
  const auto f = [](auto v) { return v * std::min(std::max(v + 3, v * 0), v * 0 + 6) / 6; };
  return record_by_input(x, pointwise("hardswish", f, x.value()), [](auto dy, auto v) {
    return v < -3 ? dy * 0 : v <= 3 ? dy * (v / 3 + static_cast<decltype(v)>(0.5)) : dy;
  });
}

/// x / (1 + |x|)
inline Var softsign(const Var& x) {
  const auto f = [](auto v) { return v / (1 + std::abs(v)); };
  return record_by_input(x, pointwise("softsign", f, x.value()), [](auto dy, auto v) {
    const auto d = 1 + std::abs(v);
    return dy / (d * d);
  });
}

/// x - tanh(x)
inline Var tanhshrink(const Var& x) { return sub(x, tanh(x)); }

/// x > at ? x : value
inline Var threshold(const Var& x, double at, double value) {
  const auto f = [at, value](auto v) {
    using T = decltype(v);
    return v > static_cast<T>(at) ? v : static_cast<T>(value);
  };
  return record_by_input(x, pointwise("threshold", f, x.value()), [at](auto dy, auto v) {
    return v > static_cast<decltype(v)>(at) ? dy : dy * 0;
  });
}

/// x > 0 ? x : slope x with a trained slope, broadcast.
inline Var prelu(const Var& x, const Var& slope) {
  const auto f = [](auto v, auto s) { return v > 0 ? v : s * v; };
  return record_by_inputs(
      x, slope, pointwise("prelu", f, x.value(), slope.value()),
      [](auto dy, auto v, auto s) { return v > 0 ? dy : dy * s; },
      [](auto dy, auto v, auto) { return v > 0 ? dy * 0 : dy * v; });
}

/// The first half of a dimension times the sigmoid of the second.
inline Var glu(const Var& x, int dim = -1) {
  CFM_CHECK(x.rank() > 0 && x.size(dim) % 2 == 0, "glu: the extent must be even", x);
  const std::vector<Var> halves = split(x, {x.size(dim) / 2, x.size(dim) / 2}, dim);
  return mul(halves[0], sigmoid(halves[1]));
}

/// In training each element is zeroed with probability p and the others scaled by 1 / (1 - p), by
/// the random numbers of the tape; otherwise x itself.   Errors:  Error unless 0 <= p <= 1.
inline Var dropout(const Var& x, double p) {
  CFM_CHECK(p >= 0 && p <= 1, "dropout: the probability must be in [0, 1]", p);
  if (!x.tape() || !x.tape()->training() || p == 0) return x;
  const Rng rng = x.tape()->next_rng();
  return record({&x}, dropout(x.value(), p, rng),
                [to = x.slot(), p, rng](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dropout(dy, p, rng));  // the same elements, drawn again
                });
}

CFM_ISA_NAMESPACE_END
