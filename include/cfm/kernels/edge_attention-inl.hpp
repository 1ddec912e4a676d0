/// @file  Attention over the neighbours of a node: scores, softmax and weighted sum in one pass.
#ifndef CFM_KERNELS_EDGE_ATTENTION_INL_HPP_
#define CFM_KERNELS_EDGE_ATTENTION_INL_HPP_
#include <algorithm>
#include <cmath>

#include <cfm/kernels/dispatch.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// How the score of an edge comes from the query of its target and the key of its source.
enum EdgeScoreKind : int { edge_additive, edge_leaky_dot, edge_dot };

/// All heads side by side in every row. What is null is not there.
template <class T>
struct EdgeAttentionArgs {
  const std::int64_t* offsets;
  const std::int32_t* columns;
  const std::int64_t* places;  // the edge of entry i; null: i
  Index edges;
  Index heads, key_width, width;
  const T* q;
  Index q_row;
  const T* k;
  Index k_row;
  const T* v;
  Index v_row;
  const T* edge_key;
  Index edge_key_row;
  const T* edge_value;
  Index edge_value_row;
  const T* factor;
  Index factor_row;
  const T* weight;  // of the leaky dot, [heads * key_width]
  T slope, scale;
  T* out;
  Index out_row;
  T* log_sum;  // [rows][heads]

  Index edge(Index i) const { return places != nullptr ? places[i] : i; }
};

// Edges whose scores wait in cache at once. Rows with more rescale what they have summed.
inline constexpr Index attention_edges = 64;
// Rows of neighbours to look ahead.
inline constexpr Index attention_ahead = 12;

/// Numbers of working memory of a chunk: scores, their gradients, maxima and sums. Blocks are whole
/// vectors; they begin as zeros, for what is behind the last score is raised to powers too.
constexpr Index edge_attention_scratch(Index heads) { return (2 * attention_edges + 2) * heads; }

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/math-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_EDGE_ATTENTION_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_EDGE_ATTENTION_TARGET
#undef CFM_KERNELS_EDGE_ATTENTION_TARGET
#else
#define CFM_KERNELS_EDGE_ATTENTION_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// Rows are given as functions of the entry: row(i) is a pointer, null for what is not there.

template <class T>
HWY_INLINE void prefetch_values(const T* row, Index width) {
  constexpr Index line = 64 / Index{sizeof(T)};
  for (Index i = 0; i < std::min(width, 16 * line); i += line) __builtin_prefetch(row + i, 0, 2);
}

template <class D, class V>
HWY_INLINE V leaky(D d, V z, V slope) {
  return hn::IfThenElse(hn::Lt(z, hn::Zero(d)), hn::Mul(z, slope), z);
}
// factor for z >= 0, else factor * slope: the derivative.
template <class D, class V>
HWY_INLINE V leaky_slope(D d, V z, V slope, V factor) {
  return hn::IfThenElse(hn::Lt(z, hn::Zero(d)), hn::Mul(factor, slope), factor);
}

// to[h] = sum over head h of f(i, count), f by vectors of the row.
template <class T, class F>
HWY_INLINE void head_sums(Index heads, Index width, T* to, const F& f) {
  const hn::ScalableTag<T> d;
  for (Index h = 0; h < heads; ++h) {
    auto sum = hn::Zero(d);
    each_vector<T>(width, [&](Index c, Index count) CFM_LANES {
      sum = hn::Add(sum, f(h * width + c, count));
    });
    to[h] = sum_lanes(d, sum);
  }
}

// s[i][h] for entries 0 .. n - 1 of a block.
template <int Score, class T, class Q, class K, class E>
HWY_INLINE void block_scores(const detail::EdgeAttentionArgs<T>& a, Index n, const Q& q_of,
                             const K& k_of, const E& e_of, T* s) {
  const hn::ScalableTag<T> d;
  const auto slope = hn::Set(d, a.slope);
  for (Index i = 0; i < n; ++i, s += a.heads) {
    const T* const q = q_of(i);
    const T* const k = k_of(i);
    const T* const e = e_of(i);
    const auto key = [&](Index c, Index count) CFM_LANES {
      const auto x = load_some(d, k + c, count);
      return e != nullptr ? hn::Add(x, load_some(d, e + c, count)) : x;
    };
    const auto both = [&](Index c, Index count) CFM_LANES {
      return leaky(d, hn::Add(load_some(d, q + c, count), key(c, count)), slope);
    };
    if constexpr (Score == detail::edge_additive) {
      if (a.heads < lanes_of<T>()) {  // partial stores that are read again at once would wait
        for (Index h = 0; h < a.heads; ++h) {
          const T z = q[h] + (e != nullptr ? k[h] + e[h] : k[h]);
          s[h] = z < T{0} ? z * a.slope : z;
        }
        continue;
      }
      each_vector<T>(a.heads, [&](Index c, Index count) CFM_LANES {
        store_some(d, both(c, count), s + c, count);
      });
    } else {
      head_sums<T>(a.heads, a.key_width, s, [&](Index c, Index count) CFM_LANES {
        if constexpr (Score == detail::edge_dot)
          return hn::Mul(load_some(d, q + c, count), key(c, count));
        else
          return hn::Mul(load_some(d, a.weight + c, count), both(c, count));
      });
      if constexpr (Score == detail::edge_dot)
        for (Index h = 0; h < a.heads; ++h) s[h] *= a.scale;
    }
  }
}

// Columns [c, c + N vectors) of out (+)= sum over i of p[i][head] x(i); the last vector may be
// partial, which only happens where all vectors belong to one head.
template <std::size_t N, class T, class X>
HWY_INLINE void weighted_columns(Index n, const T* p, Index heads, Index width, const X& x_of,
                                 Index c, Index last, T* out, bool add) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const T* weight[N];
  V acc[N];
  const auto load = [&](const T* row, std::size_t j) HWY_ATTR {
    const T* const at = row + c + static_cast<Index>(j) * lanes;
    return j + 1 < N || last == lanes ? hn::LoadU(d, at) : load_n(d, at, last);
  };
  HWY_UNROLL(8) for (std::size_t j = 0; j < N; ++j) {
    weight[j] = p + (c + static_cast<Index>(j) * lanes) / width;
    acc[j] = hn::Zero(d);
  }
  if (add)
    HWY_UNROLL(8) for (std::size_t j = 0; j < N; ++j) acc[j] = load(out, j);
  for (Index i = 0; i < n; ++i) {
    const T* const row = x_of(i);
    HWY_UNROLL(8) for (std::size_t j = 0; j < N; ++j)
      acc[j] = hn::MulAdd(hn::Set(d, weight[j][i * heads]), load(row, j), acc[j]);
  }
  HWY_UNROLL(8) for (std::size_t j = 0; j < N; ++j) {
    T* const at = out + c + static_cast<Index>(j) * lanes;
    if (j + 1 < N || last == lanes) hn::StoreU(acc[j], d, at);
    else store_n(d, acc[j], at, last);
  }
}

// Columns [begin, end) of out, which one head or whole vectors of several have.
template <class T, class X>
HWY_INLINE void weighted_range(Index n, const T* p, Index heads, Index width, const X& x_of,
                               Index begin, Index end, T* out, bool add) {
  const Index lanes = lanes_of<T>();
  for (Index c = begin; c < end;) {
    const Index vectors = (end - c + lanes - 1) / lanes;
    const Index taken = vectors >= 8 ? 8 : vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
    const Index last = std::min(lanes, end - c - (taken - 1) * lanes);
    switch (taken) {
      case 8: weighted_columns<8>(n, p, heads, width, x_of, c, last, out, add); break;
      case 4: weighted_columns<4>(n, p, heads, width, x_of, c, last, out, add); break;
      case 2: weighted_columns<2>(n, p, heads, width, x_of, c, last, out, add); break;
      default: weighted_columns<1>(n, p, heads, width, x_of, c, last, out, add); break;
    }
    c += taken * lanes;
  }
}

// out[h][c] (+)= sum over i of p[i][h] x(i)[h][c].
template <class T, class X>
HWY_INLINE void weighted_rows(Index n, const T* p, Index heads, Index width, const X& x_of, T* out,
                              bool add) {
  if (width % lanes_of<T>() == 0 || heads == 1)
    return weighted_range(n, p, heads, width, x_of, 0, heads * width, out, add);
  for (Index h = 0; h < heads; ++h)
    weighted_range(n, p, heads, width, x_of, h * width, (h + 1) * width, out, add);
}

template <class T>
HWY_INLINE void scale_heads(Index heads, Index width, const T* factor, T* out) {
  const hn::ScalableTag<T> d;
  for (Index h = 0; h < heads; ++h) {
    const auto f = hn::Set(d, factor[h]);
    T* const row = out + h * width;
    each_vector<T>(width, [&](Index c, Index count) CFM_LANES {
      store_some(d, hn::Mul(f, load_some(d, row + c, count)), row + c, count);
    });
  }
}

// s[i][h] = e^(s[i][h] - shift(i)[h]), and something in what is left of the last vector.
template <class T, class Shift>
HWY_INLINE void block_exp(Index n, Index heads, const Shift& shift, T* s) {
  const hn::ScalableTag<T> d;
  for (Index i = 0; i < n; ++i) {
    const T* const m = shift(i);
    for (Index h = 0; h < heads; ++h) s[i * heads + h] -= m[h];
  }
  for (Index c = 0; c < n * heads; c += lanes_of<T>())
    hn::StoreU(vexp(d, hn::LoadU(d, s + c)), d, s + c);
}

template <class T>
inline void multiply_factors(const detail::EdgeAttentionArgs<T>& a, Index first, Index n, T* p) {
  if (a.factor == nullptr) return;
  for (Index i = 0; i < n; ++i)
    for (Index h = 0; h < a.heads; ++h)
      p[i * a.heads + h] *= a.factor[a.edge(first + i) * a.factor_row + h];
}

// Rows [begin, end) of the result.
template <int Score, class T>
inline void edge_attention_rows(const detail::EdgeAttentionArgs<T>& a, T* scratch, Index begin,
                                Index end) {
  const Index heads = a.heads;
  T* const s = scratch;
  T* const high = s + detail::attention_edges * heads;
  T* const total = high + heads;
  for (Index v = begin; v < end; ++v) {
    const Index from = a.offsets[v], to = a.offsets[v + 1];
    T* const out = a.out + v * a.out_row;
    const T* const q = a.q + v * a.q_row;
    if (from == to) {
      std::fill_n(out, heads * a.width, T{0});
      if (a.log_sum != nullptr) std::fill_n(a.log_sum + v * heads, heads, T{0});
      continue;
    }
    for (Index i = from + detail::attention_ahead;
         i < std::min(to + detail::attention_ahead, a.edges); ++i) {
      prefetch_values(a.k + a.columns[i] * a.k_row, heads * a.key_width);
      prefetch_values(a.v + a.columns[i] * a.v_row, heads * a.width);
    }
    const bool whole = to - from <= detail::attention_edges;
    for (Index first = from; first < to; first += detail::attention_edges) {
      const Index n = std::min(to - first, detail::attention_edges);
      const auto row_of = [&](const T* base, Index stride) {
        return [base, stride, at = a.columns + first](Index i) { return base + at[i] * stride; };
      };
      const auto edge_of = [&](const T* base, Index stride) {
        return [base, stride, &a, first](Index i) {
          return base == nullptr ? base : base + a.edge(first + i) * stride;
        };
      };
      block_scores<Score>(
          a, n, [q](Index) { return q; }, row_of(a.k, a.k_row),
          edge_of(a.edge_key, a.edge_key_row), s);
      if (first == from) {
        std::copy_n(s, heads, high);
        std::fill_n(total, heads, T{0});
      }
      for (Index h = 0; h < heads; ++h) {
        T top = high[h];
        for (Index i = 0; i < n; ++i) top = std::max(top, s[i * heads + h]);
        if (first != from) {  // what was summed so far counts less now
          const T keep = std::exp(high[h] - top);
          total[h] *= keep;
          scale_heads<T>(1, a.width, &keep, out + h * a.width);
        }
        high[h] = top;
      }
      block_exp(n, heads, [high](Index) { return high; }, s);
      for (Index i = 0; i < n; ++i)
        for (Index h = 0; h < heads; ++h) total[h] += s[i * heads + h];
      if (a.log_sum != nullptr && first + n == to)
        each_vector<T>(heads, [&](Index h, Index count) CFM_LANES {
          const hn::ScalableTag<T> d;
          const auto sum = vlog(d, load_some(d, total + h, count));
          store_some(d, hn::Add(load_some(d, high + h, count), sum), a.log_sum + v * heads + h,
                     count);
        });
      if (first + n == to)
        for (Index h = 0; h < heads; ++h) total[h] = T{1} / total[h];
      if (whole)
        for (Index i = 0; i < n; ++i)
          for (Index h = 0; h < heads; ++h) s[i * heads + h] *= total[h];
      multiply_factors(a, first, n, s);
      weighted_rows(n, s, heads, a.width, row_of(a.v, a.v_row), out, first != from);
      if (a.edge_value != nullptr)
        weighted_rows(n, s, heads, a.width, edge_of(a.edge_value, a.edge_value_row), out, true);
    }
    if (!whole) scale_heads(heads, a.width, total, out);
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_EDGE_ATTENTION) && HWY_ONCE)  // what doors call
#undef CFM_UNIT_EDGE_ATTENTION  // once, even if one target is all
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(int, void, edge_attention_rows,
            (const detail::EdgeAttentionArgs<T>& a, T* scratch, Index begin, Index end),
            (a, scratch, begin, end))
CFM_BODY_FOR(edge_attention_rows, detail::edge_additive)
CFM_BODY_FOR(edge_attention_rows, detail::edge_leaky_dot)
CFM_BODY_FOR(edge_attention_rows, detail::edge_dot)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
