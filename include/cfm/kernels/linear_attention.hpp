#pragma once
/// @file  Attention without a softmax, as a recurrence over a state of fixed size.

#include <cmath>

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/check.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// What linear_attention may be given beside queries, keys and values. What is undefined leaves its
/// part of the recurrence out.
struct LinearAttentionOptions {
  Tensor decay = {};  ///< [batch, kv heads, steps, width or 1]: logarithm of what is kept
  Tensor beta = {};   ///< [batch, kv heads, steps]: strength of the delta rule
  Tensor state = {};  ///< [batch, kv heads, width, v width]: of the call before; undefined: zeros
  double scale = 0;   ///< of the queries; 0: 1 / sqrt(width)
};

/// The result of linear_attention, and what its next call goes on from.
struct LinearAttentionResult {
  Tensor out;    ///< [batch, heads, steps, v width]
  Tensor state;  ///< [batch, kv heads, width, v width]
};

namespace isa_detail {

// One head of keys over all steps: the state S [width, v_width] moves on, and every query head of
// the group reads it.
template <class T>
struct LinearAttentionHead {
  Index steps, width, v_width, group;
  const T* q;  // [group, steps, width]
  const T* k;
  const T* v;
  const T* decay;  // [steps, decay_width] or null
  Index decay_width;
  const T* beta;  // [steps] or null
  T scale;
  T* state;
  T* out;  // [group, steps, v_width]

  void run(T* change) const {  // change [v_width]
    for (Index t = 0; t < steps; ++t) {
      forget(t);
      learn(t, change);
      for (Index g = 0; g < group; ++g) read(t, g);
    }
  }

 private:
  void forget(Index t) const {
    if (decay == nullptr) return;
    for (Index i = 0; i < width; ++i) {
      const T keep = std::exp(decay[t * decay_width + (decay_width == 1 ? 0 : i)]);
      for (Index j = 0; j < v_width; ++j) state[i * v_width + j] *= keep;
    }
  }

  void learn(Index t, T* change) const {
    const T* const key = k + t * width;
    std::copy_n(v + t * v_width, v_width, change);
    if (beta != nullptr) {  // what the state does not know yet about this key
      for (Index i = 0; i < width; ++i)
        for (Index j = 0; j < v_width; ++j) change[j] -= key[i] * state[i * v_width + j];
      for (Index j = 0; j < v_width; ++j) change[j] *= beta[t];
    }
    for (Index i = 0; i < width; ++i)
      for (Index j = 0; j < v_width; ++j) state[i * v_width + j] += key[i] * change[j];
  }

  void read(Index t, Index g) const {
    const T* const query = q + (g * steps + t) * width;
    T* const y = out + (g * steps + t) * v_width;
    std::fill_n(y, v_width, T{0});
    for (Index i = 0; i < width; ++i)
      for (Index j = 0; j < v_width; ++j) y[j] += query[i] * scale * state[i * v_width + j];
  }
};

inline void check_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                   const LinearAttentionOptions& options) {
  constexpr std::string_view op = "linear_attention";
  check_rank(q, 4, op, "q");
  check_rank(k, 4, op, "k");
  const Index batch = q.size(0), steps = q.size(2), heads = k.size(1), width = q.size(3);
  check_shape(k, {batch, -1, steps, width}, op, "k");
  check_shape(v, {batch, heads, steps, -1}, op, "v");
  CFM_CHECK(heads > 0 ? q.size(1) % heads == 0 : q.size(1) == 0,
            "linear_attention: heads must be a multiple of those of keys", q, k);
  for (const Tensor* t : {&k, &v, &options.decay, &options.beta, &options.state})
    if (t->defined()) check_same_dtype(q, *t, op);
  if (options.decay.defined()) {
    check_shape(options.decay, {batch, heads, steps, -1}, op, "decay");
    CFM_CHECK(options.decay.size(3) == 1 || options.decay.size(3) == width,
              "linear_attention: one decay a step, or one a feature of the keys", options.decay, k);
  }
  if (options.beta.defined()) check_shape(options.beta, {batch, heads, steps}, op, "beta");
  if (options.state.defined())
    check_shape(options.state, {batch, heads, width, v.size(3)}, op, "state");
}

}  // namespace isa_detail

/// For each step t, with a state S [width, v width] per head of keys:
///     S = exp(decay_t) S                         if there are decays
///     S = S + k_t (v_t)'                         or, with beta, the delta rule:
///     S = S + beta_t k_t (v_t - S' k_t)'
///     out_t = scale S' q_t
/// Several heads of queries may share one of keys. A sequence may come in pieces, the state passed
/// on.
///
/// Shapes:  q [batch, heads, steps, width], k [batch, kv heads, steps, width],
///          v [batch, kv heads, steps, v width].
/// Order:   steps and features in turn, one thread a head of keys: the same bits for any number of
///          threads, and for a sequence in pieces.
/// Errors:  TypeError unless all are f32 or all f64; ShapeError.
/// Cost:    about 6 steps width v width operations a head of keys.
/// Source:  A. Katharopoulos et al., "Transformers are RNNs", ICML 2020, eq. (16) to (20);
///          S. Yang et al., "Gated Delta Networks", ICLR 2025, eq. (10).
inline LinearAttentionResult linear_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                              const LinearAttentionOptions& options = {}) {
  isa_detail::check_linear_attention(q, k, v, options);
  const Index batch = q.size(0), heads = q.size(1), steps = q.size(2), width = q.size(3);
  const Index kv_heads = k.size(1), v_width = v.size(3);
  const Index group = kv_heads > 0 ? heads / kv_heads : 0;
  const Tensor qd = q.contiguous(), kd = k.contiguous(), vd = v.contiguous();
  const Tensor decay = options.decay.contiguous(), beta = options.beta.contiguous();
  LinearAttentionResult result{Tensor::empty({batch, heads, steps, v_width}, q.dtype()),
                               options.state.defined()
                                   ? options.state.clone()
                                   : Tensor::zeros({batch, kv_heads, width, v_width}, q.dtype())};
  const double whole = static_cast<double>(std::max<Index>(1, width));
  const double scale = options.scale != 0 ? options.scale : 1 / std::sqrt(whole);
  visit_real(q.dtype(), "linear_attention", [&]<class T>(std::type_identity<T>) {
    const Index wide = options.decay.defined() ? decay.size(3) : 0;
    const T* const kept = options.decay.defined() ? decay.data<T>() : nullptr;
    const T* const strength = options.beta.defined() ? beta.data<T>() : nullptr;
    T* const state = result.state.data<T>();
    T* const out = result.out.data<T>();
    parallel_for(batch * kv_heads, 1, [&](Index begin, Index end) {
      std::vector<T> change(static_cast<std::size_t>(v_width));
      for (Index i = begin; i < end; ++i) {
        const isa_detail::LinearAttentionHead<T> head{
            steps,
            width,
            v_width,
            group,
            qd.data<T>() + i * group * steps * width,
            kd.data<T>() + i * steps * width,
            vd.data<T>() + i * steps * v_width,
            kept != nullptr ? kept + i * steps * wide : nullptr,
            wide,
            strength != nullptr ? strength + i * steps : nullptr,
            static_cast<T>(scale),
            state + i * width * v_width,
            out + i * group * steps * v_width};
        head.run(change.data());
      }
    });
  });
  return result;
}

CFM_ISA_NAMESPACE_END
