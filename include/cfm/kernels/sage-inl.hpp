/// @file  Row-by-row dense products, with a mean over fan-ins in front. Bodies of sage.hpp.
#ifndef CFM_KERNELS_SAGE_INL_HPP_  // plain C++: the arguments
#define CFM_KERNELS_SAGE_INL_HPP_
#include <type_traits>

#include <cfm/core/config.hpp>
#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// out[r] = act(bias + x[r] W^T + (neighbours? mean of x over fan-ins of r) V^T), rows begin..end.
template <class T>
struct SageArguments {
  const std::int64_t* offsets;  // fan-ins of row r: columns[offsets[r] .. offsets[r + 1])
  const std::int32_t* columns;  // null: no neighbours
  const T* x;
  Index x_stride, inputs;
  const T* self;        // panels of 16 outputs, [panels][inputs][16]
  const T* neighbours;  // the same for the mean
  const T* bias;        // [panels * 16]
  Index outputs;
  T* out;  // row `begin` is at out
  Index out_stride;
  Index begin, end;
  bool relu;
  T* tile;  // scratch [sage_tile][inputs]
};

// Rows whose means are gathered before their products run: enough to hide the latency of one
// gather behind another, few enough to stay in L1 beside the weights.
inline constexpr Index sage_tile = 48;

}  // namespace detail
CFM_NAMESPACE_END
#endif

#if CFM_BODIES && defined(CFM_KERNELS_SAGE_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_SAGE_TARGET
#undef CFM_KERNELS_SAGE_TARGET
#else
#define CFM_KERNELS_SAGE_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows for one pass over a panel: as many accumulators as the registers of the target hold.
template <class T>
constexpr Index sage_rows_per_pass() {
  constexpr Index vectors = 16 / HWY_MIN(Index{16}, static_cast<Index>(HWY_LANES(T)));
  return vectors == 1 ? 12 : vectors == 2 ? 6 : vectors == 4 ? 3 : 1;
}

// One panel for R rows: out[i][0..15] = act(bias + a[i] A + b[i] B). b may be null.
template <Index R, class T>
HWY_NOINLINE void sage_micro(const T* HWY_RESTRICT a, Index a_stride, const T* HWY_RESTRICT pa,
                             const T* HWY_RESTRICT b, Index b_stride, const T* HWY_RESTRICT pb,
                             Index inputs, const T* HWY_RESTRICT bias, bool relu,
                             T* HWY_RESTRICT out, Index out_stride) {
  const hn::CappedTag<T, 16> d;
  using V = hn::Vec<decltype(d)>;
  constexpr Index lanes = HWY_MIN(Index{16}, static_cast<Index>(HWY_LANES(T)));
  constexpr Index vectors = 16 / lanes;
  V acc[static_cast<std::size_t>(R)][static_cast<std::size_t>(vectors)];
  HWY_UNROLL(16)
  for (Index i = 0; i < R; ++i) {
    HWY_UNROLL(16)
    for (Index v = 0; v < vectors; ++v) acc[i][v] = hn::LoadU(d, bias + v * lanes);
  }
  for (int operand = 0; operand < 2; ++operand) {
    const T* HWY_RESTRICT const x = operand == 0 ? a : b;
    const T* HWY_RESTRICT panel = operand == 0 ? pa : pb;
    const Index stride = operand == 0 ? a_stride : b_stride;
    if (x == nullptr) break;
    for (Index k = 0; k < inputs; ++k, panel += 16) {
      V w[static_cast<std::size_t>(vectors)];
      HWY_UNROLL(16)
      for (Index v = 0; v < vectors; ++v) w[v] = hn::LoadU(d, panel + v * lanes);
      HWY_UNROLL(16)
      for (Index i = 0; i < R; ++i) {
        const V s = hn::Set(d, x[i * stride + k]);
        HWY_UNROLL(16)
        for (Index v = 0; v < vectors; ++v) acc[i][v] = hn::MulAdd(s, w[v], acc[i][v]);
      }
    }
  }
  const V zero = hn::Zero(d);
  HWY_UNROLL(16)
  for (Index i = 0; i < R; ++i) {
    HWY_UNROLL(16)
    for (Index v = 0; v < vectors; ++v) {
      const V y = acc[i][v];  // below zero becomes zero; NaN is not below and stays
      hn::StoreU(relu ? hn::IfThenZeroElse(hn::Lt(y, zero), y) : y, d,
                 out + i * out_stride + v * lanes);
    }
  }
}

// The mean of the fan-ins of rows begin..end, one row of the tile each; zero without fan-ins.
template <class T>
void sage_gather(const detail::SageArguments<T>& s, Index begin, Index end) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d)), full = s.inputs - s.inputs % lanes;
  constexpr Index ahead = 24;  // edges: far enough for a DRAM access behind the products of a tile
  const std::int64_t last = s.offsets[s.end];
  for (Index r = begin; r < end; ++r) {
    T* HWY_RESTRICT const row = s.tile + (r - begin) * s.inputs;
    const std::int64_t from = s.offsets[r], to = s.offsets[r + 1];
    for (std::int64_t e = from; e < to; ++e) {
      if (e + ahead < last) {
        const T* const next = s.x + static_cast<Index>(s.columns[e + ahead]) * s.x_stride;
        for (Index i = 0; i < s.inputs; i += static_cast<Index>(64 / sizeof(T)))
          hwy::Prefetch(next + i);
      }
    }
    const T scale = to > from ? T(1) / static_cast<T>(to - from) : T(0);
    const auto fanin = [&](std::int64_t e) {
      return s.x + static_cast<Index>(s.columns[e]) * s.x_stride;
    };
    const auto factor = hn::Set(d, scale);
    if (to - from == 2) {  // most gates: the rows are found once, not once a vector
      const T *const first = fanin(from), *const second = fanin(from + 1);
      for (Index i = 0; i < full; i += lanes) {
        const auto sum = hn::Add(hn::Add(hn::Zero(d), hn::LoadU(d, first + i)),
                                 hn::LoadU(d, second + i));
        hn::StoreU(hn::Mul(sum, factor), d, row + i);
      }
    } else {
      for (Index i = 0; i < full; i += lanes) {
        auto sum = hn::Zero(d);
        for (std::int64_t e = from; e < to; ++e) sum = hn::Add(sum, hn::LoadU(d, fanin(e) + i));
        hn::StoreU(hn::Mul(sum, factor), d, row + i);
      }
    }
    for (Index i = full; i < s.inputs; ++i) {
      T sum = 0;
      for (std::int64_t e = from; e < to; ++e)
        sum += fanin(e)[i];
      row[i] = sum * scale;
    }
  }
}

template <Index R, class T>
void sage_panel_rows(const detail::SageArguments<T>& s, const T* mean, const T* self, T* out,
                     Index panel) {
  const Index columns = HWY_MIN(Index{16}, s.outputs - 16 * panel);
  const T* const pa = s.self + panel * s.inputs * 16;
  const T* const pb = s.neighbours ? s.neighbours + panel * s.inputs * 16 : nullptr;
  if (columns == 16)
    return sage_micro<R>(self, s.x_stride, pa, mean, s.inputs, pb, s.inputs, s.bias + 16 * panel,
                         s.relu, out + 16 * panel, s.out_stride);
  T padded[static_cast<std::size_t>(R) * 16];
  sage_micro<R>(self, s.x_stride, pa, mean, s.inputs, pb, s.inputs, s.bias + 16 * panel, s.relu,
                padded, 16);
  for (Index i = 0; i < R; ++i)
    for (Index c = 0; c < columns; ++c) out[i * s.out_stride + 16 * panel + c] = padded[i * 16 + c];
}

// Every row is the same sum in the same order, whatever pass it falls into.
template <class T>
void sage_rows(const detail::SageArguments<T>& s) {
  constexpr Index pass = sage_rows_per_pass<T>();
  const Index panels = (s.outputs + 15) / 16;
  for (Index begin = s.begin; begin < s.end; begin += detail::sage_tile) {
    const Index end = HWY_MIN(begin + detail::sage_tile, s.end);
    if (s.columns) sage_gather(s, begin, end);
    for (Index p = 0; p < panels; ++p) {
      Index r = begin;
      const auto operands = [&](auto rows) HWY_ATTR {
        constexpr Index count = decltype(rows)::value;
        sage_panel_rows<count>(s, s.columns ? s.tile + (r - begin) * s.inputs : nullptr,
                               s.x + r * s.x_stride, s.out + (r - s.begin) * s.out_stride, p);
        r += count;
      };
      while (r + pass <= end) operands(std::integral_constant<Index, pass>{});
      while (r < end) operands(std::integral_constant<Index, 1>{});
    }
  }
}


}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_SAGE) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, sage_rows, (const detail::SageArguments<T>& s), (s))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
