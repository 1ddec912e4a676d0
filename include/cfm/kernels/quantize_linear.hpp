#pragma once
/// @file  Tensors as integers with a scale and a zero point.

#include <cfm/kernels/reduce.hpp>
#include <cfm/kernels/saturate.hpp>
#include <cfm/tensor/join.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// How far one scale reaches.
struct QuantizeOptions {
  int dim = 1;      ///< the dimension along which scales differ; void for a single scale
  Index block = 0;  ///< elements along it that share a scale; 0: a scale for each position
};

namespace isa_detail {

// Scales or zero points, broadcast to x: one number, one a position of options.dim, or one a block.
inline Tensor spread_over(std::string_view op, const Tensor& x, const Tensor& scale,
                          const QuantizeOptions& options) {
  if (scale.size() == 1 && options.block == 0) return scale.reshape({});
  const int d = normalize_dim(options.dim, x.rank(), op);
  if (options.block == 0) {
    CFM_CHECK(scale.rank() == 1 && x.rank() > 0 && scale.size() == x.shape()[d],
              concat(op, ": needs one scale, or one a position of dimension ", d), x, scale);
    Extents column;
    for (int i = d; i < x.rank(); ++i) column.push_back(i == d ? scale.size() : 1);
    return scale.reshape(column);
  }
  Extents blocks = x.shape();
  CFM_CHECK(options.block > 0 && x.rank() > 0, concat(op, ": blocks must not be empty"), x,
            options.block);
  blocks[d] = x.shape()[d] / options.block + (x.shape()[d] % options.block != 0 ? 1 : 0);
  CFM_CHECK(scale.shape() == Shape(blocks),
            concat(op, ": needs one scale for every ", options.block, " elements of dimension ", d),
            x, scale);
  std::vector<Tensor> parts;
  for (Index b = 0; b < blocks[d]; ++b) {
    Extents part = x.shape();
    part[d] = std::min(options.block, x.shape()[d] - b * options.block);
    parts.push_back(scale.slice(d, b, b + 1).expand(Shape(part)));
  }
  return parts.empty() ? Tensor::empty(x.shape(), scale.dtype()) : cat(parts, d);
}

inline bool is_quantized(DType dtype) {
  return (is_integer(dtype) && size_of(dtype) <= 2) || (is_floating(dtype) && size_of(dtype) == 1);
}

}  // namespace isa_detail

/// round(x / scale) + zero point, limited to the range of `dtype`; ties to even. To the 8-bit
/// floats x / scale is converted, and there is no zero point.
/// Shapes:  x [..]; scale and zero point: one element, [extent of options.dim], or shaped like x
///          with one element a block. An undefined zero point is 0.
/// Errors:  TypeError unless x is floating and dtype is i8, u8, i16, u16 or an 8-bit float, and the
///          zero point of that type; ShapeError.
inline Tensor quantize_linear(const Tensor& x, const Tensor& scale, const Tensor& zero_point,
                              DType dtype, const QuantizeOptions& options = {}) {
  CFM_CHECK(is_floating(x.dtype()) && is_floating(scale.dtype()),
            "quantize_linear: x and scale must be floating", x.dtype(), scale.dtype());
  CFM_CHECK(isa_detail::is_quantized(dtype),
            "quantize_linear: wants an 8- or 16-bit integer or an 8-bit float", dtype);
  const DType wide = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const Tensor steps = isa_detail::spread_over("quantize_linear", x, scale, options).to(wide);
  Tensor y = div(x.to(wide), steps);
  if (!zero_point.defined()) return to_saturated(is_floating(dtype) ? y : round(y), dtype);
  CFM_CHECK(zero_point.dtype() == dtype,
            "quantize_linear: the zero point must have the type of the result",
            zero_point.dtype(), dtype);
  const Tensor zero = isa_detail::spread_over("quantize_linear", x, zero_point, options).to(wide);
  if (is_floating(dtype)) {
    CFM_CHECK(!any(zero).item<bool>(), "quantize_linear: 8-bit floats have no zero point", dtype);
    return to_saturated(y, dtype);
  }
  return to_saturated(add(round(y), zero), dtype);
}

/// (q - zero point) scale, of the type of the scale, computed in double and rounded once.
/// Shapes:  as quantize_linear.
/// Errors:  TypeError unless q is an integer or an 8-bit float, the zero point of its type and the
///          scale floating; ShapeError.
inline Tensor dequantize_linear(const Tensor& q, const Tensor& scale, const Tensor& zero_point = {},
                                const QuantizeOptions& options = {}) {
  CFM_CHECK(is_integer(q.dtype()) || isa_detail::is_quantized(q.dtype()),
            "dequantize_linear: wants integers or 8-bit floats", q.dtype());
  CFM_CHECK(is_floating(scale.dtype()), "dequantize_linear: the scale must be floating",
            scale.dtype());
  const Tensor steps =
      isa_detail::spread_over("dequantize_linear", q, scale, options).to(DType::f64);
  Tensor y = q.to(DType::f64);
  if (zero_point.defined()) {
    CFM_CHECK(zero_point.dtype() == q.dtype(),
              "dequantize_linear: the zero point must have the type of q", zero_point.dtype(),
              q.dtype());
    y = sub(y, isa_detail::spread_over("dequantize_linear", q, zero_point, options).to(DType::f64));
  }
  return mul(y, steps).to(scale.dtype());
}

/// What dynamic_quantize finds.
struct DynamicQuantized {
  Tensor values;      ///< u8, shaped like x
  Tensor scale;       ///< rank 0, of the type of x
  Tensor zero_point;  ///< rank 0, u8
};

/// u8 with the one scale that the values need, whose range holds 0: scale = (max - min) / 255,
/// zero point = round(-min / scale). All zeros have a scale of 1.
/// Errors:  TypeError unless x is f32 or f64; ShapeError if x is empty.
inline DynamicQuantized dynamic_quantize(const Tensor& x) {
  const Tensor zero = Tensor::zeros({}, x.dtype());
  const Tensor low = minimum(min(x), zero), high = maximum(max(x), zero);
  const Tensor range = sub(high, low);  // may overflow where the scale does not
  Tensor scale = where(less(range, std::numeric_limits<double>::infinity()), div(range, 255),
                       sub(div(high, 255), div(low, 255)));
  scale = where(equal(scale, 0.0), Tensor::ones({}, x.dtype()), scale);
  const Tensor point = to_saturated(round(div(neg(low), scale)), DType::u8);
  return {quantize_linear(x, scale, point, DType::u8), scale, point};
}

CFM_ISA_NAMESPACE_END
