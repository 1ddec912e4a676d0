#pragma once
/// @file  What the tests of kernels share.

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/core/rng.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/tensor/tensor.hpp>

namespace cfm::test {

template <class T>
std::vector<T> normals(Index n, std::uint64_t seed, double scale = 1, double shift = 0) {
  Rng rng(seed);
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& v : out) v = static_cast<T>(shift + scale * rng.normal());
  return out;
}

/// Normal numbers as a tensor [a, b, c, d].
template <class T>
Tensor normals4(Index a, Index b, Index c, Index d, std::uint64_t seed, double scale = 1) {
  return Tensor::from(std::span<const T>(normals<T>(a * b * c * d, seed, scale)), {a, b, c, d});
}

/// op of one number, by the kernel.
template <class T, class Op>
T value_of(Op op, double x) {
  T in = static_cast<T>(x), out = 0;
  map(op, vector_view(&in, 1), vector_view(&out, 1));
  return out;
}

template <class T>
std::vector<double> widened(const T* x, Index n) {
  return std::vector<double>(x, x + n);
}

/// Distance in units of the last place of the wanted number; 0 for two NaNs or equal infinities.
template <class T>
double ulps(T got, long double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) == std::isnan(got) ? 0 : 1e30;
  const T near = static_cast<T>(want);
  if (std::isinf(near) || std::isinf(got)) return near == got ? 0 : 1e30;
  const T magnitude = std::max(std::abs(near), std::numeric_limits<T>::min());
  const T step = std::nextafter(magnitude, std::numeric_limits<T>::infinity()) - magnitude;
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) /
                             static_cast<long double>(step));
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// f() returns a vector: the same bits with 1, 2, 3 and 8 threads.
template <class F>
void check_threads(const F& f) {
  const auto one = ThreadLimit(1).run(f);
  for (int threads : {2, 3, 8}) {
    CAPTURE(threads);
    CHECK(same_bits(one, ThreadLimit(threads).run(f)));
  }
}

/// n elements that start `offset` elements after an aligned address, between sentinels.
template <class T>
class Guarded {
 public:
  Guarded(Index n, Index offset)
      : memory_(static_cast<std::size_t>(n + offset + 2), sentinel), offset_(offset + 1), n_(n) {}
  T* data() { return memory_.data() + offset_; }
  std::vector<T> values() { return std::vector<T>(data(), data() + n_); }
  void fill(const std::vector<T>& values) { std::copy(values.begin(), values.end(), data()); }
  bool intact() const {
    const auto begin = static_cast<std::size_t>(offset_),
               end = static_cast<std::size_t>(offset_ + n_);
    for (std::size_t i = 0; i < memory_.size(); ++i)
      if ((i < begin || i >= end) && memory_[i] != sentinel) return false;
    return true;
  }

 private:
  static constexpr T sentinel = T(-12345);
  std::vector<T> memory_;
  Index offset_, n_;
};

}  // namespace cfm::test
