/// @file  Which weights of attention are dropped: random bits by the place of query and key alone.
#ifndef CFM_KERNELS_ATTENTION_DROPOUT_INL_HPP_
#define CFM_KERNELS_ATTENTION_DROPOUT_INL_HPP_
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <cfm/core/rng.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// What decides about the keys of a row: key j is dropped where word j % 32 / 8 of
/// rng.bits_at((row << 32) + j / 32 * 8 + j % 8) is below `threshold`.
struct DropRow {
  std::uint32_t key[2], stream[2];  // of the generator
  std::uint32_t row, threshold;
  double kept;  // the factor of a weight that stays
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_ATTENTION_DROPOUT_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_ATTENTION_DROPOUT_TARGET
#undef CFM_KERNELS_ATTENTION_DROPOUT_TARGET
#else
#define CFM_KERNELS_ATTENTION_DROPOUT_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// bits[0, 32): those of keys 32 group .. 32 (group + 1). Philox as in core/rng.hpp.
#if HWY_TARGET == HWY_SCALAR
inline void drop_bits(const detail::DropRow& row, std::uint32_t group, std::uint32_t* bits) {
  for (std::uint32_t i = 0; i < 8; ++i) {
    std::uint32_t c0 = 8 * group + i, c1 = row.row, c2 = row.stream[0], c3 = row.stream[1];
    std::uint32_t k0 = row.key[0], k1 = row.key[1];
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{c0} * 0xD2511F53u, b = std::uint64_t{c2} * 0xCD9E8D57u;
      c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
      c1 = static_cast<std::uint32_t>(b);
      c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
      c3 = static_cast<std::uint32_t>(a);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    bits[i] = c0, bits[8 + i] = c1, bits[16 + i] = c2, bits[24 + i] = c3;
  }
}
#else
// A counter in the lower half of each lane; what the upper halves hold is never read.
inline void drop_bits(const detail::DropRow& row, std::uint32_t group, std::uint32_t* bits) {
#if HWY_TARGET == HWY_SCALAR
  for (std::uint32_t i = 0; i < 8; ++i) {
    const auto words = philox4x32({8 * group + i, row.row, row.stream[0], row.stream[1]},
                                  {row.key[0], row.key[1]});
    for (std::uint32_t w = 0; w < 4; ++w) bits[8 * w + i] = words[w];
  }
#else
  const hn::ScalableTag<std::uint64_t> d;
  const hn::Repartition<std::uint32_t, decltype(d)> half;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  HWY_ALIGN std::uint64_t words[8];
  HWY_ALIGN std::uint64_t out[8 < hn::MaxLanes(d) ? hn::MaxLanes(d) : 8];
  for (Index first = 0; first < 8; first += lanes) {
    for (Index i = 0; i < std::min<Index>(8, lanes); ++i)
      words[i] = 8 * std::uint64_t{group} + static_cast<std::uint64_t>(first + i);
    auto c0 = hn::Load(d, words), c1 = hn::Set(d, std::uint64_t{row.row});
    auto c2 = hn::Set(d, std::uint64_t{row.stream[0]}),
         c3 = hn::Set(d, std::uint64_t{row.stream[1]});
    std::uint32_t k0 = row.key[0], k1 = row.key[1];
    const auto m0 = hn::BitCast(half, hn::Set(d, std::uint64_t{0xD2511F53u}));
    const auto m1 = hn::BitCast(half, hn::Set(d, std::uint64_t{0xCD9E8D57u}));
    for (int round = 0; round < 10; ++round) {
      const auto a = hn::MulEven(hn::BitCast(half, c0), m0);
      const auto b = hn::MulEven(hn::BitCast(half, c2), m1);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(b), c1), hn::Set(d, std::uint64_t{k0}));
      c1 = b;
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(a), c3), hn::Set(d, std::uint64_t{k1}));
      c3 = a;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const auto keep = [&](auto v, std::uint32_t* to) HWY_ATTR {
      hn::Store(v, d, out);
      for (Index i = 0; i < std::min<Index>(8, lanes); ++i)
        to[first + i] = static_cast<std::uint32_t>(out[i]);
    };
    keep(c0, bits);
    keep(c1, bits + 8);
    keep(c2, bits + 16);
    keep(c3, bits + 24);
  }
#endif
}
#endif

// x[i] *= factor of key first + i, 0 or `kept`.
template <class T>
inline void drop_weights(const detail::DropRow& row, Index first, Index n, T* x) {
  const hn::ScalableTag<T> d;
  const T kept = static_cast<T>(row.kept);
  HWY_ALIGN std::uint32_t bits[32];
  for (Index i = 0; i < n;) {
    const Index begin = (first + i) % 32, count = std::min(n - i, 32 - begin);
    drop_bits(row, static_cast<std::uint32_t>((first + i) / 32), bits);
    Index j = 0;
    if constexpr (std::is_same_v<T, float>) {
      // There are signed comparisons alone: flipping the top bit keeps the order.
      const hn::RebindToSigned<decltype(d)> di;
      constexpr std::uint32_t top = 0x80000000u;
      const auto flip = hn::Set(di, static_cast<std::int32_t>(top));
      const auto threshold = hn::Set(di, static_cast<std::int32_t>(row.threshold ^ top));
      const Index lanes = lanes_of<T>();
      for (; j + lanes <= count; j += lanes) {
        const auto b = hn::LoadU(di, reinterpret_cast<const std::int32_t*>(bits) + begin + j);
        const auto dropped = hn::RebindMask(d, hn::Gt(threshold, hn::Xor(b, flip)));
        const auto factor = hn::IfThenZeroElse(dropped, hn::Set(d, kept));
        hn::StoreU(hn::Mul(hn::LoadU(d, x + i + j), factor), d, x + i + j);
      }
    }
    for (; j < count; ++j) x[i + j] *= bits[begin + j] < row.threshold ? T{0} : kept;
    i += count;
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_ATTENTION_DROPOUT) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, drop_weights, (const detail::DropRow& row, Index first, Index n, T* x),
         (row, first, n, x))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
