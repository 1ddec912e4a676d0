// The power of two of the attention kernels, over its whole range.
#include <cfm/kernels/exp2_nonpositive-inl.hpp>

#include <bit>

#include "support.hpp"

#if CFM_BODIES  // a function of vectors: users of cfm::dispatch reach it through attention alone

using namespace cfm;

namespace {

// HWY_ATTR: vector instructions that the unit's own flags may not have (NEON with AES on Arm).
template <class T>
HWY_ATTR T exp2_of(T x) {
  const hwy::HWY_NAMESPACE::ScalableTag<T> d;
  hwy::HWY_NAMESPACE::Vec<decltype(d)> v[1] = {hwy::HWY_NAMESPACE::Set(d, x)};
  HWY_STATIC_DISPATCH(exp2_nonpositive<1>)(d, v);
  return hwy::HWY_NAMESPACE::GetLane(v[0]);
}

}  // namespace

TEST_CASE("exp2_nonpositive: within one ulp from 0 down to the smallest normal number") {
  double single = 0, twofold = 0;
  for (std::uint32_t bits = std::bit_cast<std::uint32_t>(1e-9f);
       bits < std::bit_cast<std::uint32_t>(126.0f); bits += 257) {
    const float x = -std::bit_cast<float>(bits);
    single = std::max(single, test::ulps(exp2_of(x), std::exp2(static_cast<long double>(x))));
  }
  CHECK(single < 1.0);
  for (double x = -1021.9; x < 0; x += 0.00917)
    twofold = std::max(twofold, test::ulps(exp2_of(x), std::exp2(static_cast<long double>(x))));
  CHECK(twofold < 2);
  CHECK(exp2_of(0.0f) == 1);
  CHECK(exp2_of(-126.5f) == 0);
  CHECK(exp2_of(-std::numeric_limits<float>::infinity()) == 0);
  CHECK(std::isnan(exp2_of(std::numeric_limits<float>::quiet_NaN())));
}

#endif
