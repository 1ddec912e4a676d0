/// @file  Gradients of attention over neighbours: once by target, once by source.
#ifndef CFM_KERNELS_EDGE_ATTENTION_BACKWARD_INL_HPP_
#define CFM_KERNELS_EDGE_ATTENTION_BACKWARD_INL_HPP_
#include <cfm/kernels/edge_attention-inl.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// What comes in, and what goes out: null where nobody wants it.
template <class T>
struct EdgeAttentionGradients {
  const T* dy;
  Index dy_row;
  const T* out;
  Index out_row;
  const T* log_sum;  // [rows][heads]
  T* delta;          // [rows][heads]: dy . out by head, written by the pass over targets
  T* dq;
  Index dq_row;
  T* dk;
  Index dk_row;
  T* dv;
  Index dv_row;
  T* d_edge_key;
  Index d_edge_key_row;
  T* d_edge_value;
  Index d_edge_value_row;
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/edge_attention-inl.hpp>

#if CFM_BODIES && \
    defined(CFM_KERNELS_EDGE_ATTENTION_BACKWARD_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_EDGE_ATTENTION_BACKWARD_TARGET
#undef CFM_KERNELS_EDGE_ATTENTION_BACKWARD_TARGET
#else
#define CFM_KERNELS_EDGE_ATTENTION_BACKWARD_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The ends of the entries of a block, whichever of them stays: rows as functions of the entry.
template <class Q, class K, class V, class Dy, class Stat>
struct EntryRows {
  Q q;
  K k;
  V v;
  Dy dy;
  Stat target;  // row of the target
};
template <class Q, class K, class V, class Dy, class Stat>
EntryRows<Q, K, V, Dy, Stat> entry_rows(Q q, K k, V v, Dy dy, Stat target) {
  return {q, k, v, dy, target};
}

// p[i][h]: the weight of entry i, factor included. ds[i][h]: the gradient of its score.
template <int Score, class T, class Rows, class Ek, class Ev>
HWY_INLINE void block_gradients(const detail::EdgeAttentionArgs<T>& a,
                                const detail::EdgeAttentionGradients<T>& g, Index first, Index n,
                                const Rows& rows, const Ek& ek_of, const Ev& ev_of, T* p, T* ds) {
  const hn::ScalableTag<T> d;
  block_scores<Score>(a, n, rows.q, rows.k, ek_of, p);
  block_exp(n, a.heads, [&](Index i) { return g.log_sum + rows.target(i) * a.heads; }, p);
  for (Index i = 0; i < n; ++i) {
    const T* const dy = rows.dy(i);
    const T* const v = rows.v(i);
    const T* const e = ev_of(i);
    head_sums<T>(a.heads, a.width, ds + i * a.heads, [&](Index c, Index count) CFM_LANES {
      auto x = load_some(d, v + c, count);
      if (e != nullptr) x = hn::Add(x, load_some(d, e + c, count));
      return hn::Mul(load_some(d, dy + c, count), x);
    });
  }
  multiply_factors(a, first, n, ds);
  for (Index i = 0; i < n; ++i) {
    const T* const delta = g.delta + rows.target(i) * a.heads;
    for (Index h = 0; h < a.heads; ++h) {
      const Index at = i * a.heads + h;
      ds[at] = p[at] * (ds[at] - delta[h]);
      if constexpr (Score == detail::edge_dot) ds[at] *= a.scale;
    }
  }
  multiply_factors(a, first, n, p);
}

// Gradients that pass through the leaky ReLU of q + k: to[c] += and, by edge, own(i)[c] =.
template <int Score, class T, class Rows, class Ek, class Own>
HWY_INLINE void leaky_gradients(const detail::EdgeAttentionArgs<T>& a, Index n, const Rows& rows,
                                const Ek& ek_of, const T* ds, T* to, const Own& own_of,
                                T* d_weight) {
  const hn::ScalableTag<T> d;
  const auto slope = hn::Set(d, a.slope);
  const Index blocks = Score == detail::edge_additive ? 1 : a.heads;
  const Index width = Score == detail::edge_additive ? a.heads : a.key_width;
  for (Index i = 0; i < n; ++i, ds += a.heads) {
    const T* const q = rows.q(i);
    const T* const k = rows.k(i);
    const T* const e = ek_of(i);
    T* const own = own_of(i);
    for (Index h = 0; h < blocks; ++h)
      each_vector<T>(width, [&](Index w, Index count) CFM_LANES {
        const Index c = h * width + w;
        auto z = hn::Add(load_some(d, q + c, count), load_some(d, k + c, count));
        if (e != nullptr) z = hn::Add(z, load_some(d, e + c, count));
        auto score = hn::Zero(d), by = hn::Zero(d);
        if constexpr (Score == detail::edge_additive) {
          by = score = load_some(d, ds + c, count);
        } else {
          score = hn::Set(d, ds[h]);
          by = hn::Mul(score, load_some(d, a.weight + c, count));
        }
        const auto grad = leaky_slope(d, z, slope, by);
        if (to != nullptr)
          store_some(d, hn::Add(load_some(d, to + c, count), grad), to + c, count);
        if (own != nullptr) store_some(d, grad, own + c, count);
        if (d_weight != nullptr)
          store_some(d,
                     hn::MulAdd(score, leaky(d, z, slope), load_some(d, d_weight + c, count)),
                     d_weight + c, count);
      });
  }
}

// By target and by edge, for rows [begin, end). Writes delta for the pass by source.
template <int Score, class T>
inline void edge_attention_targets(const detail::EdgeAttentionArgs<T>& a,
                                   const detail::EdgeAttentionGradients<T>& g, T* scratch,
                                   T* d_weight, Index begin, Index end) {
  const hn::ScalableTag<T> d;
  const Index heads = a.heads;
  T* const p = scratch;
  T* const ds = p + detail::attention_edges * heads;
  const bool by_edge = g.d_edge_key != nullptr || g.d_edge_value != nullptr;
  for (Index v = begin; v < end; ++v) {
    const Index from = a.offsets[v], to = a.offsets[v + 1];
    const T* const dy = g.dy + v * g.dy_row;
    const T* const out = g.out + v * g.out_row;
    T* const dq = g.dq == nullptr ? nullptr : g.dq + v * g.dq_row;
    head_sums<T>(heads, a.width, g.delta + v * heads, [&](Index c, Index count) CFM_LANES {
      return hn::Mul(load_some(d, dy + c, count), load_some(d, out + c, count));
    });
    if (dq != nullptr) std::fill_n(dq, heads * a.key_width, T{0});
    if (dq == nullptr && d_weight == nullptr && !by_edge) continue;
    for (Index i = from + detail::attention_ahead;
         i < std::min(to + detail::attention_ahead, a.edges); ++i) {
      prefetch_values(a.k + a.columns[i] * a.k_row, heads * a.key_width);
      prefetch_values(a.v + a.columns[i] * a.v_row, heads * a.width);
    }
    for (Index first = from; first < to; first += detail::attention_edges) {
      const Index n = std::min(to - first, detail::attention_edges);
      const auto row_of = [&](const T* base, Index stride) {
        return [base, stride, at = a.columns + first](Index i) { return base + at[i] * stride; };
      };
      const auto edge_of = [&](auto* base, Index stride) {
        return [base, stride, &a, first](Index i) {
          return base == nullptr ? base : base + a.edge(first + i) * stride;
        };
      };
      const auto one = [](const T* row) { return [row](Index) { return row; }; };
      const auto rows = entry_rows(one(a.q + v * a.q_row), row_of(a.k, a.k_row),
                                   row_of(a.v, a.v_row), one(dy), [v](Index) { return v; });
      const auto ek_of = edge_of(a.edge_key, a.edge_key_row);
      block_gradients<Score>(a, g, first, n, rows, ek_of, edge_of(a.edge_value, a.edge_value_row),
                             p, ds);
      const auto own_of = edge_of(g.d_edge_key, g.d_edge_key_row);
      if (g.d_edge_value != nullptr)
        for (Index i = 0; i < n; ++i)
          weighted_rows(1, p + i * heads, heads, a.width, one(dy),
                        g.d_edge_value + a.edge(first + i) * g.d_edge_value_row, false);
      if constexpr (Score != detail::edge_dot) {
        leaky_gradients<Score>(a, n, rows, ek_of, ds, dq, own_of, d_weight);
      } else {
        if (dq != nullptr) {
          weighted_rows(n, ds, heads, a.key_width, rows.k, dq, true);
          if (a.edge_key != nullptr) weighted_rows(n, ds, heads, a.key_width, ek_of, dq, true);
        }
        if (g.d_edge_key != nullptr)
          for (Index i = 0; i < n; ++i)
            weighted_rows(1, ds + i * heads, heads, a.key_width, rows.q, own_of(i), false);
      }
    }
  }
}

// By source, for rows [begin, end) of the listeners, which a.offsets, columns and places are here.
template <int Score, class T>
inline void edge_attention_sources(const detail::EdgeAttentionArgs<T>& a,
                                   const detail::EdgeAttentionGradients<T>& g, T* scratch,
                                   Index begin, Index end) {
  const Index heads = a.heads;
  T* const p = scratch;
  T* const ds = p + detail::attention_edges * heads;
  for (Index u = begin; u < end; ++u) {
    const Index from = a.offsets[u], to = a.offsets[u + 1];
    T* const dk = g.dk == nullptr ? nullptr : g.dk + u * g.dk_row;
    T* const dv = g.dv == nullptr ? nullptr : g.dv + u * g.dv_row;
    if (dk != nullptr) std::fill_n(dk, heads * a.key_width, T{0});
    if (dv != nullptr && from == to) std::fill_n(dv, heads * a.width, T{0});
    for (Index i = from + detail::attention_ahead;
         i < std::min(to + detail::attention_ahead, a.edges); ++i) {
      const Index v = a.columns[i];
      prefetch_values(a.q + v * a.q_row, heads * a.key_width);
      prefetch_values(g.dy + v * g.dy_row, heads * a.width);
      hwy::Prefetch(g.log_sum + v * heads);
      hwy::Prefetch(g.delta + v * heads);
    }
    for (Index first = from; first < to; first += detail::attention_edges) {
      const Index n = std::min(to - first, detail::attention_edges);
      const std::int32_t* const at = a.columns + first;
      const auto row_of = [&](const T* base, Index stride) {
        return [base, stride, at](Index i) { return base + at[i] * stride; };
      };
      const auto edge_of = [&](const T* base, Index stride) {
        return [base, stride, &a, first](Index i) {
          return base == nullptr ? base : base + a.edge(first + i) * stride;
        };
      };
      const auto one = [](const T* row) { return [row](Index) { return row; }; };
      const auto rows =
          entry_rows(row_of(a.q, a.q_row), one(a.k + u * a.k_row), one(a.v + u * a.v_row),
                     row_of(g.dy, g.dy_row), [at](Index i) { return Index{at[i]}; });
      const auto ek_of = edge_of(a.edge_key, a.edge_key_row);
      block_gradients<Score>(a, g, first, n, rows, ek_of, edge_of(a.edge_value, a.edge_value_row),
                             p, ds);
      if (dv != nullptr) weighted_rows(n, p, heads, a.width, rows.dy, dv, first != from);
      if (dk == nullptr) continue;
      if constexpr (Score == detail::edge_dot)
        weighted_rows(n, ds, heads, a.key_width, rows.q, dk, true);
      else
        leaky_gradients<Score, T>(
            a, n, rows, ek_of, ds, dk, [](Index) -> T* { return nullptr; }, nullptr);
    }
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_EDGE_ATTENTION_BACKWARD) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(int, void, edge_attention_targets,
            (const detail::EdgeAttentionArgs<T>& a, const detail::EdgeAttentionGradients<T>& g,
             T* scratch, T* d_weight, Index begin, Index end),
            (a, g, scratch, d_weight, begin, end))
CFM_BODY_FOR(edge_attention_targets, detail::edge_additive)
CFM_BODY_FOR(edge_attention_targets, detail::edge_leaky_dot)
CFM_BODY_FOR(edge_attention_targets, detail::edge_dot)
CFM_BODY_OF(int, void, edge_attention_sources,
            (const detail::EdgeAttentionArgs<T>& a, const detail::EdgeAttentionGradients<T>& g,
             T* scratch, Index begin, Index end), (a, g, scratch, begin, end))
CFM_BODY_FOR(edge_attention_sources, detail::edge_additive)
CFM_BODY_FOR(edge_attention_sources, detail::edge_leaky_dot)
CFM_BODY_FOR(edge_attention_sources, detail::edge_dot)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
