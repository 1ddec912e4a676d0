#pragma once
/// @file  Namespaces, the instruction-set tag, and the few macros that cfm has.

#include <cstddef>
#include <cstdint>

#if defined(__FAST_MATH__)
#error "cfm: -ffast-math breaks NaN handling and reproducibility; build without it"
#endif

// CFM_CHECKED=1 turns on CFM_ASSERT (internal invariants). It changes inlined code, so it is part
// of the name of everything: units built with and without it do not share symbols.
#ifndef CFM_CHECKED
#define CFM_CHECKED 0
#endif

#if CFM_CHECKED
#define CFM_ABI v0_checked
#else
#define CFM_ABI v0
#endif

// The tag of functions whose code depends on the instruction set. Units built with different -m
// flags keep their own copies; types carry no tag, so such units may exchange a Tensor or an Aig.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__AVX512CD__)
#define CFM_ISA avx512
#elif defined(__AVX2__) && defined(__FMA__) && defined(__BMI__) && defined(__BMI2__) && \
    defined(__F16C__)
#define CFM_ISA avx2
#elif defined(__AVX2__)
#define CFM_ISA avx2_partial  // Highway wants -mbmi -mbmi2 -mf16c -mfma too, and falls back
#elif defined(__AVX__)
#define CFM_ISA avx
#elif defined(__SSE4_1__)
#define CFM_ISA sse4
#elif defined(__SSSE3__)
#define CFM_ISA ssse3
#elif defined(__ARM_NEON)
#define CFM_ISA neon
#else
#define CFM_ISA base
#endif

/// Opens and closes the namespace of types and of functions without vector code.
#define CFM_NAMESPACE_BEGIN \
  namespace cfm {           \
  inline namespace CFM_ABI {
#define CFM_NAMESPACE_END \
  }                       \
  }

/// Opens and closes the namespace of functions that depend on the instruction set. Helpers there
/// live in `namespace isa_detail`: a second `detail` would make that name ambiguous.
#if defined(CFM_DISPATCH)  // doors that call cfm::dispatch are other functions than the inline ones
#define CFM_ISA_NAMESPACE_BEGIN \
  namespace cfm {               \
  inline namespace CFM_ABI {    \
  inline namespace CFM_ISA {    \
  inline namespace dispatching {
#define CFM_ISA_NAMESPACE_END \
  }                           \
  }                           \
  }                           \
  }
#else
#define CFM_ISA_NAMESPACE_BEGIN \
  namespace cfm {               \
  inline namespace CFM_ABI {    \
  inline namespace CFM_ISA {
#define CFM_ISA_NAMESPACE_END \
  }                           \
  }                           \
  }
#endif

#if defined(__CUDACC__)
#define CFM_HOST_DEVICE __host__ __device__
#else
#define CFM_HOST_DEVICE
#endif

CFM_NAMESPACE_BEGIN

/// Extents, strides, counts and positions. Signed, so that differences are safe.
using Index = std::int64_t;

CFM_NAMESPACE_END
