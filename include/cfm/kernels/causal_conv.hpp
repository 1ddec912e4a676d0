#pragma once
/// @file  A short convolution over the past of each channel, as in state-space models.

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/tensor/check.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The result of causal_conv, and what its next call goes on from.
struct CausalConvResult {
  Tensor out;    ///< [batch, channels, steps]
  Tensor state;  ///< [batch, channels, taps - 1]: the last inputs
};

/// out[b, c, t] = bias[c] + sum over k of weight[c, k] x[b, c, t - taps + 1 + k]: each channel by
/// itself, and nothing from the future. What lies before the first step is the state of the call
/// before, or zeros. So a sequence may come in pieces of any length.
/// Shapes:  x [batch, channels, steps], weight [channels, taps], bias [channels] or undefined,
///          state [batch, channels, taps - 1] or undefined.
/// Order:   an output is summed from the bias over the taps in turn, whatever the pieces.
/// Errors:  TypeError unless all are f32 or all f64; ShapeError.
/// Source:  A. Gu, T. Dao, "Mamba", 2023, section 3.4.
inline CausalConvResult causal_conv(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                    const Tensor& state = {}) {
  check_rank(x, 3, "causal_conv", "x");
  const Index batch = x.size(0), channels = x.size(1), steps = x.size(2);
  check_shape(weight, {channels, -1}, "causal_conv", "weight");
  const Index taps = weight.size(1);
  CFM_CHECK(taps >= 1, "causal_conv: needs at least one tap", weight);
  check_same_dtype(x, weight, "causal_conv");
  if (bias.defined()) {
    check_shape(bias, {channels}, "causal_conv", "bias");
    check_same_dtype(x, bias, "causal_conv");
  }
  if (state.defined()) {
    check_shape(state, {batch, channels, taps - 1}, "causal_conv", "state");
    check_same_dtype(x, state, "causal_conv");
  }
  check_dtype(x, {DType::f32, DType::f64}, "causal_conv", "x");
  const Tensor xd = x.contiguous(), wd = weight.contiguous(), bd = bias.contiguous();
  const Tensor sd = state.contiguous();
  CausalConvResult result{Tensor::empty(x.shape(), x.dtype()),
                          Tensor::empty({batch, channels, taps - 1}, x.dtype())};
  if (batch * channels == 0) return result;
  visit_real(x.dtype(), "causal_conv", [&]<class T>(std::type_identity<T>) {
    const T* const in = xd.data<T>();
    const T* const w = wd.data<T>();
    const T* const shift = bias.defined() ? bd.data<T>() : nullptr;
    const T* const past = state.defined() ? sd.data<T>() : nullptr;
    T* const out = result.out.data<T>();
    T* const next = result.state.data<T>();
    const Index before = taps - 1;
    const Index work = (steps + before) * taps * static_cast<Index>(sizeof(T));
    parallel_for(batch * channels, grain_for(work), [&](Index begin, Index end) {
      const detail::Scratch<T> line(before + steps);
      for (Index i = begin; i < end; ++i) {
        T* const p = line.data();
        if (past != nullptr)
          std::copy_n(past + i * before, before, p);
        else
          std::fill_n(p, before, T{0});
        std::copy_n(in + i * steps, steps, p + before);
        std::copy_n(p + steps, before, next + i * before);
        T* const y = out + i * steps;
        std::fill_n(y, steps, shift != nullptr ? shift[i % channels] : T{0});
        for (Index k = 0; k < taps; ++k) {
          const T factor = w[i % channels * taps + k];
          for (Index t = 0; t < steps; ++t) y[t] += factor * p[t + k];
        }
      }
    });
  });
  return result;
}

CFM_ISA_NAMESPACE_END
