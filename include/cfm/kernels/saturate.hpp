#pragma once
/// @file  Conversion that limits values to what the target type can hold.

#include <limits>

#include <cfm/kernels/elementwise.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The largest finite value of a type: 448 of f8_e4m3fn, 127 of i8, 1 of bool.
inline double largest_finite(DType dtype) {
  switch (dtype) {
    case DType::f64: return std::numeric_limits<double>::max();
    case DType::f32: return static_cast<double>(std::numeric_limits<float>::max());
    case DType::bf16: return 0x1.FEp127;
    case DType::f16: return 65504;
    case DType::f8_e4m3fn: return 448;
    case DType::f8_e5m2: return 57344;
    case DType::f8_e4m3fnuz: return 240;
    case DType::f8_e5m2fnuz: return 57344;
    case DType::boolean: return 1;
    case DType::i8: return 127;
    case DType::i16: return 32767;
    case DType::i32: return 2147483647;
    case DType::i64: return 0x1p63;
    case DType::u8: return 255;
    case DType::u16: return 65535;
    case DType::u32: return 4294967295;
    case DType::u64: return 0x1p64;
  }
  throw_error<TypeError>("largest_finite: not one of the element types");
}

/// Elements of a floating tensor in another type, values beyond its range (infinities too) as its
/// largest finite value of that sign. NaN stays NaN, and is 0 as an integer. Tensor::to instead
/// gives infinity, or NaN in the 8-bit floats that have no infinity.
/// Order:   one rounding, to nearest, ties to even; to integers it cuts off towards zero.
/// Errors:  TypeError unless x is floating.
inline Tensor to_saturated(const Tensor& x, DType dtype) {
  CFM_CHECK(is_floating(x.dtype()), "to_saturated: needs a floating tensor", x.dtype());
  if (!is_floating(dtype)) return x.to(dtype);  // which is limited to its range already
  const bool twice = x.dtype() == DType::f64 || dtype == DType::f64;
  const Tensor wide = x.to(twice ? DType::f64 : DType::f32);
  const double limit = largest_finite(dtype);
  return clamp(wide, -limit, limit).to(dtype);
}

CFM_ISA_NAMESPACE_END
