/// @file  Random words by position, and elements dropped by them.
/// Source:  J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox).
#ifndef CFM_KERNELS_DROPOUT_INL_HPP_
#define CFM_KERNELS_DROPOUT_INL_HPP_
#include <type_traits>

#include <cfm/core/rng.hpp>
#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_DROPOUT_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_DROPOUT_TARGET
#undef CFM_KERNELS_DROPOUT_TARGET
#else
#define CFM_KERNELS_DROPOUT_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// out[4 i .. 4 i + 3] = rng.bits_at(first + i), blocks of four words. Vectors hold one word of
// several blocks in the lower halves of 64-bit lanes, which is where MulEven looks.
inline void random_words(const Rng& rng, std::uint64_t first, Index blocks, std::uint32_t* out) {
  Index b = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<std::uint64_t> dw;
  const hn::Repartition<std::uint32_t, decltype(dw)> d;
  const Index lanes = static_cast<Index>(hn::Lanes(dw));
  const auto half = [&](std::uint64_t v) HWY_ATTR { return hn::BitCast(d, hn::Set(dw, v)); };
  // Lane 2 i has block i and lane 2 i + 1 block i + lanes / 2, so that interleaving puts the blocks
  // in order.
  HWY_ALIGN std::uint64_t order[hn::MaxLanes(hn::ScalableTag<std::uint64_t>())];
  for (Index l = 0; l < lanes; ++l)
    order[l] = static_cast<std::uint64_t>(l / 2 + l % 2 * (lanes / 2));
  const auto places = hn::Load(dw, order);
  const auto low = hn::Set(dw, 0xFFFFFFFFu);
  const auto pair = [&](auto even, auto odd) HWY_ATTR {
    return hn::Or(hn::And(hn::BitCast(dw, even), low), hn::ShiftLeft<32>(hn::BitCast(dw, odd)));
  };
  // A round waits for the products of the one before, so several vectors go side by side.
  constexpr std::size_t wide = 2;
  using V = hn::Vec<decltype(d)>;
  const auto some = [&]<std::size_t count>(std::integral_constant<std::size_t, count>) HWY_ATTR {
    V c0[count], c1[count], c2[count], c3[count];
    for (std::size_t v = 0; v < count; ++v) {
      const auto from = first + static_cast<std::uint64_t>(b + static_cast<Index>(v) * lanes);
      const auto position = hn::Add(places, hn::Set(dw, from));
      c0[v] = hn::BitCast(d, position);
      c1[v] = hn::BitCast(d, hn::ShiftRight<32>(position));
      c2[v] = half(rng.stream());
      c3[v] = half(rng.stream() >> 32);
    }
    std::uint32_t k0 = static_cast<std::uint32_t>(rng.seed());
    std::uint32_t k1 = static_cast<std::uint32_t>(rng.seed() >> 32);
    const auto by0 = half(0xD2511F53u), by2 = half(0xCD9E8D57u);
    for (int round = 0; round < 10; ++round) {
      const auto key0 = half(k0), key1 = half(k1);
      for (std::size_t v = 0; v < count; ++v) {
        const auto p = hn::MulEven(c0[v], by0), q = hn::MulEven(c2[v], by2);
        c0[v] = hn::Xor(hn::Xor(hn::BitCast(d, hn::ShiftRight<32>(q)), c1[v]), key0);
        c2[v] = hn::Xor(hn::Xor(hn::BitCast(d, hn::ShiftRight<32>(p)), c3[v]), key1);
        c1[v] = hn::BitCast(d, q);
        c3[v] = hn::BitCast(d, p);
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (std::size_t v = 0; v < count; ++v) {
      const auto first_two = pair(c0[v], c1[v]), last_two = pair(c2[v], c3[v]);
      std::uint32_t* const to = out + 4 * (b + static_cast<Index>(v) * lanes);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dw, first_two, last_two)), d, to);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dw, first_two, last_two)), d, to + 2 * lanes);
    }
  };
  const Index step = static_cast<Index>(wide) * lanes;
  for (; b + step <= blocks; b += step) some(std::integral_constant<std::size_t, wide>());
  for (; b + lanes <= blocks; b += lanes) some(std::integral_constant<std::size_t, 1>());
#endif
  for (; b < blocks; ++b) {
    const auto words = rng.bits_at(first + static_cast<std::uint64_t>(b));
    for (std::size_t w = 0; w < 4; ++w) out[4 * b + static_cast<Index>(w)] = words[w];
  }
}

// out[i] = half i of the words < limit ? 0 : factor x[i]
template <class T>
inline void drop_words(const T* x, const std::uint32_t* words, std::uint32_t limit, T factor,
                       T* out, Index n, [[maybe_unused]] bool past) {
  Index i = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (std::is_same_v<T, float>) {
    const hn::ScalableTag<float> d;
    const hn::RebindToSigned<decltype(d)> di;
    const hn::Repartition<std::uint16_t, decltype(d)> halves;
    const Index lanes = static_cast<Index>(hn::Lanes(d));
    const auto scale = hn::Set(d, factor);
    const auto bound = hn::Set(di, static_cast<std::int32_t>(limit));
    const auto keep = [&](auto drawn, Index at) HWY_ATTR {
      const auto dropped = hn::RebindMask(d, hn::Lt(drawn, bound));
      const auto v = hn::Mul(hn::LoadU(d, x + at), scale);
      put_some(d, hn::IfThenZeroElse(dropped, v), out + at, lanes, past);
    };
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
      const auto draw = hn::BitCast(
          halves, hn::LoadU(hn::RebindToUnsigned<decltype(d)>(), words + i / 2));
      keep(hn::PromoteTo(di, hn::LowerHalf(draw)), i);
      keep(hn::PromoteTo(di, hn::UpperHalf(hn::Half<decltype(halves)>(), draw)), i + lanes);
    }
  }
#endif
  for (; i < n; ++i) {
    const std::uint32_t draw = words[i / 2] >> (i % 2 * 16) & 0xFFFFu;
    out[i] = draw < limit ? T{0} : factor * x[i];
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_DROPOUT) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_PLAIN(void, random_words,
               (const Rng& rng, std::uint64_t first, Index blocks, std::uint32_t* out),
               (rng, first, blocks, out))
CFM_BODY(void, drop_words,
         (const T* x, const std::uint32_t* words, std::uint32_t limit, T factor, T* out, Index n,
          bool past), (x, words, limit, factor, out, n, past))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
