#pragma once
/// @file  Attention as a recurrence, with gradients.

#include <array>
#include <vector>

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/linear_attention.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// As LinearAttentionOptions.
struct LinearAttentionVarOptions {
  Var decay = {}, beta = {}, state = {};
  double scale = 0;
};

/// As LinearAttentionResult.
struct LinearAttentionVars {
  Var out, state;
};

namespace isa_detail {

// The backward recurrence of one head of keys. States are kept every `stride` steps and computed
// again in between.
template <class T>
struct LinearAttentionBack {
  static constexpr Index stride = 32;
  Index steps, width, v_width, group, decay_width;
  const T *q, *k, *v, *decay, *beta, *state, *dout, *dstate;  // null: none
  T scale;
  T *dq, *dk, *dv, *ddecay, *dbeta, *dfirst;  // zeros; null: none

  Index area() const { return width * v_width; }
  T keep(Index t, Index i) const {
    return decay ? std::exp(decay[t * decay_width + (decay_width == 1 ? 0 : i)]) : T{1};
  }

  // faded = the state that step t finds, after its decay.
  void fade(Index t, const T* s, T* faded) const {
    for (Index i = 0; i < width; ++i) {
      const T factor = keep(t, i);
      for (Index j = 0; j < v_width; ++j) faded[i * v_width + j] = factor * s[i * v_width + j];
    }
  }

  // missing = v - faded' k, or v without a delta rule.
  void miss(Index t, const T* faded, T* missing) const {
    std::copy_n(v + t * v_width, v_width, missing);
    for (Index i = 0; beta && i < width; ++i)
      for (Index j = 0; j < v_width; ++j)
        missing[j] -= k[t * width + i] * faded[i * v_width + j];
  }

  void step(Index t, const T* s, T* next, T* missing) const {
    fade(t, s, next);
    miss(t, next, missing);
    const T strength = beta ? beta[t] : T{1};
    for (Index i = 0; i < width; ++i)
      for (Index j = 0; j < v_width; ++j)
        next[i * v_width + j] += k[t * width + i] * strength * missing[j];
  }

  void run() const {
    const auto room = [&](Index n) { return std::vector<T>(static_cast<std::size_t>(n), T{0}); };
    const Index chunks = (steps + stride - 1) / stride;
    std::vector<T> starts = room((chunks + 1) * area()), states = room((stride + 1) * area());
    std::vector<T> ds = room(area()), faded = room(area()), missing = room(v_width);
    std::vector<T> du = room(v_width), line = room(area());
    if (state) std::copy_n(state, area(), starts.data());
    for (Index c = 0; c + 1 < chunks; ++c) {
      T* const to = starts.data() + (c + 1) * area();
      std::copy_n(starts.data() + c * area(), area(), to);
      for (Index t = c * stride; t < (c + 1) * stride; ++t) {
        step(t, to, line.data(), missing.data());
        std::copy_n(line.data(), area(), to);
      }
    }
    if (dstate) std::copy_n(dstate, area(), ds.data());
    for (Index c = chunks; c-- > 0;) {
      const Index first = c * stride, last = std::min(steps, first + stride);
      std::copy_n(starts.data() + c * area(), area(), states.data());
      for (Index t = first; t < last; ++t) {
        T* const s = states.data() + (t - first) * area();
        step(t, s, s + area(), missing.data());
      }
      for (Index t = last; t-- > first;) {
        const T* const before = states.data() + (t - first) * area();
        fade(t, before, faded.data());
        miss(t, faded.data(), missing.data());
        back(t, before + area(), faded.data(), missing.data(), ds.data(), du.data());
      }
    }
    std::copy_n(ds.data(), area(), dfirst);
  }

  // ds: of the state behind step t, then of the state before it.
  void back(Index t, const T* after, const T* faded, const T* missing, T* ds, T* du) const {
    for (Index g = 0; g < group && dout; ++g) {
      const Index row = g * steps + t;
      for (Index i = 0; i < width; ++i)
        for (Index j = 0; j < v_width; ++j) {
          const T d = scale * dout[row * v_width + j];
          dq[row * width + i] += d * after[i * v_width + j];
          ds[i * v_width + j] += d * q[row * width + i];
        }
    }
    const T strength = beta ? beta[t] : T{1};
    const T* const key = k + t * width;
    T* const dkey = dk + t * width;
    std::fill_n(du, v_width, T{0});
    for (Index i = 0; i < width; ++i)
      for (Index j = 0; j < v_width; ++j) {
        dkey[i] += ds[i * v_width + j] * strength * missing[j];
        du[j] += ds[i * v_width + j] * key[i];
      }
    for (Index j = 0; j < v_width; ++j) {
      if (beta) dbeta[t] += du[j] * missing[j];
      du[j] *= strength;  // now of what was missing
      dv[t * v_width + j] = du[j];
    }
    for (Index i = 0; i < width; ++i) {
      const T factor = keep(t, i);
      for (Index j = 0; j < v_width; ++j) {
        const Index at = i * v_width + j;
        if (beta) {
          dkey[i] -= faded[at] * du[j];
          ds[at] -= key[i] * du[j];
        }
        if (decay) ddecay[t * decay_width + (decay_width == 1 ? 0 : i)] += ds[at] * faded[at];
        ds[at] *= factor;
      }
    }
  }
};

}  // namespace isa_detail

/// Attention without a softmax; see the kernel. The state that it leaves has a gradient too.
/// Saved:   the inputs. The backward pass computes the states again, from one in 32 steps.
/// Errors:  as the kernel.
inline LinearAttentionVars linear_attention(const Var& q, const Var& k, const Var& v,
                                            const LinearAttentionVarOptions& options = {}) {
  LinearAttentionResult made = linear_attention(
      q.value(), k.value(), v.value(),
      {options.decay.value(), options.beta.value(), options.state.value(), options.scale});
  const std::array<const Var*, 6> in{&q, &k, &v, &options.decay, &options.beta, &options.state};
  std::array<GradSlot, 6> slots{};
  std::array<Tensor, 6> inputs;
  for (std::size_t i = 0; i < in.size(); ++i) {
    slots[i] = in[i]->slot();
    inputs[i] = in[i]->value().contiguous();
  }
  std::array<Saved, 6> saved;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (inputs[i].defined()) saved[i] = Saved(inputs[i]);
  std::vector<Tensor> values;
  values.push_back(std::move(made.out));
  values.push_back(std::move(made.state));
  auto backward = [slots, saved, like = inputs, scale = options.scale](
                      Gradients& gradients, std::span<const Tensor> grads) {
    const Tensor dout = grads[0].contiguous(), dstate = grads[1].contiguous();
    std::array<Tensor, 6> x, d;
    for (std::size_t i = 0; i < 6; ++i) {
      if (like[i].defined()) x[i] = *saved[i];
      if (x[i].defined()) d[i] = Tensor::zeros(x[i].shape(), x[i].dtype());
    }
    const Index heads = x[0].size(1), steps = x[0].size(2), width = x[0].size(3);
    const Index kv_heads = x[1].size(1), v_width = x[2].size(3);
    const Index group = kv_heads > 0 ? heads / kv_heads : 0;
    const Index wide = x[3].defined() ? x[3].size(3) : 0, area = width * v_width;
    const double whole = static_cast<double>(std::max<Index>(1, width));
    const double factor = scale != 0 ? scale : 1 / std::sqrt(whole);
    const Tensor dfirst = d[5].defined() ? d[5]
                                         : Tensor::zeros({x[0].size(0), kv_heads, width, v_width},
                                                         x[0].dtype());
    visit_real(x[0].dtype(), "linear_attention", [&]<class T>(std::type_identity<T>) {
      const auto read = [](const Tensor& t, Index at) {
        return t.defined() ? t.data<T>() + at : nullptr;
      };
      const auto write = [](Tensor& t, Index at) {
        return t.defined() ? t.data<T>() + at : nullptr;
      };
      Tensor first = dfirst;
      const std::array<Tensor, 6>& c = x;
      parallel_for(x[0].size(0) * kv_heads, 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const Index queries = i * group * steps, row = i * steps;
          isa_detail::LinearAttentionBack<T>{
              steps, width, v_width, group, wide,
              read(c[0], queries * width), read(c[1], row * width), read(c[2], row * v_width),
              read(c[3], row * wide), read(c[4], row), read(c[5], i * area),
              read(dout, queries * v_width), read(dstate, i * area), static_cast<T>(factor),
              write(d[0], queries * width), write(d[1], row * width), write(d[2], row * v_width),
              write(d[3], row * wide), write(d[4], row), write(first, i * area)}
              .run();
        }
      });
    });
    for (std::size_t i = 0; i < 6; ++i)
      if (d[i].defined()) gradients.add(slots[i], d[i]);
  };
  std::vector<Var> out =
      record(std::span<const Var* const>(in), std::move(values), std::move(backward));
  return {std::move(out[0]), std::move(out[1])};
}

CFM_ISA_NAMESPACE_END
