// Which row of the tables of bodies this processor uses.
#define CFM_DISPATCH_UNIT
#include <cfm/kernels/dispatch.hpp>

#include <hwy/highway.h>

#include <cstdlib>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN
namespace dispatched {
namespace {

struct Target {
  std::string_view name;  // in CFM_ISA
  Level level;
  std::int64_t bit;  // Highway's
};

// Built for flags with more, the base has no name of its own here.
constexpr bool scalar_base = HWY_STATIC_TARGET == HWY_SCALAR || HWY_STATIC_TARGET == HWY_EMU128;
constexpr Target targets[] = {
    {scalar_base ? "scalar" : "", Level::base, HWY_STATIC_TARGET},
#if HWY_ARCH_X86
    {"sse4", Level::sse4, HWY_SSE4},
    {"avx2", Level::avx2, HWY_AVX2},
    {"avx512", Level::avx512, HWY_AVX3},
#endif
};

// Compiled into the tables, not only a name.
constexpr bool compiled(const Target& t) { return (HWY_TARGETS & t.bit) != 0; }

const Target& choose() {
  const std::int64_t here = hwy::SupportedTargets() | HWY_STATIC_TARGET;
  const Target* best = targets;
  for (const Target& t : targets)
    if (compiled(t) && (here & t.bit) != 0) best = &t;
  const char* const wanted = std::getenv("CFM_ISA");
  if (wanted == nullptr || *wanted == '\0') return *best;
  for (const Target& t : targets) {
    if (t.name != wanted) continue;
    if (compiled(t) && (here & t.bit) != 0) return t;
    throw_error<UnsupportedError>("CFM_ISA=", wanted, ": ",
                                  compiled(t) ? "this processor has at most "
                                              : "cfm::dispatch was built for flags with ",
                                  compiled(t) ? best->name : hwy::TargetName(HWY_STATIC_TARGET));
  }
  if (std::string_view(wanted) == "scalar")
    throw_error<UnsupportedError>("CFM_ISA=scalar: cfm::dispatch was built for flags with ",
                                  hwy::TargetName(HWY_STATIC_TARGET));
  throw_error<UnsupportedError>("CFM_ISA=", wanted,
                                ": no such target; it is scalar, sse4, avx2 or avx512");
}

const Target& chosen() {
  static const Target& target = choose();
  return target;
}

}  // namespace

Level level() { return chosen().level; }

std::string_view simd_target() {
  const Target& t = chosen();
  return hwy::TargetName(t.level == Level::base ? HWY_STATIC_TARGET : t.bit);
}

}  // namespace dispatched
CFM_NAMESPACE_END
