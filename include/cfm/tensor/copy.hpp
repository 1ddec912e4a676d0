#pragma once
/// @file  Strided copies and element conversion: the one loop under clone, to, fill and copy_from.

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include <cfm/core/dtype.hpp>
#include <cfm/tensor/shape.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// The float next to `value` from which a second rounding, to a narrower type, gives the same as one
// rounding of `value`: inexact results get an odd last bit.
constexpr float round_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || value != value) return nearest;
  const auto bits = std::bit_cast<std::uint32_t>(nearest);
  const bool above =
      value < 0 ? static_cast<double>(nearest) < value : static_cast<double>(nearest) > value;
  return std::bit_cast<float>((bits - (above ? 1u : 0u)) | 1u);
}

}  // namespace detail

/// `value` as another element type. Between floats: nearest, ties to even. To an integer: towards
/// zero, limited to its range, NaN becomes 0. To bool: true unless zero. Between integers: modulo.
template <Element To, class From>
constexpr To convert(From value) {
  if constexpr (!std::is_arithmetic_v<From> && std::is_arithmetic_v<To>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::same_as<To, bool>) {
    return value != From{0};
  } else if constexpr (std::floating_point<From> && std::integral<To>) {
    using Limits = std::numeric_limits<To>;
    if (!(value == value)) return 0;
    if (value <= static_cast<From>(Limits::min())) return Limits::min();
    if (value >= static_cast<From>(Limits::max())) return Limits::max();
    return static_cast<To>(value);
  } else if constexpr (std::is_arithmetic_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::same_as<From, double>) {
    return To(detail::round_to_odd(value));
  } else if constexpr (std::integral<From> && sizeof(From) == 8) {
    // Bits that a double has no room for only matter as "not zero".
    const bool wide =
        value > (From{1} << 53) || (std::signed_integral<From> && value < -(From{1} << 53));
    const From low = value & From{0x7FF};
    const From kept =
        wide ? static_cast<From>((value - low) | (low != 0 ? From{0x800} : From{0})) : value;
    return To(detail::round_to_odd(static_cast<double>(kept)));
  } else if constexpr (std::integral<From>) {
    return To(detail::round_to_odd(static_cast<double>(value)));
  } else {
    return To(static_cast<float>(value));
  }
}

namespace detail {

// Calls f(a, b, n, step_a, step_b) for every run along the innermost dimension. Dimensions that
// are dense in both operands are merged first, so that dense tensors are a single run.
template <class F>
void for_each_run(const Shape& shape, const Strides& a, const Strides& b, const F& f) {
  Extents extent, sa, sb;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == 0) return;
    if (shape[d] == 1) continue;
    const int last = extent.rank() - 1;
    if (last >= 0 && sa[last] == a[d] * shape[d] && sb[last] == b[d] * shape[d]) {
      extent[last] *= shape[d];
      sa[last] = a[d];
      sb[last] = b[d];
    } else {
      extent.push_back(shape[d]);
      sa.push_back(a[d]);
      sb.push_back(b[d]);
    }
  }
  if (extent.rank() == 0) return f(Index{0}, Index{0}, Index{1}, Index{1}, Index{1});
  const int inner = extent.rank() - 1;
  Index index[max_rank] = {}, pa = 0, pb = 0;
  while (true) {
    f(pa, pb, extent[inner], sa[inner], sb[inner]);
    int d = inner - 1;
    for (; d >= 0; --d) {
      pa += sa[d];
      pb += sb[d];
      if (++index[d] < extent[d]) break;
      pa -= sa[d] * extent[d];
      pb -= sb[d] * extent[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

template <class T>
void copy_run(T* out, const T* in, Index n, Index step_out, Index step_in) {
  if (step_out == 1 && step_in == 1)
    std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(T));
  else
    for (Index i = 0; i < n; ++i) out[i * step_out] = in[i * step_in];
}

// Conversions go through one of three wide types, which hold every element exactly: 17 loads and
// 51 stores are compiled instead of 289 pairs.
template <class Wide>
void convert_run(DType to, std::byte* out, DType from, const std::byte* in, Index n, Index step_out,
                 Index step_in) {
  constexpr Index chunk = 128;
  Wide buffer[chunk];
  for (Index begin = 0; begin < n; begin += chunk) {
    const Index count = std::min(chunk, n - begin);
    visit_dtype(from, [&]<class From>(std::type_identity<From>) {
      if constexpr (std::is_arithmetic_v<From> || std::same_as<Wide, double>) {
        const From* source = reinterpret_cast<const From*>(in) + begin * step_in;
        for (Index i = 0; i < count; ++i) buffer[i] = static_cast<Wide>(source[i * step_in]);
      }
    });
    visit_dtype(to, [&]<class To>(std::type_identity<To>) {
      To* target = reinterpret_cast<To*>(out) + begin * step_out;
      for (Index i = 0; i < count; ++i) target[i * step_out] = convert<To>(buffer[i]);
    });
  }
}

// out[i...] = in[i...] for every index of the shape; elements of `size` bytes. The operands must
// not overlap.
inline void copy_elements(const Shape& shape, Index size, std::byte* out,
                          const Strides& out_strides, const std::byte* in,
                          const Strides& in_strides) {
  const auto copy = [&]<class T>(std::type_identity<T>) {
    for_each_run(shape, out_strides, in_strides,
                 [&](Index a, Index b, Index n, Index step_a, Index step_b) {
                   copy_run(reinterpret_cast<T*>(out) + a, reinterpret_cast<const T*>(in) + b, n,
                            step_a, step_b);
                 });
  };
  switch (size) {
    case 1: return copy(std::type_identity<std::uint8_t>{});
    case 2: return copy(std::type_identity<std::uint16_t>{});
    case 4: return copy(std::type_identity<std::uint32_t>{});
    default: return copy(std::type_identity<std::uint64_t>{});
  }
}

// The same with out[i...] = convert(in[i...]). Apart from copy_elements, so that a program that
// converts nothing compiles no conversions.
inline void convert_elements(const Shape& shape, DType to, std::byte* out,
                             const Strides& out_strides, DType from, const std::byte* in,
                             const Strides& in_strides) {
  const Index to_size = size_of(to), from_size = size_of(from);
  for_each_run(shape, out_strides, in_strides,
               [&](Index a, Index b, Index n, Index step_a, Index step_b) {
                 std::byte* const o = out + a * to_size;
                 const std::byte* const i = in + b * from_size;
                 if (is_floating(from))
                   convert_run<double>(to, o, from, i, n, step_a, step_b);
                 else if (from == DType::u64)
                   convert_run<std::uint64_t>(to, o, from, i, n, step_a, step_b);
                 else
                   convert_run<std::int64_t>(to, o, from, i, n, step_a, step_b);
               });
}

}  // namespace detail

CFM_NAMESPACE_END
