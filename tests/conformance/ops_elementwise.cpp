// Arithmetic, functions of one element, activations, comparisons and choices.

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_math.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

Operator unary(Var (*f)(const Var&)) {
  return [f](Sample& s) { return Outputs(f(s.var(0))); };
}
Operator binary(Var (*f)(const Var&, const Var&)) {
  return [f](Sample& s) { return Outputs(f(s.var(0), s.var(1, "other"))); };
}
Operator comparison(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](Sample& s) { return Outputs(f(s.tensor(0), s.tensor(1))); };
}
Operator logic(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](Sample& s) {
    return Outputs(f(s.tensor(0).to(DType::boolean), s.tensor(1).to(DType::boolean)));
  };
}

// x + alpha y, x - alpha y
Outputs add_scaled(Sample& s, double sign) {
  const Var x = s.var(0), y = s.var(1);
  const double alpha = s.number("alpha", 1);
  return sign > 0 ? add(x, alpha == 1 ? y : mul(y, alpha)) : sub(x, alpha == 1 ? y : mul(y, alpha));
}

Outputs clamp_tensors(Sample& s) {
  Var x = s.var(0);
  const Var low = s.var(1), high = s.var(2);
  if (low.value().defined() && high.value().defined())
    if (sum(greater(low.value(), high.value()).to(DType::i64)).item<std::int64_t>() > 0)
      throw Skip{"clamp with a lower limit above the upper one"};
  if (low.value().defined()) x = clamp_min(x, low);
  if (high.value().defined()) x = clamp_max(x, high);
  return x;
}

Outputs rounded_to(Sample& s) {
  const double scale = std::pow(10.0, s.number("decimals", 0));
  const Var x = s.var(0);
  return scale >= 1 ? div(round(mul(x, scale)), scale) : mul(round(mul(x, scale)), 1 / scale);
}

Outputs is_close(Sample& s) {
  const Tensor a = s.tensor(0), b = s.tensor(1);
  const double rtol = s.number("rtol", 1e-5), atol = s.number("atol", 1e-8);
  const bool equal_nan = s.flag(Sample::no_position, "equal_nan", false);
  return pointwise(
      "isclose",
      [=](auto x, auto y) {
        if (x == y) return true;
        if (x != x || y != y) return equal_nan && x != x && y != y;
        const double d = std::abs(static_cast<double>(x) - static_cast<double>(y));
        return std::isfinite(d) && d <= atol + rtol * std::abs(static_cast<double>(y));
      },
      a, b);
}

const Operators arithmetic({
    {"add", [](Sample& s) { return add_scaled(s, 1); }},
    {"sub", [](Sample& s) { return add_scaled(s, -1); }},
    {"mul", binary(mul)},
    {"div.no_rounding_mode", binary(div)},
    {"true_divide", binary(div)},
    {"div.floor_rounding",
     [](Sample& s) {
       s.text("rounding_mode", "");
       return Outputs(floor(div(s.var(0), s.var(1))));
     }},
    {"div.trunc_rounding",
     [](Sample& s) {
       s.text("rounding_mode", "");
       return Outputs(trunc(div(s.var(0), s.var(1))));
     }},
    {"pow", binary(pow)},
    {"maximum", binary(maximum)},
    {"minimum", binary(minimum)},
    {"max.binary", binary(maximum)},
    {"min.binary", binary(minimum)},
    {"atan2", binary(atan2)},
    {"hypot", binary(hypot)},
    {"logaddexp", binary(logaddexp)},
    {"xlogy", binary(xlogy)},
    {"fmod", binary(fmod)},
    {"remainder", binary(remainder)},
    {"copysign", binary(copysign)},
    {"addcmul",
     [](Sample& s) {
       const Var x = s.var(0), a = s.var(1), b = s.var(2);
       return Outputs(add(x, mul(mul(a, b), s.number("value", 1))));
     }},
    {"addcdiv",
     [](Sample& s) {
       const Var x = s.var(0), a = s.var(1), b = s.var(2);
       return Outputs(add(x, mul(div(a, b), s.number("value", 1))));
     }},
    {"lerp",
     [](Sample& s) {
       const Var a = s.var(0), b = s.var(1);
       if (s.find(2)->kind() == JsonKind::object) return Outputs(lerp(a, b, s.var(2)));
       return Outputs(lerp(a, b, Tensor::full({}, s.number(2, "", 0), a.dtype())));
     }},
});

const Operators one_element({
    {"abs", unary(abs)},
    {"neg", unary(neg)},
    {"exp", unary(exp)},
    {"exp2", unary(exp2)},
    {"expm1", unary(expm1)},
    {"log", unary(log)},
    {"log1p", unary(log1p)},
    {"log2", unary(log2)},
    {"sqrt", unary(sqrt)},
    {"rsqrt", unary(rsqrt)},
    {"square", unary(square)},
    {"reciprocal", unary(reciprocal)},
    {"sin", unary(sin)},
    {"cos", unary(cos)},
    {"tan", unary(tan)},
    {"tanh", unary(tanh)},
    {"sigmoid", unary(sigmoid)},
    {"erf", unary(erf)},
    {"erfc", unary(erfc)},
    {"sign", unary(sign)},
    {"floor", unary(floor)},
    {"ceil", unary(ceil)},
    {"round", unary(round)},
    {"trunc", unary(trunc)},
    {"frac", unary(frac)},
    {"round.decimals_0", rounded_to},
    {"round.decimals_3", rounded_to},
    {"round.decimals_neg_3", rounded_to},
    {"logit", [](Sample& s) { return Outputs(logit(s.var(0), s.number(1, "eps", -1))); }},
    {"nan_to_num", [](Sample& s) { return Outputs(nan_to_num(s.var(0))); }},
    {"clamp", clamp_tensors},
    {"clamp_min", binary(clamp_min)},
    {"clamp_max", binary(clamp_max)},
});

const Operators activations({
    {"nn.functional.relu", unary(relu)},
    {"nn.functional.leaky_relu", [](Sample& s) { return Outputs(leaky_relu(s.var(0))); }},
    {"nn.functional.elu", [](Sample& s) { return Outputs(elu(s.var(0))); }},
    {"nn.functional.celu", [](Sample& s) { return Outputs(celu(s.var(0))); }},
    {"nn.functional.selu", unary(selu)},
    {"nn.functional.gelu",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(s.text("approximate", "none") == "tanh" ? gelu_tanh(x) : gelu(x));
     }},
    {"nn.functional.silu", unary(silu)},
    {"nn.functional.softplus",
     [](Sample& s) {
       // torch goes over to the line at beta x = threshold, cfm always at 20.
       const Var x = s.var(0);
       const double beta = s.number("beta", 1), threshold = s.number("threshold", 20);
       return Outputs(where(greater(x.value(), threshold / beta), x, softplus(x, beta)));
     }},
    {"nn.functional.logsigmoid", unary(logsigmoid)},
    {"nn.functional.mish", unary(mish)},
    {"nn.functional.hardsigmoid", unary(hardsigmoid)},
    {"nn.functional.hardswish", unary(hardswish)},
    {"nn.functional.hardtanh",
     [](Sample& s) {
       const Var x = s.var(0);
       const double low = s.number("min_val", -1), high = s.number("max_val", 1);
       if (low > high) throw Skip{"hardtanh with a lower limit above the upper one"};
       return Outputs(hardtanh(x, low, high));
     }},
    {"nn.functional.relu6", unary(relu6)},
    {"nn.functional.softsign", unary(softsign)},
    {"nn.functional.tanhshrink", unary(tanhshrink)},
    {"nn.functional.threshold",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(threshold(x, s.number(1, "threshold", 0), s.number(2, "value", 0)));
     }},
    {"nn.functional.prelu",
     [](Sample& s) {
       const Var x = s.var(0);
       Var w = s.var(1, "weight");
       if (x.rank() > 1 && w.size() > 1) {  // one slope a channel
         Extents column;
         for (int d = 1; d < x.rank(); ++d) column.push_back(d == 1 ? w.size() : 1);
         w = reshape(w, column);
       } else if (x.rank() == 0) {
         w = reshape(w, {});
       }
       return Outputs(prelu(x, w));
     }},
    {"nn.functional.glu",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(glu(x, s.dim(1, "dim", -1)));
     }},
});

const Operators choices({
    {"eq", comparison(equal)},
    {"ne", comparison(not_equal)},
    {"lt", comparison(less)},
    {"le", comparison(less_equal)},
    {"gt", comparison(greater)},
    {"ge", comparison(greater_equal)},
    {"logical_and", logic(logical_and)},
    {"logical_or", logic(logical_or)},
    {"logical_xor", logic(logical_xor)},
    {"logical_not", [](Sample& s) { return Outputs(logical_not(s.tensor(0).to(DType::boolean))); }},
    {"isnan",
     [](Sample& s) {
       return Outputs(pointwise(
           "isnan", [](auto x) { return x != x; }, s.tensor(0)));
     }},
    {"isinf",
     [](Sample& s) {
       return Outputs(pointwise(
           "isinf", [](auto x) { return std::isinf(x); }, s.tensor(0)));
     }},
    {"isfinite",
     [](Sample& s) {
       return Outputs(pointwise(
           "isfinite", [](auto x) { return std::isfinite(x); }, s.tensor(0)));
     }},
    {"isclose", is_close},
    {"where",
     [](Sample& s) {
       const Var a = s.var(0), b = s.var(2);
       return Outputs(where(s.tensor(1), a, b));
     }},
    {"masked_fill",
     [](Sample& s) {
       const Var x = s.var(0);
       if (s.find(2)->kind() == JsonKind::object) return Outputs(where(s.tensor(1), s.var(2), x));
       return Outputs(masked_fill(x, s.tensor(1), s.number(2, "value", 0)));
     }},
});

}  // namespace
}  // namespace cfm::conformance
