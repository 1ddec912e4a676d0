/// @file  Tiles of level sweeps: gather, attention, products and gates. Bodies of level_sweep.hpp.
#ifndef CFM_KERNELS_LEVEL_SWEEP_INL_HPP_
#define CFM_KERNELS_LEVEL_SWEEP_INL_HPP_
#include <algorithm>
#include <cmath>

#include <cfm/kernels/detail/level_arguments.hpp>
#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/level_gates-inl.hpp>
#include <cfm/kernels/matmul-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_LEVEL_SWEEP_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_LEVEL_SWEEP_TARGET
#undef CFM_KERNELS_LEVEL_SWEEP_TARGET
#else
#define CFM_KERNELS_LEVEL_SWEEP_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// to += w * from
template <class T>
HWY_INLINE void level_add(Index n, T w, const T* HWY_RESTRICT from, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  const auto scale = hn::Set(d, w);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto sum = hn::MulAdd(scale, load_some(d, from + i, count), load_some(d, to + i, count));
    store_some(d, sum, to + i, count);
  });
}

template <class T>
HWY_INLINE T level_dot(Index n, const T* HWY_RESTRICT a, const T* HWY_RESTRICT b) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    sum = hn::MulAdd(load_some(d, a + i, count), load_some(d, b + i, count), sum);
  });
  return sum_lanes(d, sum);
}

// A vector of the width of a message against what the source of edge e sends.
template <class T>
HWY_INLINE T level_dot_source(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind,
                              const T* v, std::int64_t e) {
  const Index u = s.columns[e];
  T out = level_dot(s.hidden, v + kind.side, s.state + u * s.hidden);
  if (kind.side > 0) out += level_dot(kind.side, v, s.side + u * s.side_stride);
  if (s.edge_columns > 0) out += level_dot(s.edge_columns, v + kind.message, s.edge(e));
  return out;
}

// The weights of the edges into a node: a softmax of the scores.
template <class T>
inline void level_attention(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind,
                            std::int64_t begin, std::int64_t end) {
  if (!kind.attention || end - begin < 2) {
    for (std::int64_t e = begin; e < end; ++e) s.alpha[e] = 1;
    return;
  }
  T top = level_dot_source(s, kind, kind.score, begin);
  s.alpha[begin] = top;
  for (std::int64_t e = begin + 1; e < end; ++e) {
    s.alpha[e] = level_dot_source(s, kind, kind.score, e);
    top = std::max(top, s.alpha[e]);
  }
  T sum = 0;
  for (std::int64_t e = begin; e < end; ++e) sum += s.alpha[e] = std::exp(s.alpha[e] - top);
  const T scale = T(1) / sum;
  for (std::int64_t e = begin; e < end; ++e) s.alpha[e] *= scale;
}

// to = weighted sum of the rows of the sources of one matrix.
template <class T>
HWY_INLINE void level_sum_sources(const detail::LevelSweep<T>& s, std::int64_t begin,
                                  std::int64_t end, const T* matrix, Index stride, Index n,
                                  T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    auto sum = hn::Zero(d);
    for (std::int64_t e = begin; e < end; ++e) {
      const auto x = load_some(d, matrix + s.columns[e] * stride + i, count);
      sum = s.alpha ? hn::MulAdd(hn::Set(d, s.alpha[e]), x, sum) : hn::Add(sum, x);
    }
    store_some(d, sum, to + i, count);
  });
}

template <class T>
HWY_INLINE void level_copy(Index n, const T* HWY_RESTRICT from, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto v = load_some(d, from + i, count);
    store_some(d, v, to + i, count);
  });
}

// Operand rows of the nodes at begin .. end of the order. Weights of edges are computed the first
// time and read the second.
template <class T>
inline void level_gather(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind,
                         Index begin, Index end, bool again, T* HWY_RESTRICT rows, Index stride) {
  constexpr Index ahead = 6, line = static_cast<Index>(64 / sizeof(T));
  for (Index p = begin; p < end; ++p, rows += stride) {
    if (p + ahead < end) {
      const Index next = s.order[p + ahead];
      for (std::int64_t e = s.offsets[next]; e < std::min(s.offsets[next] + 4, s.offsets[next + 1]);
           ++e) {
        const Index u = s.columns[e];
        for (Index i = 0; i < s.hidden; i += line) hwy::Prefetch(s.state + u * s.hidden + i);
        for (Index i = 0; i < kind.side; i += line) hwy::Prefetch(s.side + u * s.side_stride + i);
      }
      for (Index i = 0; i < s.hidden; i += line) hwy::Prefetch(s.old(next) + i);
    }
    const Index v = s.order[p];
    const std::int64_t from = s.offsets[v], to = s.offsets[v + 1];
    if (s.common)
      rows[0] = 1;
    else
      level_copy(s.hidden, s.before + v * s.before_stride, rows);
    for (Index i = s.common ? 1 : s.hidden; i < s.own; ++i) rows[i] = 0;
    T* const inputs = rows + s.own;
    if (s.alpha && !again) level_attention(s, kind, from, to);
    if (kind.side > 0) level_sum_sources(s, from, to, s.side, s.side_stride, kind.side, inputs);
    level_sum_sources(s, from, to, static_cast<const T*>(s.state), s.hidden, s.hidden,
                      inputs + kind.side);
    T* at = inputs + kind.message;
    if (s.edge_columns > 0) {
      std::fill_n(at, s.edge_columns, T(0));
      for (std::int64_t e = from; e < to; ++e)
        level_add(s.edge_columns, s.alpha ? s.alpha[e] : T(1), s.edge(e), at);
      at += s.edge_columns;
    }
    if (s.extra_columns > 0) level_copy(s.extra_columns, s.extra + v * s.extra_columns, at);
    at += s.extra_columns;
    while (at < inputs + kind.inputs) *at++ = 0;
  }
}

// c[rows, n] = a[:, first .. first + kc] b + beta c: a packed tile by tile with all its terms, b in
// panels.
template <class T>
inline void level_product(Index rows, const T* a, Index terms, Index first, Index kc, const T* b,
                          Index n, T* c, Index ldc, T beta) {
  const Index width = 2 * lanes_of<T>();
  for (Index j = 0; j < n; j += width)
    for (Index i = 0, some = 0; i < rows; i += some) {
      some = gemm_rows_of(rows - i);
      gemm_tile_of<true>(some, kc, a + i * terms + first * some, 4, 1, b + j * kc, width,
                         c + i * ldc + j, ldc, n - j, beta);
    }
}

template <class T>
inline void level_sums(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind, Index rows,
                       const T* operands, Index stride, T* packed, T* sums) {
  const Index h4 = s.hidden4;
  gemm_pack_a(rows, stride, operands, stride, Index{1}, packed);
  level_product(rows, packed, stride, Index{0}, stride, kind.rz, 2 * h4, sums + h4, 4 * h4, T{0});
  level_product(rows, packed, stride, s.own, kind.inputs, kind.ni, h4, sums, 4 * h4, T{0});
  level_product(rows, packed, stride, Index{0}, s.own, kind.nh, h4, sums + 3 * h4, 4 * h4, T{0});
}

// The products of one own state with panels of hidden4 terms and n columns, as level_sums has them.
template <class T>
void level_own_product(const detail::LevelSweep<T>& s, const T* state, const T* panels, Index n,
                       T* scratch, T* out) {
  const Index h4 = s.hidden4;
  level_copy(s.hidden, state, scratch);
  for (Index i = s.hidden; i < h4; ++i) scratch[i] = 0;
  gemm_pack_a(Index{1}, h4, scratch, h4, Index{1}, scratch + h4);
  level_product(Index{1}, scratch + h4, h4, Index{0}, h4, panels, n, out, n, T{0});
}

// The nodes at begin .. end of the order, at most a tile, all of one kind.
template <class T>
void level_forward(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind, Index begin,
                   Index end, T* scratch) {
  const Index rows = end - begin, stride = s.own + kind.inputs;
  const Index tile = detail::level_round(rows, 12);
  T* const packed = scratch + tile * stride;
  T* const sums = s.gates ? s.gates + begin * s.gate_columns() : packed + tile * stride;
  level_gather(s, kind, begin, end, false, scratch, stride);
  level_sums(s, kind, rows, scratch, stride, packed, sums);
  level_gates(s, kind, begin, end, sums, true);
}

// Asks for the gradients that the first targets of a node sent.
template <class T>
inline void level_fetch_targets(const detail::LevelGradient<T>& g, Index v) {
  const std::int64_t from = g.out_offsets[v], to = std::min(from + 4, g.out_offsets[v + 1]);
  for (std::int64_t e = from; e < to; ++e)
    for (Index i = 0; i < g.message_columns; i += static_cast<Index>(64 / sizeof(T)))
      hwy::Prefetch(g.message + static_cast<Index>(g.out_columns[e]) * g.message_columns + i);
}

// The gradient of the new state of a node: what came from outside, and what its targets sent.
template <class T>
inline void level_pull(const detail::LevelSweep<T>& s, const detail::LevelGradient<T>& g, Index v,
                       detail::LevelSums<T>* sums, T* HWY_RESTRICT to) {
  if (g.grad)
    level_copy(s.hidden, g.grad + v * s.hidden, to);
  else
    std::fill_n(to, s.hidden, T(0));
  T scores[256];
  if (g.score) std::fill_n(scores, s.kind_count, T(0));
  T* const side = g.side ? g.side + v * g.side_columns : nullptr;
  if (side) std::fill_n(side, g.side_columns, T(0));
  for (std::int64_t e = g.out_offsets[v]; e < g.out_offsets[v + 1]; ++e) {
    const Index target = g.out_columns[e];
    if (g.kind_of[target] == 255) continue;
    const detail::LevelKind<T>& kind = s.kinds[g.kind_of[target]];
    const std::int64_t edge = g.out_edges[e];
    const T weight = s.alpha ? s.alpha[edge] : T(1);
    const T* const message = g.message + target * g.message_columns;
    level_add(s.hidden, weight, message + kind.side, to);
    if (side && kind.side > 0) level_add(kind.side, weight, message, side);
    if (g.score) scores[g.kind_of[target]] += g.score[edge];
  }
  if (!g.score) return;
  for (Index k = 0; k < s.kind_count; ++k) {
    const detail::LevelKind<T>& kind = s.kinds[k];
    if (!kind.attention || scores[k] == T(0)) continue;
    level_add(s.hidden, scores[k], kind.score + kind.side, to);
    level_add(s.hidden, scores[k], s.state + v * s.hidden, sums[k].score + kind.side);
    if (kind.side == 0) continue;
    if (side) level_add(kind.side, scores[k], kind.score, side);
    level_add(kind.side, scores[k], s.side + v * s.side_stride, sums[k].score);
  }
}

// Gradients of the scores of the edges into node v, from that of its message.
template <class T>
inline void level_score_gradients(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind,
                                  const detail::LevelGradient<T>& g, Index v, const T* message,
                                  detail::LevelSums<T>& sums) {
  const std::int64_t begin = s.offsets[v], end = s.offsets[v + 1];
  if (!kind.attention || end - begin < 2) {
    for (std::int64_t e = begin; e < end; ++e) g.score[e] = 0;
    return;
  }
  T mean = 0;
  for (std::int64_t e = begin; e < end; ++e) {
    g.score[e] = level_dot_source(s, kind, message, e);
    mean += s.alpha[e] * g.score[e];
  }
  for (std::int64_t e = begin; e < end; ++e) {
    g.score[e] = s.alpha[e] * (g.score[e] - mean);
    if (s.edge_columns > 0)
      level_add(s.edge_columns, g.score[e], s.edge(e), sums.score + kind.message);
  }
}

// The gradient for the nodes at begin .. end of the order, at most a backward tile; kind 255: nodes
// that the sweep left as they were. All targets of these nodes are done.
template <class T>
void level_backward(const detail::LevelSweep<T>& s, const detail::LevelGradient<T>& g, Index which,
                    Index begin, Index end, detail::LevelSums<T>* all, T* scratch) {
  if (which == 255) {
    for (Index p = begin; p < end; ++p) {
      const Index v = s.order[p];
      level_pull(s, g, v, all, g.before ? g.before + v * s.hidden : scratch);
    }
    return;
  }
  const detail::LevelKind<T>& kind = s.kinds[which];
  detail::LevelSums<T>& sums = all[which];
  const Index rows = end - begin, h4 = s.hidden4, stride = s.own + kind.inputs, gates = 4 * h4;
  const Index tile = detail::level_round(rows, 12) + 1;
  T* const operands = scratch;                    // [rows][stride]
  T* const packed = operands + tile * stride;     // packed rows or panels, up to 64 columns more
  T* const own = packed + tile * (stride + 128);  // gates, if they were not kept
  T* const grads = own + tile * gates;            // of the sums
  T* const packed_grads = grads + tile * gates;   // [rows][gates], later [3 h4][rows]
  T* const states = packed_grads + tile * gates;  // [rows][hidden]
  T* const messages = states + tile * h4;         // [rows][inputs]
  for (Index i = 0; i < rows; ++i) {
    if (i + 4 < rows) level_fetch_targets(g, s.order[begin + i + 4]);
    level_pull(s, g, s.order[begin + i], all, states + i * s.hidden);
  }
  level_gather(s, kind, begin, end, true, operands, stride);
  const T* gate_rows = own;
  if (s.gates != nullptr) {
    gate_rows = s.gates + begin * gates;
  } else {
    level_sums(s, kind, rows, operands, stride, packed, own);
    level_gates(s, kind, begin, end, own, false);
  }
  level_gate_gradients(s, begin, end, gate_rows, grads, states);
  gemm_pack_a(rows, gates, grads, gates, Index{1}, packed_grads);
  const Index columns = kind.message + s.edge_columns;
  level_product(rows, packed_grads, gates, Index{0}, 3 * h4, kind.back_in, columns, messages,
                kind.inputs, T{0});
  if (g.before)
    level_product(rows, packed_grads, gates, h4, 3 * h4, kind.back_h, s.hidden, states, s.hidden,
                  T{1});
  for (Index i = 0; i < rows; ++i) {
    const Index v = s.order[begin + i];
    if (g.before) level_copy(s.hidden, states + i * s.hidden, g.before + v * s.hidden);
    level_copy(kind.message, messages + i * kind.inputs, g.message + v * g.message_columns);
    if (g.score) level_score_gradients(s, kind, g, v, messages + i * kind.inputs, sums);
  }
  // Gradients of the weights: gate gradients^T x operands.
  const Index terms = detail::level_round(rows, 4);
  gemm_pack_b(rows, kind.inputs, operands + s.own, stride, Index{1}, packed);
  gemm_pack_a(3 * h4, rows, grads, Index{1}, gates, packed_grads);
  level_product(3 * h4, packed_grads, terms, Index{0}, rows, packed, kind.inputs, sums.in,
                kind.inputs, T{1});
  gemm_pack_b(rows, s.own, operands, stride, Index{1}, packed);
  gemm_pack_a(3 * h4, rows, grads + h4, Index{1}, gates, packed_grads);
  level_product(3 * h4, packed_grads, terms, Index{0}, rows, packed, s.own, sums.hidden, s.own,
                T{1});
  for (Index i = 0; i < rows; ++i) {
    level_add(3 * h4, T(1), grads + i * gates, sums.bias_in);
    level_add(3 * h4, T(1), grads + i * gates + h4, sums.bias_hidden);
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_LEVEL_SWEEP) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, level_forward,
         (const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind, Index begin, Index end,
          T* scratch),
         (s, kind, begin, end, scratch))
CFM_BODY(void, level_own_product,
         (const detail::LevelSweep<T>& s, const T* state, const T* panels, Index n, T* scratch,
          T* out),
         (s, state, panels, n, scratch, out))
CFM_BODY(void, level_backward,
         (const detail::LevelSweep<T>& s, const detail::LevelGradient<T>& g, Index which,
          Index begin, Index end, detail::LevelSums<T>* all, T* scratch),
         (s, g, which, begin, end, all, scratch))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
