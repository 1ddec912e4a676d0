#pragma once
/// @file  Tensors of regular and of random values.

#include <cmath>
#include <limits>

#include <cfm/core/rng.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// out[i] = f(i) for a dense tensor, computed as T and converted once.
template <class T, class F>
Tensor generate(const Shape& shape, DType dtype, const F& f) {
  Tensor out = Tensor::empty(shape, dtype);
  std::byte* const bytes = out.bytes();
  const Index n = out.size();
  visit_dtype(dtype, [&]<class To>(std::type_identity<To>) {
    To* const data = reinterpret_cast<To*>(bytes);
    for (Index i = 0; i < n; ++i) data[i] = convert<To>(static_cast<T>(f(i)));
  });
  return out;
}

inline double normal_at(const Rng& rng, std::uint64_t position) {
  const auto b = rng.bits_at(position);
  const auto unit = [](std::uint32_t high, std::uint32_t low) {
    return static_cast<double>(((std::uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
  };
  return std::sqrt(-2.0 * std::log(1.0 - unit(b[1], b[0]))) *
         std::cos(6.283185307179586477 * unit(b[3], b[2]));
}

}  // namespace detail

/// begin, begin + step, ... up to but not including end.
/// Errors:  Error for a step of 0, ShapeError for too many elements.
inline Tensor arange(Index begin, Index end, Index step = 1, DType dtype = DType::i64) {
  CFM_CHECK(step != 0, "arange: the step must not be zero");
  // In unsigned numbers: the distance of two Index values may not fit an Index.
  const bool forward = step > 0;
  if (forward ? begin >= end : begin <= end) return Tensor::empty(Shape{0}, dtype);
  const auto from = static_cast<std::uint64_t>(begin), to = static_cast<std::uint64_t>(end);
  const std::uint64_t distance = forward ? to - from : from - to;
  const std::uint64_t stride = forward ? static_cast<std::uint64_t>(step)
                                       : std::uint64_t{0} - static_cast<std::uint64_t>(step);
  const std::uint64_t count = (distance - 1) / stride + 1;
  CFM_CHECK(count <= std::uint64_t{1} << 59, "arange: too many elements",
            Extents{begin, end, step});
  return detail::generate<Index>(Shape{static_cast<Index>(count)}, dtype, [&](Index i) {
    return static_cast<Index>(from +
                              static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(step));
  });
}
/// 0, 1, ... end - 1.
inline Tensor arange(Index end) { return arange(0, end); }

/// `count` values evenly spaced from `begin` to `end`, both included.
/// Errors:  ShapeError for a negative count.
inline Tensor linspace(double begin, double end, Index count, DType dtype = DType::f32) {
  const double step = count > 1 ? (end - begin) / static_cast<double>(count - 1) : 0.0;
  return detail::generate<double>(Shape{count}, dtype, [&](Index i) {
    return i > 0 && i == count - 1 ? end : begin + static_cast<double>(i) * step;
  });
}

/// Ones on the main diagonal, else zeros.   Shapes:  [rows, cols], square if cols is left out.
inline Tensor eye(Index rows, Index cols = -1, DType dtype = DType::f32) {
  if (cols < 0) cols = rows;
  Tensor out = Tensor::zeros(Shape{rows, cols}, dtype);
  const Index n = std::min(rows, cols);
  if (n > 0) Tensor(out.storage(), dtype, Shape{n}, Strides{cols + 1}).fill(1);
  return out;
}

/// Independent values of [low, high). Element i takes position rng.position() + i of the stream,
/// whatever the shape; a generator that may be changed moves on by the number of elements.
/// Errors:  Error unless low < high and both are finite, TypeError unless `dtype` is floating.
inline Tensor uniform(const Shape& shape, const Rng& rng, double low = 0, double high = 1,
                      DType dtype = DType::f32) {
  CFM_CHECK(std::isfinite(low) && std::isfinite(high) && low < high, "uniform: needs low < high",
            low, high);
  CFM_CHECK(is_floating(dtype), "uniform: needs a floating type", dtype);
  const auto value = [&](Index i) {
    const auto b = rng.bits_at(rng.position() + static_cast<std::uint64_t>(i));
    const std::uint64_t bits = (std::uint64_t{b[1]} << 32) | b[0];
    return low + (high - low) * (static_cast<double>(bits >> 11) * 0x1p-53);
  };
  if (dtype == DType::f64) {
    const double last = std::nextafter(high, low);
    return detail::generate<double>(shape, dtype,
                                    [&](Index i) { return std::min(value(i), last); });
  }
  if (dtype == DType::f32) {  // rounding may reach `high`
    const float top = static_cast<float>(high);
    const float last = top < high ? top : std::nextafter(top, -std::numeric_limits<float>::max());
    return detail::generate<float>(
        shape, dtype, [&](Index i) { return std::min(static_cast<float>(value(i)), last); });
  }
  return detail::generate<double>(shape, dtype, value);
}
inline Tensor uniform(const Shape& shape, Rng& rng, double low = 0, double high = 1,
                      DType dtype = DType::f32) {
  Tensor out = uniform(shape, static_cast<const Rng&>(rng), low, high, dtype);
  rng.seek(rng.position() + static_cast<std::uint64_t>(out.size()));
  return out;
}

/// Independent normal values (Box and Muller). Positions as in `uniform`.
/// Errors:  Error unless both are finite and deviation >= 0, TypeError unless `dtype` is floating.
inline Tensor normal(const Shape& shape, const Rng& rng, double mean = 0, double deviation = 1,
                     DType dtype = DType::f32) {
  CFM_CHECK(std::isfinite(mean) && std::isfinite(deviation) && deviation >= 0,
            "normal: needs a finite mean and deviation", mean, deviation);
  CFM_CHECK(is_floating(dtype), "normal: needs a floating type", dtype);
  return detail::generate<double>(shape, dtype, [&](Index i) {
    return mean +
           deviation * detail::normal_at(rng, rng.position() + static_cast<std::uint64_t>(i));
  });
}
inline Tensor normal(const Shape& shape, Rng& rng, double mean = 0, double deviation = 1,
                     DType dtype = DType::f32) {
  Tensor out = normal(shape, static_cast<const Rng&>(rng), mean, deviation, dtype);
  rng.seek(rng.position() + static_cast<std::uint64_t>(out.size()));
  return out;
}

CFM_NAMESPACE_END
