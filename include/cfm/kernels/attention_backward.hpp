#pragma once
/// @file  The backward pass of flash attention: weights are computed again, block by block.

#include <cfm/kernels/attention.hpp>

CFM_NAMESPACE_BEGIN

/// What the backward pass of attention reads: the inputs and results of the forward pass, and the
/// gradient of its result.
template <Real T>
struct AttentionSaved {
  View<const T, 4> q, k, v, out;
  View<const T, 3> logsumexp;
  View<const T, 4> dout;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Rows of dense memory that products read and write.
template <class T>
struct Rows {
  T* data;
  Index row;
};

// out = a b + beta out over at most one block of terms. a: [m, k], or [k, m] read across.
template <class T>
void attention_product(Index m, Index n, Index k, Rows<const T> a, bool across, const T* packed_b,
                       Index packed_terms, Rows<T> out, T beta, T* packed_a) {
  detail::Gemm<T> g{
      m, n,        k,       a.data, across ? 1 : a.row, across ? a.row : 1, nullptr, 0,
      1, out.data, out.row, beta};
  CFM_CALL(gemm_terms)(g, Index{0}, k, packed_b, packed_a, packed_terms);
}

// Everything that one head of keys takes part in. Rows are queries, head after head of the group.
template <class T, class Mask, class Score>
class AttentionBackward {
 public:
  AttentionBackward(const AttentionSaved<T>& s, const Mask& mask, const Score& score, T scale,
                    Index batch, Index kv_head)
      : s_(s),
        mask_(mask),
        score_(score),
        scale_(scale),
        batch_(batch),
        kv_head_(kv_head),
        queries_(s.q.extent[2]),
        keys_(s.k.extent[2]),
        width_(s.q.extent[3]),
        v_width_(s.v.extent[3]),
        group_(s.q.extent[1] / s.k.extent[1]),
        rows_(group_ * queries_) {}

  void run(View<T, 4> dq, View<T, 4> dk, View<T, 4> dv) {
    std::fill_n(dq_.data(), rows_ * width_, T{0});
    for (Index from = 0; from < keys_; from += detail::attention_keys) {
      const Index n = std::min(detail::attention_keys, keys_ - from);
      pack(s_.k, width_, from, n, k_across_.data(), k_.data());
      pack(s_.v, v_width_, from, n, v_across_.data(), static_cast<T*>(nullptr));
      std::fill_n(dk_.data(), n * width_, T{0});
      std::fill_n(dv_.data(), n * v_width_, T{0});
      for (Index first = 0; first < rows_; first += detail::attention_rows)
        add_block(first, std::min(detail::attention_rows, rows_ - first), from, n);
      for (Index j = 0; j < n; ++j) {
        std::copy_n(dk_.data() + j * width_, width_, &dk(batch_, kv_head_, from + j, Index{0}));
        std::copy_n(dv_.data() + j * v_width_, v_width_, &dv(batch_, kv_head_, from + j, Index{0}));
      }
    }
    for (Index r = 0; r < rows_; ++r) {
      T* const to = &dq(batch_, head(r), r % queries_, Index{0});
      for (Index e = 0; e < width_; ++e) to[e] = dq_.data()[r * width_ + e] * scale_;
    }
  }

 private:
  Index head(Index r) const { return kv_head_ * group_ + r / queries_; }
  QueryPlace place(Index r) const { return {batch_, r % queries_, queries_, keys_, head(r)}; }

  // Rows from .. from + n of x, [n, width] as columns and, if wanted, as rows of a product.
  void pack(View<const T, 4> x, Index width, Index from, Index n, T* across, T* along) {
    const T* const begin = &x(batch_, kv_head_, from, Index{0});
    CFM_CALL(gemm_pack_b)(width, n, begin, Index{1}, x.stride[2], across);
    if (along != nullptr) CFM_CALL(gemm_pack_b)(n, width, begin, x.stride[2], Index{1}, along);
  }

  // Adds what queries first .. first + m and keys from .. from + block mean to each other.
  void add_block(Index first, Index m, Index from, Index block) {
    constexpr Index six = detail::VisibleKeys::most;
    Index n = 0;  // keys of the block up to the last that a query sees
    for (Index r = 0; r < m; r += six) {
      QueryPlace places[six];
      const Index rows = std::min(six, m - r);
      for (Index i = 0; i < rows; ++i) places[i] = place(first + r + i);
      visible_[r / six] = detail::VisibleKeys(rows, mask_, places);
      if (visible_[r / six].sees(from, from + block))
        n = std::max(n, std::min(block, visible_[r / six].end - from));
    }
    if (n == 0) return;
    constexpr Index row = detail::attention_row;
    for (Index r = 0; r < m; ++r) {
      const T* const q = &s_.q(batch_, head(first + r), (first + r) % queries_, Index{0});
      const T* const g = &s_.dout(batch_, head(first + r), (first + r) % queries_, Index{0});
      for (Index e = 0; e < width_; ++e) q_.data()[r * width_ + e] = q[e] * scale_;
      std::copy_n(g, v_width_, g_.data() + r * v_width_);
    }
    const Rows<const T> q{q_.data(), width_}, g{g_.data(), v_width_};
    attention_product<T>(m, n, width_, q, false, k_across_.data(), width_, {p_.data(), row}, T{0},
                         packed_.data());
    attention_product<T>(m, n, v_width_, g, false, v_across_.data(), v_width_, {dp_.data(), row},
                         T{0}, packed_.data());
    for (Index r = 0; r < m; ++r)
      weigh(first + r, visible_[r / six], r % six, from, n, p_.data() + r * row,
            dp_.data() + r * row);
    const Rows<const T> p{p_.data(), row}, dp{dp_.data(), row};
    attention_product<T>(m, width_, n, dp, false, k_.data(), block,
                         {dq_.data() + first * width_, width_}, T{1}, packed_.data());
    CFM_CALL(gemm_pack_b)(m, v_width_, g.data, v_width_, Index{1}, narrow_.data());
    attention_product<T>(n, v_width_, m, p, true, narrow_.data(), m, {dv_.data(), v_width_}, T{1},
                         packed_.data());
    CFM_CALL(gemm_pack_b)(m, width_, q.data, width_, Index{1}, narrow_.data());
    attention_product<T>(n, width_, m, dp, true, narrow_.data(), m, {dk_.data(), width_}, T{1},
                         packed_.data());
  }

  // Scores of query r to weights, dp to the gradient of the plain scores.
  void weigh(Index r, const detail::VisibleKeys& visible, Index i, Index from, Index n, T* scores,
             T* dp) {
    const Index query = r % queries_;
    const T logsumexp = s_.logsumexp(batch_, head(r), query);
    if (logsumexp == -std::numeric_limits<T>::infinity()) {  // it sees nothing
      std::fill_n(scores, n, T{0});
      std::fill_n(dp, n, T{0});
      return;
    }
    const ScoreRow<T> row{scores, n, from, head(r), place(r)};
    apply_scores(score_, row);
    detail::hide_keys(mask_, place(r), visible.row[i], from, from + n, scores);
    constexpr bool shifts = requires { requires Score::shifts; };
    T slope[shifts ? 1 : detail::attention_keys];
    if constexpr (!shifts) {
      std::fill_n(slope, n, T{1});
      score_.gradient(row, slope);
    }
    T dot = 0;
    const T* const g = &s_.dout(batch_, head(r), query, Index{0});
    const T* const out = &s_.out(batch_, head(r), query, Index{0});
    for (Index e = 0; e < v_width_; ++e) dot += g[e] * out[e];
    CFM_CALL(attention_row_back)(n, logsumexp, dot, scores, dp);
    if constexpr (!shifts)
      for (Index j = 0; j < n; ++j) dp[j] *= slope[j];
  }

  static Index padded(Index n) { return (n + 31) / 32 * 32; }  // to whole panels

  const AttentionSaved<T>& s_;
  const Mask& mask_;
  const Score& score_;
  T scale_;
  Index batch_, kv_head_, queries_, keys_, width_, v_width_, group_, rows_;
  static constexpr Index block_ = detail::attention_keys, most_ = detail::attention_rows;
  detail::VisibleKeys visible_[most_ / detail::VisibleKeys::most];
  detail::Scratch<T> k_across_{padded(block_) * width_}, v_across_{padded(block_) * v_width_};
  detail::Scratch<T> k_{block_ * padded(width_)};
  detail::Scratch<T> narrow_{most_ * padded(std::max(width_, v_width_))};
  detail::Scratch<T> q_{most_ * width_}, g_{most_ * v_width_};
  detail::Scratch<T> p_{most_ * detail::attention_row}, dp_{most_ * detail::attention_row};
  // What gemm_pack_a makes of a block: rows by terms rounded up to four.
  detail::Scratch<T> packed_{
      std::max(most_ * (std::max({width_, v_width_, block_}) + 3), block_*(most_ + 3))};
  detail::Scratch<T> dq_{rows_ * width_}, dk_{block_ * width_}, dv_{block_ * v_width_};
};

}  // namespace isa_detail

/// The gradients of flash_attention with the same mask, policy and scale; dq, dk and dv are
/// overwritten. Score policies must only shift scores or have a gradient; what a policy itself
/// holds (a bias) gets none.
///
/// Shapes:  those of the forward pass; dq as q, dk as k, dv as v; last strides 1.
/// Order:   each gradient is summed over queries and keys in order: same bits for any threads.
/// Errors:  ShapeError.
/// Cost:    five products of the size of the forward pass's two; memory for the queries of one head
///          of keys, 96 queries and 384 keys a thread. Parallel over heads of keys.
/// Source:  T. Dao, "FlashAttention-2", ICLR 2024, algorithm 2.
template <Real T, AttentionMask Mask = AllKeys, class Score = PlainScores>
requires DifferentiableScore<Score, T>
void flash_attention_backward(const AttentionSaved<T>& saved, View<T, 4> dq, View<T, 4> dk,
                              View<T, 4> dv, const Mask& mask = {}, const Score& score = {},
                              T scale = 0) {
  const auto& s = saved;
  CFM_CHECK(s.q.shape() == dq.shape() && s.k.shape() == dk.shape() && s.v.shape() == dv.shape(),
            "flash_attention_backward: gradients are shaped as their inputs", s.q, s.k, s.v, dq, dk,
            dv);
  CFM_CHECK(s.out.shape() == s.dout.shape() && s.out.extent[3] == s.v.extent[3] &&
                s.q.extent[0] == s.k.extent[0] && s.k.extent[2] == s.v.extent[2] &&
                s.k.extent[3] == s.q.extent[3] && s.out.extent[2] == s.q.extent[2] &&
                s.out.extent[1] == s.q.extent[1] && s.k.extent[1] == s.v.extent[1] &&
                s.v.extent[0] == s.q.extent[0] && s.out.extent[0] == s.q.extent[0] &&
                s.logsumexp.extent[0] == s.q.extent[0] && s.logsumexp.extent[1] == s.q.extent[1] &&
                s.logsumexp.extent[2] == s.q.extent[2],
            "flash_attention_backward: the saved tensors do not fit", s.q, s.k, s.v, s.out, s.dout);
  CFM_CHECK(s.q.last_contiguous() && s.k.last_contiguous() && s.v.last_contiguous() &&
                s.dout.last_contiguous() && dq.last_contiguous() && dk.last_contiguous() &&
                dv.last_contiguous() && s.out.last_contiguous(),
            "flash_attention_backward: rows must be dense", s.q, s.k, s.v);
  CFM_CHECK(s.q.extent[1] == 0 || (s.k.extent[1] > 0 && s.q.extent[1] % s.k.extent[1] == 0),
            "flash_attention_backward: heads must be a multiple of those of keys", s.q, s.k);
  if (scale == T{0}) scale = T{1} / std::sqrt(static_cast<T>(std::max<Index>(1, s.q.extent[3])));
  const Index kv_heads = s.k.extent[1];
  parallel_for(s.q.extent[0] * kv_heads, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      isa_detail::AttentionBackward<T, Mask, Score>(saved, mask, score, scale, i / kv_heads,
                                                    i % kv_heads)
          .run(dq, dk, dv);
  });
}

CFM_ISA_NAMESPACE_END
