#pragma once
/// @file  Instruction sets: which one this unit was compiled for, which ones this processor has.

#include <array>
#include <string_view>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <cfm/core/fwd.hpp>

CFM_NAMESPACE_BEGIN

/// Instruction sets that cfm tells apart. `base` is what the compiler uses without flags.
enum class Isa : std::uint8_t { base, ssse3, sse4, avx, avx2_partial, avx2, avx512, neon };

/// All of them, weakest first within a family.
inline constexpr std::array<Isa, 8> all_isas{Isa::base,         Isa::ssse3, Isa::sse4,   Isa::avx,
                                             Isa::avx2_partial, Isa::avx2,  Isa::avx512, Isa::neon};

/// "base", "sse4", "avx2" ...
constexpr std::string_view name(Isa isa) {
  constexpr std::array<std::string_view, 8> names{"base",         "ssse3", "sse4",   "avx",
                                                  "avx2_partial", "avx2",  "avx512", "neon"};
  return names[static_cast<std::size_t>(isa)];
}

namespace detail {

#if defined(__x86_64__) || defined(__i386__)
// __builtin_cpu_supports also asks whether the system saves the wide registers. Clang 14 does not
// know its name for half floats: bit 29 of ECX in leaf 1.
inline bool has_half_floats() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 29 & 1u) != 0;
}
#endif

}  // namespace detail

/// True if this processor and system run code compiled for `isa`.
inline bool cpu_supports(Isa isa) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  switch (isa) {
    case Isa::base: return true;
    case Isa::ssse3: return __builtin_cpu_supports("ssse3");
    case Isa::sse4: return __builtin_cpu_supports("sse4.1");
    case Isa::avx: return __builtin_cpu_supports("avx");
    case Isa::avx2_partial: return __builtin_cpu_supports("avx2");
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
             detail::has_half_floats();
    case Isa::avx512:
      return cpu_supports(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
    case Isa::neon: return false;
  }
  return false;
#elif defined(__aarch64__)
  return isa == Isa::base || isa == Isa::neon;  // part of the architecture
#elif defined(__ARM_NEON)
  return isa == Isa::base || isa == Isa::neon;  // this unit would not run without it
#else
  return isa == Isa::base;
#endif
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The instruction set that this translation unit was compiled for.
constexpr Isa isa() {
  using enum Isa;
  return CFM_ISA;
}

/// Its name.
constexpr std::string_view isa_name() { return name(isa()); }

CFM_ISA_NAMESPACE_END
