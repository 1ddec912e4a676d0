#include <cfm/kernels/dispatch.hpp>

#include <string>

#include <doctest/doctest.h>

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
