/// @file  Aggregation over compressed sparse rows: columns of the sum stay in registers.
#ifndef CFM_KERNELS_SPMM_INL_HPP_
#define CFM_KERNELS_SPMM_INL_HPP_
#include <algorithm>

#include <cfm/kernels/dispatch.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// Rows [begin, end) of out = beta out + row_scale * sum over edges of scale * x[column].
template <class T>
struct AggregateRows {
  const std::int64_t* offsets;
  const std::int32_t* columns;  // null: edge e reads row e of x
  Index edges;                  // in all: how far the look-ahead may read
  const T* edge_scale;          // null: 1
  const T* column_scale;        // null: 1
  bool mean;                    // divides by the number of edges
  T beta;
  const T* x;
  Index x_row;
  T* out;
  Index out_row;
  Index width;
};

// Terms summed in registers before they are added to the row: hubs with very many neighbours keep
// the rounding error of a short sum.
inline constexpr Index aggregate_block = 256;
// Edges to look ahead. Measured: 8 to 16 rows are worth 1.2 to 1.7 on random rows.
inline constexpr Index aggregate_ahead = 14;

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_SPMM_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_SPMM_TARGET
#undef CFM_KERNELS_SPMM_TARGET
#else
#define CFM_KERNELS_SPMM_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

template <class T>
HWY_INLINE void prefetch_row(const detail::AggregateRows<T>& g, Index edge) {
  const Index at = edge + detail::aggregate_ahead;
  if (g.columns == nullptr || at >= g.edges) return;
  const T* const row = g.x + g.columns[at] * g.x_row;
  constexpr Index line = 64 / Index{sizeof(T)};
  const Index lines = std::min<Index>((g.width + line - 1) / line, 8);
  for (Index l = 0; l < lines; ++l) hwy::Prefetch(row + l * line);
}

// Columns [c, c + N vectors) of one row; the last vector holds `last` elements.
template <std::size_t N, class T>
HWY_INLINE void aggregate_columns(const detail::AggregateRows<T>& g, Index v, Index c, Index last,
                                  bool prefetch) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  T* const out = g.out + v * g.out_row + c;
  const auto load = [&](const T* p, std::size_t i) HWY_ATTR {
    const T* const at = p + static_cast<Index>(i) * lanes;
    return i + 1 < N || last == lanes ? hn::LoadU(d, at) : load_n(d, at, last);
  };
  V acc[N];
  if (g.beta == T{0}) {
    HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) acc[i] = hn::Zero(d);
  } else {
    const V keep = hn::Set(d, g.beta);
    HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) acc[i] = hn::Mul(load(out, i), keep);
  }
  V total[N];
  HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) total[i] = hn::Zero(d);
  const Index begin = g.offsets[v], end = g.offsets[v + 1];
  const T inverse = g.mean && end > begin ? T{1} / static_cast<T>(end - begin) : T{1};
  const bool scaled = g.edge_scale != nullptr || g.column_scale != nullptr || g.mean;
  for (Index e = begin; e < end;) {
    const Index stop = std::min(end, e + detail::aggregate_block);
    for (; e < stop; ++e) {
      if (prefetch) prefetch_row(g, e);
      const Index u = g.columns != nullptr ? g.columns[e] : e;
      const T* const row = g.x + u * g.x_row + c;
      if (scaled) {
        T factor = inverse;
        if (g.edge_scale != nullptr) factor *= g.edge_scale[e];
        if (g.column_scale != nullptr) factor *= g.column_scale[u];
        const V w = hn::Set(d, factor);
        HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i)
          acc[i] = hn::MulAdd(w, load(row, i), acc[i]);
      } else {
        HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) acc[i] = hn::Add(acc[i], load(row, i));
      }
    }
    if (e < end) {
      HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) {
        total[i] = hn::Add(total[i], acc[i]);
        acc[i] = hn::Zero(d);
      }
    }
  }
  if (end - begin > detail::aggregate_block)
    HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) acc[i] = hn::Add(total[i], acc[i]);
  HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) {
    T* const at = out + static_cast<Index>(i) * lanes;
    if (i + 1 < N || last == lanes) hn::StoreU(acc[i], d, at);
    else store_n(d, acc[i], at, last);
  }
}

template <class T>
inline void aggregate_rows(const detail::AggregateRows<T>& g, Index begin, Index end) {
  const Index lanes = lanes_of<T>();
  for (Index v = begin; v < end; ++v) {
    if (g.beta == T{1} && g.offsets[v] == g.offsets[v + 1]) continue;  // nothing to add
    Index c = 0;
    while (c < g.width) {  // as many vectors at once as there are, of 8, 4, 2 and 1
      const Index vectors = (g.width - c + lanes - 1) / lanes;
      const Index taken = vectors >= 8 ? 8 : vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
      const Index last = std::min(lanes, g.width - c - (taken - 1) * lanes);
      switch (taken) {
        case 8: aggregate_columns<8>(g, v, c, last, c == 0); break;
        case 4: aggregate_columns<4>(g, v, c, last, c == 0); break;
        case 2: aggregate_columns<2>(g, v, c, last, c == 0); break;
        default: aggregate_columns<1>(g, v, c, last, c == 0); break;
      }
      c += taken * lanes;
    }
  }
}

// Largest (Sign 1) or smallest (Sign -1) neighbour by column, and which one it was: the first of
// equals, a NaN before all. Rows without neighbours give 0 and -1.
template <int Sign, class T>
inline void aggregate_extremum(const detail::AggregateRows<T>& g, std::int32_t* which,
                               Index which_row, Index begin, Index end) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  using TI = hn::TFromD<decltype(di)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  HWY_ALIGN TI ids[hn::MaxLanes(d)];
  for (Index v = begin; v < end; ++v) {
    for (Index c = 0; c < g.width; c += lanes) {
      const Index count = std::min(lanes, g.width - c);
      const auto load = [&](Index u) HWY_ATTR {
        const T* const p = g.x + u * g.x_row + c;
        return count == lanes ? hn::LoadU(d, p) : load_n(d, p, count);
      };
      auto best = hn::Zero(d);
      auto from = hn::Set(di, TI{-1});
      for (Index e = g.offsets[v]; e < g.offsets[v + 1]; ++e) {
        if (c == 0) prefetch_row(g, e);
        const Index u = g.columns != nullptr ? g.columns[e] : e;
        const auto x = load(u);
        const auto better = Sign > 0 ? hn::Gt(x, best) : hn::Lt(x, best);
        const auto take = hn::Or(better, hn::AndNot(hn::IsNaN(best), hn::IsNaN(x)));
        best = e == g.offsets[v] ? x : hn::IfThenElse(take, x, best);
        const auto id = hn::Set(di, static_cast<TI>(u));
        from = e == g.offsets[v] ? id : hn::IfThenElse(hn::RebindMask(di, take), id, from);
      }
      T* const out = g.out + v * g.out_row + c;
      if (count == lanes) hn::StoreU(best, d, out);
      else store_n(d, best, out, count);
      if (which == nullptr) continue;
      hn::Store(from, di, ids);
      for (Index i = 0; i < count; ++i)
        which[v * which_row + c + i] = static_cast<std::int32_t>(ids[i]);
    }
  }
}

// out[u, c] = beta out[u, c] + sum over the rows v of which u was chosen of dy[v, c].
template <class T>
inline void aggregate_extremum_back(const detail::AggregateRows<T>& g, const std::int32_t* which,
                                    Index which_row, Index begin, Index end) {
  for (Index u = begin; u < end; ++u) {
    T* HWY_RESTRICT const out = g.out + u * g.out_row;
    if (g.beta == T{0}) std::fill_n(out, g.width, T{0});
    else if (g.beta != T{1}) for (Index c = 0; c < g.width; ++c) out[c] *= g.beta;
    std::int32_t previous = -1;
    for (Index e = g.offsets[u]; e < g.offsets[u + 1]; ++e) {
      const std::int32_t v = g.columns[e];
      if (v == previous) continue;  // a parallel edge: its row has one choice all the same
      previous = v;
      const T* const dy = g.x + v * g.x_row;
      const std::int32_t* const chosen = which + v * which_row;
      for (Index c = 0; c < g.width; ++c)
        if (chosen[c] == u) out[c] += dy[c];
    }
  }
}

// out[e] = a[v] . b[columns[e]] for the edges e of rows v in [begin, end).
template <class T>
inline void edge_dot_rows(const detail::AggregateRows<T>& g, const T* a, Index a_row, Index begin,
                          Index end) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  for (Index v = begin; v < end; ++v) {
    const T* const p = a + v * a_row;
    for (Index e = g.offsets[v]; e < g.offsets[v + 1]; ++e) {
      prefetch_row(g, e);
      const T* const q = g.x + g.columns[e] * g.x_row;
      auto s0 = hn::Zero(d), s1 = hn::Zero(d);
      Index i = 0;
      for (; i + 2 * lanes <= g.width; i += 2 * lanes) {
        s0 = hn::MulAdd(hn::LoadU(d, p + i), hn::LoadU(d, q + i), s0);
        s1 = hn::MulAdd(hn::LoadU(d, p + i + lanes), hn::LoadU(d, q + i + lanes), s1);
      }
      for (; i + lanes <= g.width; i += lanes)
        s0 = hn::MulAdd(hn::LoadU(d, p + i), hn::LoadU(d, q + i), s0);
      if (i < g.width)
        s1 = hn::MulAdd(load_n(d, p + i, g.width - i), load_n(d, q + i, g.width - i), s1);
      g.out[e] = sum_lanes(d, hn::Add(s0, s1));
    }
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_SPMM) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, aggregate_rows, (const detail::AggregateRows<T>& g, Index begin, Index end),
         (g, begin, end))
CFM_BODY_OF(int, void, aggregate_extremum,
            (const detail::AggregateRows<T>& g, std::int32_t* which, Index which_row, Index begin,
             Index end), (g, which, which_row, begin, end))
CFM_BODY_FOR(aggregate_extremum, 1)
CFM_BODY_FOR(aggregate_extremum, -1)
CFM_BODY(void, aggregate_extremum_back,
         (const detail::AggregateRows<T>& g, const std::int32_t* which, Index which_row,
          Index begin, Index end), (g, which, which_row, begin, end))
CFM_BODY(void, edge_dot_rows,
         (const detail::AggregateRows<T>& g, const T* a, Index a_row, Index begin, Index end),
         (g, a, a_row, begin, end))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
