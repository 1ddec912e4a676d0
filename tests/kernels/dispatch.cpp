#include <cfm/kernels/dispatch.hpp>

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#if defined(CFM_DISPATCH)

TEST_CASE("simd_target: the best of this processor, or what CFM_ISA names") {
  const std::string target(cfm::simd_target());
  const char* const named = std::getenv("CFM_ISA");
  const std::string isa = named == nullptr ? "" : named;
  if (isa == "sse4") CHECK(target == "SSE4");
  if (isa == "avx2") CHECK(target == "AVX2");
  if (isa == "avx512") CHECK(target == "AVX3");
  if (isa == "scalar") CHECK((target == "SCALAR" || target == "EMU128" || target == "SSE2"));
#if defined(__x86_64__)
  if (isa.empty() && __builtin_cpu_supports("avx2")) CHECK(target.substr(0, 3) == "AVX");
#endif
}

#else

TEST_CASE("simd_target: what the flags of this unit promise") {
  const std::string target(cfm::simd_target());
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
  CHECK(target.substr(0, 4) == "AVX3");
#elif defined(__AVX2__) && defined(__FMA__) && defined(__BMI2__) && defined(__F16C__)
  CHECK(target == "AVX2");
#elif defined(__SSE4_2__)
  CHECK(target == "SSE4");
#elif defined(__aarch64__)
  CHECK(target == "NEON");
#else
  CHECK((target == "SCALAR" || target == "EMU128" || target == "SSSE3"));
#endif
}

#endif
