#pragma once
/// @file  Names of the element-wise functions, as types: what doors and bodies agree on.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// One empty or small struct for each function; `map` of elementwise.hpp takes them.
/// "ulp" is the largest error found in units of the last place, tested in tests/kernels.
namespace ops {

// Exact, or correctly rounded.
struct Neg {};         ///< -x
struct Abs {};         ///< |x|
struct Sqrt {};        ///< square root; NaN below 0
struct Square {};      ///< x x
struct Reciprocal {};  ///< 1 / x
struct Sign {};        ///< -1, 0 or 1; NaN stays
struct Floor {};       ///< largest integer not above x
struct Ceil {};        ///< smallest integer not below x
struct Round {};       ///< nearest integer, ties to even
struct Trunc {};       ///< towards zero
struct Relu {};        ///< max(x, 0); NaN stays
struct LeakyRelu {     ///< x > 0 ? x : slope x
  double slope = 0.01;
};
struct Clamp {  ///< limited to [low, high]; NaN stays
  double low, high;
};

// A few ulp. All give the IEEE limits at infinities and keep NaN.
struct Rsqrt {};    ///< 1 / sqrt(x); 1.5 ulp
struct Exp {};      ///< 1.2 ulp; overflows to infinity, underflows through subnormals to 0
struct Log {};      ///< 2 ulp; -infinity at 0, NaN below
struct Log1p {};    ///< log(1 + x) without cancellation; 4 ulp
struct Expm1 {};    ///< exp(x) - 1 without cancellation; 4 ulp
struct Tanh {};     ///< 6 ulp; never beyond 1
struct Sigmoid {};  ///< 1 / (1 + exp(-x)); 3 ulp where the result is not subnormal
struct Sin {};      ///< 4 ulp, or 1e-7 (f32), 2e-16 (f64) absolute near its zeros; any argument
struct Cos {};      ///< as Sin
struct Erf {};      ///< 7 ulp (f32), 4 ulp (f64); never beyond 1
struct Silu {};     ///< x sigmoid(x); 4 ulp where the result is not subnormal
struct Elu {        ///< x > 0 ? x : alpha expm1(x); 6 ulp
  double alpha = 1;
};
struct Softplus {  ///< log(1 + exp(beta x)) / beta, x itself where beta x > 20; 6 ulp
  double beta = 1;
};
struct Gelu {};      ///< x (1 + erf(x / sqrt 2)) / 2; error at most 2^-22 |x| (f32)
struct GeluTanh {};  ///< x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2; error as Gelu

// Two operands. Exact or correctly rounded but for Pow.
struct Add {};  ///< a + b
struct Sub {};  ///< a - b
struct Mul {};  ///< a b
struct Div {};  ///< a / b
struct Min {};  ///< the smaller; NaN if one is NaN
struct Max {};  ///< the larger; NaN if one is NaN
struct Pow {};  ///< a^b as std::pow; 1 ulp

/// a f'(b) for a function f above: a gradient on its way back. Of Elu, Softplus, Gelu, GeluTanh and
/// Silu; within 1e-6 (f32), 1e-14 (f64) of |a|.
template <class Op>
struct Slope {
  Op op{};
};

}  // namespace ops

CFM_NAMESPACE_END
