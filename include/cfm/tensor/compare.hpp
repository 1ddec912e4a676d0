#pragma once
/// @file  Whether two tensors agree, and where they differ most.

#include <cmath>
#include <limits>
#include <string>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// a and b agree if |a - b| <= absolute + relative * |b|.
struct Tolerance {
  double relative = 1e-5;
  double absolute = 1e-8;
  bool equal_nan = false;  ///< NaN agrees with NaN
};

/// The answer of all_equal and allclose: converts to bool, and says what is wrong.
struct Comparison {
  bool agree = true;
  Index mismatches = 0;  ///< elements that do not agree
  Extents worst;         ///< index of the element that is furthest outside
  double a = 0, b = 0;   ///< its two values
  std::string reason;    ///< one sentence; empty if the tensors agree

  explicit operator bool() const { return agree; }
};

namespace detail {

inline Comparison cannot_agree(std::string reason) {
  Comparison out;
  out.agree = false;
  out.reason = std::move(reason);
  return out;
}

inline Extents index_at(const Shape& shape, Index flat) {
  Extents out = shape;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    out[d] = flat % shape[d];
    flat /= shape[d];
  }
  return out;
}

// Each pair through excess(a, b): positive or NaN where the two do not agree. The elements come as
// T, in which every dtype that is compared is exact.
template <class T, class F>
Comparison compare(const Tensor& a, const Tensor& b, const F& excess) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape()))
    return cannot_agree(concat("types or shapes differ: ", a, " and ", b));
  const Tensor x = a.to(dtype_of<T>).contiguous(), y = b.to(dtype_of<T>).contiguous();
  const T *p = x.data<T>(), *q = y.data<T>();
  Comparison out;
  Index worst = -1;
  double largest = 0;
  for (Index i = 0; i < x.size(); ++i) {
    double over = excess(p[i], q[i]);
    if (over <= 0) continue;
    if (!(over > 0)) over = std::numeric_limits<double>::infinity();
    ++out.mismatches;
    if (worst >= 0 && over <= largest) continue;
    worst = i;
    largest = over;
  }
  if (worst < 0) return out;
  out.agree = false;
  out.worst = index_at(x.shape(), worst);
  out.a = static_cast<double>(p[worst]);
  out.b = static_cast<double>(q[worst]);
  out.reason = concat(out.mismatches, " of ", x.size(), " elements differ, worst at ", out.worst,
                      ": ", p[worst], " and ", q[worst]);
  return out;
}

template <class T>
double distance(T a, T b) {
  if (a == b) return 0;
  return std::fabs(static_cast<double>(a) - static_cast<double>(b)) +
         std::numeric_limits<double>::min();  // not 0 where large integers round together
}

}  // namespace detail

/// Same type, same shape, same values. NaN differs from everything; 0 and -0 are the same.
inline Comparison all_equal(const Tensor& a, const Tensor& b) {
  if (is_floating(a.dtype())) return detail::compare<double>(a, b, detail::distance<double>);
  if (a.dtype() == DType::u64)
    return detail::compare<std::uint64_t>(a, b, detail::distance<std::uint64_t>);
  return detail::compare<Index>(a, b, detail::distance<Index>);
}

/// Same type, same shape, and every pair within the tolerance. Infinities agree with themselves.
/// Integers and bool are compared as f64.
inline Comparison allclose(const Tensor& a, const Tensor& b, const Tolerance& tolerance = {}) {
  return detail::compare<double>(a, b, [&](double x, double y) -> double {
    if (x == y) return 0;
    if (x != x && y != y) return tolerance.equal_nan ? 0 : 1;
    if (std::isinf(x) || std::isinf(y)) return std::numeric_limits<double>::infinity();
    return std::fabs(x - y) - (tolerance.absolute + tolerance.relative * std::fabs(y));
  });
}

CFM_NAMESPACE_END
