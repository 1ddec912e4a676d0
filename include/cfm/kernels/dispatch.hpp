#pragma once
/// @file  The one door from kernel doors to kernel bodies, in three kinds of units:
///
///   header-only        bodies are compiled into the unit, at its flags
///   CFM_DISPATCH       the user of cfm::dispatch: bodies are called, none is compiled
///   CFM_DISPATCH_UNIT  a unit of cfm::dispatch: bodies are compiled for every target, and
///                      chosen when they are called

#include <cfm/core/config.hpp>

#if defined(CFM_DISPATCH)
#define CFM_BODIES 0
#else
#define CFM_BODIES 1
// Highway 1.0.3 asks AES and PCLMUL of the AVX2 target, which -march=x86-64-v3 does not have. No
// kernel uses them.
#ifndef HWY_DISABLE_PCLMUL_AES
#define HWY_DISABLE_PCLMUL_AES
#endif
// Nor does 1.0.3 take the flags of Sapphire Rapids (-march=native there) unless it is asked to.
#if defined(__AVX512F__) && defined(__AVXVNNI__) && !defined(HWY_WANT_AVX3_DL)
#define HWY_WANT_AVX3_DL
#endif
#if defined(CFM_DISPATCH_UNIT)
#define HWY_DISABLED_TARGETS (HWY_SSSE3)  // no processor of today stops there
#include <hwy/detect_targets.h>           // the rest comes with foreach_target.h
#else
#include <hwy/highway.h>
#endif
#endif

#include <string_view>

#if CFM_BODIES && !defined(CFM_DISPATCH_UNIT)
#if HWY_ARCH_X86 && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__AVX512CD__) && HWY_STATIC_TARGET > HWY_AVX3
#pragma message("cfm: AVX-512 is on, but Highway chose a lower target: was it included before cfm?")
#elif HWY_ARCH_X86 && defined(__AVX2__) && HWY_STATIC_TARGET > HWY_AVX2
#pragma message("cfm: AVX2 is on, but Highway chose a lower target; use -march=x86-64-v3, or add " \
                "-mfma -mbmi -mbmi2 -mf16c, and include cfm before Highway")
#elif HWY_ARCH_X86 && defined(__SSE4_2__) && HWY_STATIC_TARGET > HWY_SSE4
#pragma message("cfm: SSE4.2 is on, but Highway chose a lower target: was it included before cfm?")
#endif
#endif

/// The body `fn` for the instruction set of this unit, or for the best of this processor with
/// cfm::dispatch. Doors call bodies through it alone.
#if CFM_BODIES
#define CFM_CALL(fn) HWY_STATIC_DISPATCH(fn)
#else
#define CFM_CALL(fn) ::cfm::CFM_ABI::dispatched::fn
#endif

#if !CFM_BODIES || defined(CFM_DISPATCH_UNIT)
#include <cfm/kernels/detail/body.hpp>
#endif

#if !defined(CFM_DISPATCH_UNIT)
CFM_ISA_NAMESPACE_BEGIN

#if !CFM_BODIES

/// The SIMD target of the kernels: the best that this processor has, or a lower one that CFM_ISA
/// names in the environment (scalar, sse4, avx2, avx512).
/// Errors:  UnsupportedError if CFM_ISA names none of these, or one that is not to be had here.
inline std::string_view simd_target() { return dispatched::simd_target(); }

#else

/// The SIMD target of the kernels of this unit: "AVX3", "AVX2", "SSE4", "NEON", "SCALAR" ...
constexpr std::string_view simd_target() {
  constexpr std::string_view name = HWY_STR(HWY_NAMESPACE);  // N_AVX2
  return name.substr(2);
}

namespace isa_detail {

// The tag that keeps symbols apart must promise at least what the bodies use.
#define CFM_ISA_TEXT_OF(tag) #tag
#define CFM_ISA_TEXT(tag) CFM_ISA_TEXT_OF(tag)
constexpr bool isa_covers_target() {
  constexpr std::string_view tag = CFM_ISA_TEXT(CFM_ISA), target = simd_target();
  if (target.starts_with("AVX3")) return tag == "avx512";
  if (target == "AVX2") return tag == "avx512" || tag.starts_with("avx2");
  if (target == "SSE4") return tag.starts_with("avx") || tag == "sse4";
  if (target == "SSSE3") return tag != "base" && tag != "neon";
  return true;
}
#undef CFM_ISA_TEXT
#undef CFM_ISA_TEXT_OF
static_assert(isa_covers_target(), "cfm: the instruction-set tag and Highway's target disagree");

}  // namespace isa_detail

#endif

CFM_ISA_NAMESPACE_END
#endif
