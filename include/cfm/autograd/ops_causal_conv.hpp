#pragma once
/// @file  The convolution over the past of each channel, with gradients.

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/causal_conv.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// causal_conv() from zeros; see the kernel.
/// Shapes:  x [batch, channels, steps], weight [channels, taps], bias [channels] or Var() -> as x.
/// Saved:   x and weight.
/// Errors:  as the kernel.
inline Var causal_conv(const Var& x, const Var& weight, const Var& bias = Var()) {
  Tensor y = causal_conv(x.value(), weight.value(), bias.value()).out;
  return record(
      {&x, &weight, &bias}, std::move(y),
      [to_x = x.slot(), to_w = weight.slot(), to_b = bias.slot(), x = Saved(x),
       w = Saved(weight)](Gradients& gradients, const Tensor& dy) {
        const Index batch = x->size(0), channels = x->size(1), steps = x->size(2);
        const Index taps = w->size(1), before = taps - 1;
        const Tensor in = x->contiguous(), factors = w->contiguous(), grad = dy.contiguous();
        Tensor dx = Tensor::zeros(x->shape(), dy.dtype());
        Tensor dw = Tensor::zeros(w->shape(), dy.dtype());
        Tensor db = Tensor::zeros({channels}, dy.dtype());
        visit_real(dy.dtype(), "causal_conv", [&]<class T>(std::type_identity<T>) {
          const T *const px = in.data<T>(), *const pw = factors.data<T>();
          const T* const g = grad.data<T>();
          T *const to_dx = dx.data<T>(), *const to_dw = dw.data<T>(), *const to_db = db.data<T>();
          const Index work = batch * steps * taps * Index{sizeof(T)};
          parallel_for(channels, grain_for(work), [&](Index begin, Index end) {
            for (Index c = begin; c < end; ++c)
              for (Index b = 0; b < batch; ++b) {
                const Index row = (b * channels + c) * steps;
                for (Index t = 0; t < steps; ++t) to_db[c] += g[row + t];
                for (Index k = 0; k < taps; ++k) {
                  const Index shift = before - k;  // the step that tap k sees is t - shift
                  T sum = 0;
                  for (Index t = shift; t < steps; ++t) {
                    sum += g[row + t] * px[row + t - shift];
                    to_dx[row + t - shift] += pw[c * taps + k] * g[row + t];
                  }
                  to_dw[c * taps + k] += sum;
                }
              }
          });
        });
        gradients.add(to_x, std::move(dx));
        gradients.add(to_w, std::move(dw));
        gradients.add(to_b, std::move(db));
      });
}

CFM_ISA_NAMESPACE_END
