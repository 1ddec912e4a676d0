#pragma once
/// @file  Limits of this machine, measured beside each benchmark: multiply-add, streamed reads,
///        random rows. Times change from second to second, so a fraction of a limit is worth more.

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cfm/core/rng.hpp>
#include <cfm/kernels/dispatch.hpp>

namespace cfm::bench {

/// Seconds that this thread has computed: other programs on the machine do not count.
inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of the fastest of `rounds` calls, which must do all their work on this thread.
template <class F>
double fastest(int rounds, const F& f) {
  double best = 1e30;
  for (int i = 0; i < rounds; ++i) {
    const double begin = thread_seconds();
    f();
    best = std::min(best, thread_seconds() - begin);
  }
  return best;
}

/// Keeps a value from being optimised away.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

#if defined(__AVX512F__)
inline constexpr int lanes = 16;
#elif defined(__AVX2__)
inline constexpr int lanes = 8;
#else
inline constexpr int lanes = 4;
#endif
typedef float Vector __attribute__((vector_size(lanes * 4)));

/// Multiply-adds of ten independent vectors V, `steps` times; forced into the caller, whose
/// instruction set it takes.
template <class V>
[[gnu::always_inline]] inline void multiply_add_burst(int steps) {
  constexpr int chains = 10;
  V acc[chains] = {}, a = V{} + 0.5f, b = V{} + 1e-3f;
  asm volatile("" : "+m"(a), "+m"(b));
  const V x = a, y = b;
  for (int s = 0; s < steps; ++s) {
#pragma GCC unroll 10
    for (int c = 0; c < chains; ++c) acc[c] = acc[c] * x + y;
  }
  asm volatile("" : : "m"(acc));
}

#if defined(__x86_64__)
typedef float Vector512 __attribute__((vector_size(64)));
[[gnu::target("avx512f")]] inline void multiply_add_burst_avx512(int steps) {
  multiply_add_burst<Vector512>(steps);
}
#endif

/// Floating-point operations a second of one thread, f32 multiply-adds of the full vectors of the
/// kernels' target.
inline double multiply_add_rate() {
  constexpr int steps = 200000;
#if defined(__x86_64__)
  if (simd_target() == "AVX3")
    return 2.0 * 16 * 10 * steps / fastest(5, [] { multiply_add_burst_avx512(steps); });
#endif
  return 2.0 * lanes * 10 * steps / fastest(5, [] { multiply_add_burst<Vector>(steps); });
}

/// Bytes a second of one thread that reads `bytes` of memory in four streams.
inline double stream_rate(std::size_t bytes = std::size_t{128} << 20) {
  const std::vector<float> memory(bytes / sizeof(float), 1.0f);
  const std::size_t quarter = memory.size() / 4 / lanes * lanes;
  const double seconds = fastest(4, [&] {
    Vector sum[4] = {};
    for (std::size_t i = 0; i < quarter; i += lanes)
      for (std::size_t s = 0; s < 4; ++s) {
        Vector v;
        __builtin_memcpy(&v, memory.data() + s * quarter + i, sizeof v);
        sum[s] += v;
      }
    keep(sum);
  });
  return 4.0 * static_cast<double>(quarter) * sizeof(float) / seconds;
}

/// Bytes a second, read and written, of one thread that copies memory in the best way known here:
/// the library's memcpy, plain stores, or stores past the cache.
inline double copy_rate(std::size_t bytes = std::size_t{128} << 20) {
  const std::vector<float> from(bytes / sizeof(float), 1.0f);
  std::vector<float> to(from.size(), 0.0f);
  double seconds = fastest(3, [&] {
    __builtin_memcpy(to.data(), from.data(), bytes);
    keep(to);
  });
#if defined(__AVX2__)
  const std::size_t first = (32 - reinterpret_cast<std::uintptr_t>(to.data()) % 32) % 32 / 4;
  seconds = std::min(seconds, fastest(3, [&] {
    for (std::size_t i = first; i + lanes <= to.size(); i += lanes)
      _mm256_stream_ps(to.data() + i, _mm256_loadu_ps(from.data() + i));
    _mm_sfence();
    keep(to);
  }));
#endif
  return 2.0 * static_cast<double>(bytes) / seconds;
}

/// Bytes a second, read and written, of one thread that changes three arrays in place by a fourth:
/// the traffic of an optimizer.
inline double update_rate(std::size_t bytes = std::size_t{64} << 20) {
  std::vector<std::vector<float>> a(4, std::vector<float>(bytes / sizeof(float), 1.0f));
  const std::size_t n = a[0].size();
  const double seconds = fastest(3, [&] {
    float* __restrict p = a[0].data();
    float* __restrict m = a[1].data();
    float* __restrict v = a[2].data();
    const float* __restrict g = a[3].data();
    for (std::size_t i = 0; i + lanes <= n; i += lanes) {
      Vector x[4];
      __builtin_memcpy(&x[0], p + i, sizeof(Vector));
      __builtin_memcpy(&x[1], m + i, sizeof(Vector));
      __builtin_memcpy(&x[2], v + i, sizeof(Vector));
      __builtin_memcpy(&x[3], g + i, sizeof(Vector));
      for (int k = 0; k < 3; ++k) x[k] += x[3];
      __builtin_memcpy(p + i, &x[0], sizeof(Vector));
      __builtin_memcpy(m + i, &x[1], sizeof(Vector));
      __builtin_memcpy(v + i, &x[2], sizeof(Vector));
    }
    keep(a);
  });
  return 7.0 * static_cast<double>(n) * sizeof(float) / seconds;
}

/// Bytes a second of one thread that sums rows of `width` floats in random order, 16 rows ahead.
inline double gather_rate(std::size_t width, std::size_t bytes = std::size_t{128} << 20) {
  const std::size_t rows = bytes / sizeof(float) / width;
  const std::vector<float> memory(rows * width, 1.0f);
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(1);
  for (std::size_t i = rows; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  const double seconds = fastest(3, [&] {
    Vector sum = {};
    for (std::size_t i = 0; i < rows; ++i) {
      if (i + 16 < rows)
        for (std::size_t c = 0; c < width; c += 16)
          __builtin_prefetch(memory.data() + order[i + 16] * width + c);
      const float* row = memory.data() + order[i] * width;
      for (std::size_t c = 0; c + lanes <= width; c += lanes) {
        Vector v;
        __builtin_memcpy(&v, row + c, sizeof v);
        sum += v;
      }
    }
    keep(sum);
  });
  return static_cast<double>(rows * width) * sizeof(float) / seconds;
}

/// Ends the program unless two results agree: what is not right is not timed.
inline void verify(const char* what, const float* ours, const float* theirs, std::size_t n,
                   float bound) {
  for (std::size_t i = 0; i < n; ++i)
    if (!(std::abs(ours[i] - theirs[i]) <= bound * (1 + std::abs(theirs[i]))))
      throw std::runtime_error(std::string(what) + ": ours and the peer's results differ");
}

/// One line: ours, the peer, their ratio, the share of the limit.
inline void report(const std::string& what, double ours, double peer, double limit,
                   const char* unit) {
  std::printf("%-34s ours %8.2f  peer %8.2f %s  ratio %5.2f  of limit %3.0f %%\n", what.c_str(),
              ours / 1e9, peer / 1e9, unit, ours / peer, 100 * ours / limit);
}

}  // namespace cfm::bench
