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
  const std::int64_t* places = nullptr;  // the edge of entry e, for edge_scale; null: e
  bool past = false;                     // writes past the caches: out is aligned, beta 0, no hubs
};

// Terms summed in registers before they are added to the row: hubs with very many neighbours keep
// the rounding error of a short sum.
inline constexpr Index aggregate_block = 256;
// Edges to look ahead. Measured: 12 to 48 into the second-level cache are alike, and 1.1 to 1.2
// times as fast as the best distance into the first (bench/spmm.cpp).
inline constexpr Index aggregate_ahead = 24;

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

// Asks for the row of the neighbour that is read `ahead` entries later, up to 16 lines of it. Into
// the second-level cache: the first has too few buffers for misses to hold them all.
template <class T>
HWY_INLINE void prefetch_row(const detail::AggregateRows<T>& g, Index edge, Index lines) {
  const T* const row = g.x + g.columns[std::min(edge + detail::aggregate_ahead, g.edges - 1)] *
                                 g.x_row;
  for (Index i = 0; i < lines; ++i)
    __builtin_prefetch(row + i * (64 / Index{sizeof(T)}), 0, 2);
}
template <class T>
HWY_INLINE Index prefetched_lines(const detail::AggregateRows<T>& g) {
  if (g.columns == nullptr) return 0;
  return std::min<Index>(16, (g.width * Index{sizeof(T)} + 63) / 64);
}

// acc[..] += the columns from c on of the neighbours of entries [e, end). The last vector holds
// `last` elements; all of them if Whole.
template <std::size_t N, bool Whole, class T, class V>
HWY_INLINE void aggregate_entries(const detail::AggregateRows<T>& g, Index e, Index end, T factor,
                                  Index c, Index last, V* HWY_RESTRICT acc) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const auto load = [&](const T* p, std::size_t i) HWY_ATTR {
    const T* const at = p + static_cast<Index>(i) * lanes;
    return Whole || i + 1 < N ? hn::LoadU(d, at) : load_n(d, at, last);
  };
  if (g.edge_scale == nullptr && g.column_scale == nullptr && !g.mean) {
    for (; e < end; ++e) {
      const T* const row = g.x + (g.columns != nullptr ? g.columns[e] : e) * g.x_row + c;
      HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) acc[i] = hn::Add(acc[i], load(row, i));
    }
    return;
  }
  for (; e < end; ++e) {
    const Index u = g.columns != nullptr ? g.columns[e] : e;
    const T* const row = g.x + u * g.x_row + c;
    T weight = factor;
    if (g.edge_scale != nullptr) weight *= g.edge_scale[g.places != nullptr ? g.places[e] : e];
    if (g.column_scale != nullptr) weight *= g.column_scale[u];
    const V w = hn::Set(d, weight);
    HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i)
      acc[i] = hn::MulAdd(w, load(row, i), acc[i]);
  }
}

// Columns [c, c + N vectors) of row v.
template <std::size_t N, bool Whole, class T>
HWY_INLINE void aggregate_columns(const detail::AggregateRows<T>& g, Index v, Index c,
                                  Index last) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  T* const out = g.out + v * g.out_row + c;
  const Index begin = g.offsets[v], end = g.offsets[v + 1];
  const T factor = g.mean && end > begin ? T{1} / static_cast<T>(end - begin) : T{1};
  const bool past = g.past && end - begin <= detail::aggregate_block;
  Index e = begin;
  T keep = g.beta;
  do {  // a block of a hub adds to what the blocks before have written
    V acc[N];
    const Index stop = std::min(end, e + detail::aggregate_block);
    HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i) acc[i] = hn::Zero(d);
    aggregate_entries<N, Whole>(g, e, stop, factor, c, last, acc);
    e = stop;
    if (keep != T{0}) {
      const V old = hn::Set(d, keep);
      HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i)
        acc[i] = hn::MulAdd(old,
                            load_some(d, out + static_cast<Index>(i) * lanes,
                                      Whole || i + 1 < N ? lanes : last),
                            acc[i]);
    }
    HWY_UNROLL(8) for (std::size_t i = 0; i < N; ++i)
      put_some(d, acc[i], out + static_cast<Index>(i) * lanes, Whole || i + 1 < N ? lanes : last,
               past);
    keep = T{1};
  } while (e < end);
}

// Rows [begin, end) of N vectors.
template <std::size_t N, bool Whole, class T>
HWY_NOINLINE void aggregate_narrow(const detail::AggregateRows<T> g, Index begin, Index end,
                                   Index last) {
  const Index lines = prefetched_lines(g);
  for (Index v = begin; v < end; ++v) {
    const Index from = g.offsets[v], to = g.offsets[v + 1];
    if (lines > 0)
      for (Index e = from; e < to; ++e) prefetch_row(g, e, lines);
    if (g.beta == T{1} && from == to) continue;  // nothing to add
    aggregate_columns<N, Whole>(g, v, 0, last);
  }
}

// Rows of any width: 8 vectors at a time, then 4, 2 and 1.
template <class T>
HWY_NOINLINE void aggregate_wide(const detail::AggregateRows<T> g, Index begin, Index end) {
  const Index lanes = lanes_of<T>(), lines = prefetched_lines(g);
  for (Index v = begin; v < end; ++v) {
    const Index from = g.offsets[v], to = g.offsets[v + 1];
    if (lines > 0)
      for (Index e = from; e < to; ++e) prefetch_row(g, e, lines);
    if (g.beta == T{1} && from == to) continue;
    Index c = 0;
    for (; c + 8 * lanes <= g.width; c += 8 * lanes) aggregate_columns<8, true>(g, v, c, lanes);
    while (c < g.width) {
      const Index vectors = (g.width - c + lanes - 1) / lanes;
      const Index taken = vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
      const Index last = std::min(lanes, g.width - c - (taken - 1) * lanes);
      if (taken == 4) aggregate_columns<4, false>(g, v, c, last);
      else if (taken == 2) aggregate_columns<2, false>(g, v, c, last);
      else aggregate_columns<1, false>(g, v, c, last);
      c += taken * lanes;
    }
  }
}

template <std::size_t N, class T>
HWY_INLINE void aggregate_narrow(const detail::AggregateRows<T>& g, Index begin, Index end) {
  const Index lanes = lanes_of<T>(), last = g.width - (static_cast<Index>(N) - 1) * lanes;
  if (last == lanes) aggregate_narrow<N, true>(g, begin, end, last);
  else aggregate_narrow<N, false>(g, begin, end, last);
}

template <class T>
inline void aggregate_rows(const detail::AggregateRows<T>& g, Index begin, Index end) {
  const Index lanes = lanes_of<T>();
  switch ((g.width + lanes - 1) / lanes) {
    case 0: break;
    case 1: aggregate_narrow<1>(g, begin, end); break;
    case 2: aggregate_narrow<2>(g, begin, end); break;
    case 4: aggregate_narrow<4>(g, begin, end); break;
    case 8: aggregate_narrow<8>(g, begin, end); break;
    default: aggregate_wide(g, begin, end); break;
  }
  if (g.past) finish_stores();
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
  const Index lines = prefetched_lines(g);
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
        if (c == 0 && lines > 0) prefetch_row(g, e, lines);
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
  const Index lanes = static_cast<Index>(hn::Lanes(d)), lines = prefetched_lines(g);
  for (Index v = begin; v < end; ++v) {
    const T* const p = a + v * a_row;
    for (Index e = g.offsets[v]; e < g.offsets[v + 1]; ++e) {
      prefetch_row(g, e, lines);
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
