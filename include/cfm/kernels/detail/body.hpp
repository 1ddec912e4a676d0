#pragma once
/// @file  The bodies that doors call, in cfm::dispatch. Every file of bodies ends with a list:
///
///     CFM_BODY(T, total, (const T* x, Index n), (x, n))
///
/// declares  template <class T> T total(const T* x, Index n)  for users of cfm::dispatch; its own
/// unit of cfm::dispatch defines that for f32 and f64, by a table of the body for every target.

#include <array>
#include <cstddef>
#include <string_view>

#include <cfm/core/scalar.hpp>

CFM_NAMESPACE_BEGIN
namespace dispatched {

/// The rows of the tables; base is what cfm::dispatch itself was compiled for.
enum class Level { base, sse4, avx2, avx512 };

/// The row that this processor uses, and Highway's name of it.   Errors:  see cfm::simd_target.
Level level();
std::string_view simd_target();

}  // namespace dispatched
CFM_NAMESPACE_END

#if !CFM_BODIES

#define CFM_BODY(Result, fn, parameters, arguments) \
  template <class T>                                \
  Result fn parameters;
// The same without T.
#define CFM_BODY_PLAIN(Result, fn, parameters, arguments) Result fn parameters;
// With a template argument Of before T, and the values that it has.
#define CFM_BODY_OF(Kind, Result, fn, parameters, arguments) \
  template <Kind Of, class T>                                \
  Result fn parameters;
#define CFM_BODY_FOR(fn, ...)
#define CFM_BODY_PAIR(fn, Of, T)

#else

// A row for each target; those that are not compiled repeat the base, and level() avoids them.
#if (HWY_TARGETS & HWY_SSE4) && HWY_STATIC_TARGET != HWY_SSE4
#define CFM_BODY_SSE4(...) &N_SSE4::__VA_ARGS__
#else
#define CFM_BODY_SSE4(...) &HWY_NAMESPACE::__VA_ARGS__
#endif
#if (HWY_TARGETS & HWY_AVX2) && HWY_STATIC_TARGET != HWY_AVX2
#define CFM_BODY_AVX2(...) &N_AVX2::__VA_ARGS__
#else
#define CFM_BODY_AVX2(...) &HWY_NAMESPACE::__VA_ARGS__
#endif
#if (HWY_TARGETS & HWY_AVX3) && HWY_STATIC_TARGET != HWY_AVX3
#define CFM_BODY_AVX512(...) &N_AVX3::__VA_ARGS__
#else
#define CFM_BODY_AVX512(...) &HWY_NAMESPACE::__VA_ARGS__
#endif
#define CFM_BODY_CALL(arguments, ...)                                                      \
  static constexpr std::array of_level{&HWY_NAMESPACE::__VA_ARGS__,                        \
                                       CFM_BODY_SSE4(__VA_ARGS__),                         \
                                       CFM_BODY_AVX2(__VA_ARGS__),                         \
                                       CFM_BODY_AVX512(__VA_ARGS__)};                      \
  return of_level[static_cast<std::size_t>(dispatched::level())] arguments

#define CFM_BODY(Result, fn, parameters, arguments) \
  template <class T>                                \
  Result fn parameters {                            \
    CFM_BODY_CALL(arguments, fn<T>);                \
  }                                                 \
  template decltype(fn<float>) fn<float>;           \
  template decltype(fn<double>) fn<double>;
#define CFM_BODY_PLAIN(Result, fn, parameters, arguments) \
  Result fn parameters {                                  \
    CFM_BODY_CALL(arguments, fn);                         \
  }
#define CFM_BODY_OF(Kind, Result, fn, parameters, arguments) \
  template <Kind Of, class T>                                \
  Result fn parameters {                                     \
    CFM_BODY_CALL(arguments, fn<Of, T>);                     \
  }
#define CFM_BODY_FOR(fn, ...)                                           \
  template decltype(fn<__VA_ARGS__, float>) fn<__VA_ARGS__, float>;     \
  template decltype(fn<__VA_ARGS__, double>) fn<__VA_ARGS__, double>;
#define CFM_BODY_PAIR(fn, Of, T) template decltype(fn<Of, T>) fn<Of, T>;

#endif

// Of computes, T is stored: all pairs that products and attention take.
#define CFM_BODY_STORED(fn)         \
  CFM_BODY_PAIR(fn, float, float)   \
  CFM_BODY_PAIR(fn, double, double) \
  CFM_BODY_PAIR(fn, float, f16)     \
  CFM_BODY_PAIR(fn, float, bf16)
