// ONNX: functions of elements, on numbers, integers, bits and bools.

#include <cmath>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/kernels/bitwise.hpp>
#include <cfm/kernels/compare.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/integer_math.hpp>

#include "onnx.hpp"

namespace cfm::conformance::onnx {
namespace {

using Function1 = Tensor (*)(const Tensor&);
using Function2 = Tensor (*)(const Tensor&, const Tensor&);

// f of the first input, half precision through f32.
auto unary(Function1 f) {
  return [f](Node& n) { return Results(f(n.real(0)).to(n.in(0).dtype())); };
}
auto binary(Function2 f) {
  return [f](Node& n) { return Results(f(n.real(0), n.real(1)).to(n.in(0).dtype())); };
}
// Comparisons and logic: the result is bool.
auto predicate(Function2 f) {
  return [f](Node& n) { return Results(f(n.real(0), n.real(1))); };
}
auto on_var(Var (*f)(const Var&)) {
  return [f](Node& n) { return Results(f(n.real(0)).value().to(n.in(0).dtype())); };
}

// All inputs joined by f.
auto folded(Function2 f) {
  return [f](Node& n) {
    Tensor out = n.real(0);
    for (std::size_t i = 1; i < n.inputs(); ++i) out = f(out, n.real(i));
    return Results(out.to(n.in(0).dtype()));
  };
}

Tensor plus(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor minus(const Tensor& a, const Tensor& b) { return sub(a, b); }
Tensor times(const Tensor& a, const Tensor& b) { return mul(a, b); }
Tensor over(const Tensor& a, const Tensor& b) {
  return is_integer(a.dtype()) ? quotient(a, b) : div(a, b);
}

Results power(Node& n) {
  const Tensor a = n.real(0), b = n.real(1);
  if (is_integer(a.dtype()) && is_integer(b.dtype())) return integer_pow(a, b.to(a.dtype()));
  if (is_integer(a.dtype())) return pow(a.to(DType::f64), b.to(DType::f64)).to(a.dtype());
  return pow(a, b.to(a.dtype())).to(n.in(0).dtype());
}

Results clip(Node& n) {
  Tensor x = n.real(0);
  if (n.has(1)) x = maximum(x, n.real(1));
  if (n.has(2)) x = minimum(x, n.real(2));
  return x.to(n.in(0).dtype());
}

Results is_inf(Node& n) {
  const Tensor x = n.real(0);
  const double infinity = std::numeric_limits<double>::infinity();
  Tensor out = Tensor::zeros(x.shape(), DType::boolean);
  if (n.integer("detect_positive", 1) != 0) out = logical_or(out, equal(x, infinity));
  if (n.integer("detect_negative", 1) != 0) out = logical_or(out, equal(x, -infinity));
  return out;
}

Results hard_sigmoid(Node& n) {
  const double alpha = n.number("alpha", 0.2), beta = n.number("beta", 0.5);
  return clamp(add(mul(n.real(0), alpha), beta), 0, 1);
}

const Nodes onnx_arithmetic({
    {"Add", binary(plus)},
    {"Sub", binary(minus)},
    {"Mul", binary(times)},
    {"Div", binary(over)},
    {"Pow", power},
    {"Mod",
     [](Node& n) {
       return Results(n.integer("fmod", 0) != 0 ? fmod(n.in(0), n.in(1))
                                                : remainder(n.in(0), n.in(1)));
     }},
    {"Max", folded(maximum)},
    {"Min", folded(minimum)},
    {"Sum", folded(plus)},
    {"Mean",
     [](Node& n) { return Results(div(folded(plus)(n)[0], static_cast<double>(n.inputs()))); }},
    {"Clip", clip},
    {"BitwiseAnd", binary(bitwise_and)},
    {"BitwiseOr", binary(bitwise_or)},
    {"BitwiseXor", binary(bitwise_xor)},
    {"BitwiseNot", unary(bitwise_not)},
    {"BitShift",
     [](Node& n) {
       return Results(n.text("direction", "") == "LEFT" ? shift_left(n.in(0), n.in(1))
                                                        : shift_right(n.in(0), n.in(1)));
     }},
});

const Nodes onnx_predicates({
    {"Equal", predicate([](const Tensor& a, const Tensor& b) { return equal(a, b); })},
    {"Less", predicate([](const Tensor& a, const Tensor& b) { return less(a, b); })},
    {"LessOrEqual", predicate([](const Tensor& a, const Tensor& b) { return less_equal(a, b); })},
    {"Greater", predicate([](const Tensor& a, const Tensor& b) { return greater(a, b); })},
    {"GreaterOrEqual",
     predicate([](const Tensor& a, const Tensor& b) { return greater_equal(a, b); })},
    {"And", predicate(logical_and)},
    {"Or", predicate(logical_or)},
    {"Xor", predicate(logical_xor)},
    {"Not", [](Node& n) { return Results(logical_not(n.in(0))); }},
    {"IsInf", is_inf},
    {"IsNaN",
     [](Node& n) {
       const Tensor x = n.real(0);
       return Results(not_equal(x, x));
     }},
    {"Where", [](Node& n) { return Results(where(n.in(0), n.in(1), n.in(2))); }},
});

const Nodes onnx_functions({
    {"Abs", unary(abs)},
    {"Neg", unary(neg)},
    {"Sign", unary(sign)},
    {"Floor", unary(floor)},
    {"Ceil", unary(ceil)},
    {"Round", unary(round)},
    {"Sqrt", unary(sqrt)},
    {"Reciprocal", unary(reciprocal)},
    {"Exp", unary(exp)},
    {"Log", unary(log)},
    {"Sin", unary(sin)},
    {"Cos", unary(cos)},
    {"Tanh", unary(tanh)},
    {"Erf", unary(erf)},
});

const Nodes onnx_activations({
    {"Relu", unary(relu)},
    {"Sigmoid", unary(sigmoid)},
    {"Softplus", unary([](const Tensor& x) { return softplus(x); })},
    {"Softsign", on_var(softsign)},
    {"Mish", on_var(mish)},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", on_var(hardswish)},
    {"Gelu",
     [](Node& n) {
       const Tensor x = n.real(0);
       return Results(n.text("approximate", "none") == "tanh" ? gelu_tanh(x) : gelu(x));
     }},
    {"LeakyRelu", [](Node& n) { return Results(leaky_relu(n.real(0), n.number("alpha", 0.01))); }},
    {"ThresholdedRelu",
     [](Node& n) { return Results(threshold(n.real(0), n.number("alpha", 1), 0)); }},
    {"Elu", [](Node& n) { return Results(elu(n.real(0), n.number("alpha", 1))); }},
    {"Celu",
     [](Node& n) {
       return Results(celu(n.real(0), n.number("alpha", 1)).value().to(n.in(0).dtype()));
     }},
    {"Selu",
     [](Node& n) {
       const double alpha = n.number("alpha", 1.67326319217681884765625);
       return Results(mul(elu(n.real(0), alpha), n.number("gamma", 1.05070102214813232421875)));
     }},
    {"PRelu", [](Node& n) { return Results(prelu(n.real(0), n.real(1))); }},
    {"SwiGLU",
     [](Node& n) {
       const Tensor a = n.real(0), gate = sigmoid(mul(a, n.number("alpha", 1)));
       return Results(mul(mul(a, gate), n.real(1)).to(n.in(0).dtype()));
     }},
    {"Swish",
     [](Node& n) {
       const Tensor x = n.real(0);
       return Results(mul(x, sigmoid(mul(x, n.number("alpha", 1)))));
     }},
});

}  // namespace
}  // namespace cfm::conformance::onnx
