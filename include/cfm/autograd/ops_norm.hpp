#pragma once
/// @file  Layer, RMS, group and batch normalisation.

#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/kernels/batch_norm.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// x as rows of its last dimension, dense.
inline Tensor norm_rows(const Tensor& x) {
  const Index cols = x.size(-1);
  Index rows = 1;
  for (int d = 0; d + 1 < x.rank(); ++d) rows *= x.shape()[d];
  return x.reshape({rows, cols}).contiguous();
}

// A gain or bias as the doors take it: nothing if it is undefined.
template <class T>
View<const T, 1> optional_vector(const Tensor& t) {
  return t.defined() ? t.view<T, 1>() : View<const T, 1>{};
}

inline void check_norm(std::string_view op, const Var& x, const Var& gain, const Var& bias) {
  CFM_CHECK(x.rank() >= 1, concat(op, ": needs at least one dimension"), x);
  for (const Var* v : {&gain, &bias}) {
    if (!v->value().defined()) continue;
    CFM_CHECK(v->shape() == Shape{x.size(-1)}, concat(op, ": gain and bias must be [n]"), x, *v);
    CFM_CHECK(v->dtype() == x.dtype(), concat(op, ": the operands differ in type"), x.dtype(),
              v->dtype());
  }
}

// An output of a backward door: nothing if nobody wants it.
inline Tensor wanted_like(GradSlot slot, const Shape& shape, DType dtype) {
  return Gradients::wanted(slot) ? Tensor::empty(shape, dtype) : Tensor();
}
template <class T, std::size_t R>
View<T, R> optional_output(Tensor& t) {
  return t.defined() ? t.view<T, R>() : View<T, R>{};
}

// Adds the three gradients of a normalisation to where they belong.
inline void add_norm_grads(Gradients& gradients, GradSlot to_x, GradSlot to_g, GradSlot to_b,
                           const Tensor& dx, const Shape& like, const Tensor& dgain,
                           const Tensor& dbias) {
  if (gradients.wanted(to_x)) gradients.add(to_x, dx.reshape(like));
  if (gradients.wanted(to_g)) gradients.add(to_g, dgain);
  if (gradients.wanted(to_b)) gradients.add(to_b, dbias);
}

}  // namespace isa_detail

/// (x - mean) / sqrt(variance + eps) gain + bias over the last dimension; an undefined gain is 1,
/// an undefined bias 0. Shapes:  x [.., n], gain and bias [n]. Source:  J. Ba et al., "Layer
/// Normalization", 2016, eq. (4); biased variance.
inline Var layer_norm(const Var& x, const Var& gain = {}, const Var& bias = {}, double eps = 1e-5) {
  isa_detail::check_norm("layer_norm", x, gain, bias);
  const Tensor rows = isa_detail::norm_rows(x.value());
  const Tensor g = gain.value().contiguous(), b = bias.value().contiguous();
  Tensor y = Tensor::empty_like(rows);
  Tensor mean = Tensor::empty({rows.size(0)}, x.dtype()), inv_std = Tensor::empty_like(mean);
  visit_real(x.dtype(), "layer_norm", [&]<class T>(std::type_identity<T>) {
    layer_norm<T>(rows.view<T, 2>(), isa_detail::optional_vector<T>(g),
                  isa_detail::optional_vector<T>(b), y.view<T, 2>(), mean.view<T, 1>(),
                  inv_std.view<T, 1>(), static_cast<T>(eps));
  });
  return record(
      {&x, &gain, &bias}, y.reshape(x.shape()),
      [to_x = x.slot(), to_g = gain.slot(), to_b = bias.slot(), like = x.shape(), x = Saved(rows),
       g = Saved(g), mean = Saved(mean),
       inv_std = Saved(inv_std)](Gradients& gradients, const Tensor& dy) {
        const Tensor from = isa_detail::norm_rows(dy);
        Tensor dx = isa_detail::wanted_like(to_x, x->shape(), dy.dtype());
        Tensor dg = isa_detail::wanted_like(to_g, {x->size(1)}, dy.dtype());
        Tensor db = isa_detail::wanted_like(to_b, {x->size(1)}, dy.dtype());
        visit_real(dy.dtype(), "layer_norm", [&]<class T>(std::type_identity<T>) {
          layer_norm_backward<T>(
              from.view<T, 2>(), x->view<T, 2>(), isa_detail::optional_vector<T>(*g),
              mean->view<T, 1>(), inv_std->view<T, 1>(), isa_detail::optional_output<T, 2>(dx),
              isa_detail::optional_output<T, 1>(dg), isa_detail::optional_output<T, 1>(db));
        });
        isa_detail::add_norm_grads(gradients, to_x, to_g, to_b, dx, like, dg, db);
      });
}

/// x / sqrt(mean(x^2) + eps) gain over the last dimension.   Shapes:  x [.., n], gain [n].
/// Source:  B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, eq. (4).
inline Var rms_norm(const Var& x, const Var& gain = {}, double eps = 1e-6) {
  isa_detail::check_norm("rms_norm", x, gain, {});
  const Tensor rows = isa_detail::norm_rows(x.value()), g = gain.value().contiguous();
  Tensor y = Tensor::empty_like(rows), inv_rms = Tensor::empty({rows.size(0)}, x.dtype());
  visit_real(x.dtype(), "rms_norm", [&]<class T>(std::type_identity<T>) {
    rms_norm<T>(rows.view<T, 2>(), isa_detail::optional_vector<T>(g), y.view<T, 2>(),
                inv_rms.view<T, 1>(), static_cast<T>(eps));
  });
  return record({&x, &gain}, y.reshape(x.shape()),
                [to_x = x.slot(), to_g = gain.slot(), like = x.shape(), x = Saved(rows),
                 g = Saved(g), inv_rms = Saved(inv_rms)](Gradients& gradients, const Tensor& dy) {
                  const Tensor from = isa_detail::norm_rows(dy);
                  Tensor dx = isa_detail::wanted_like(to_x, x->shape(), dy.dtype());
                  Tensor dg = isa_detail::wanted_like(to_g, {x->size(1)}, dy.dtype());
                  visit_real(dy.dtype(), "rms_norm", [&]<class T>(std::type_identity<T>) {
                    rms_norm_backward<T>(from.view<T, 2>(), x->view<T, 2>(),
                                         isa_detail::optional_vector<T>(*g), inv_rms->view<T, 1>(),
                                         isa_detail::optional_output<T, 2>(dx),
                                         isa_detail::optional_output<T, 1>(dg));
                  });
                  isa_detail::add_norm_grads(gradients, to_x, to_g, -1, dx, like, dg, {});
                });
}

/// layer_norm over groups of channels, then a gain and a bias for each channel.
/// Shapes:  x [batch, channels, ...]; gain and bias [channels] or undefined.
/// Source:  Y. Wu, K. He, "Group Normalization", ECCV 2018, section 3.
inline Var group_norm(const Var& x, Index groups, const Var& gain = {}, const Var& bias = {},
                      double eps = 1e-5) {
  CFM_CHECK(
      x.rank() >= 2 && groups > 0 && x.size(1) % groups == 0,
      concat("group_norm: needs x [batch, channels, ...] and channels a multiple of ", groups), x);
  const Index batch = x.size(0), length = batch == 0 ? 0 : x.size() / (batch * groups);
  Var y = reshape(layer_norm(reshape(x, {batch, groups, length}), {}, {}, eps), x.shape());
  Extents column;
  for (int d = 1; d < x.rank(); ++d) column.push_back(d == 1 ? x.size(1) : 1);
  if (gain.value().defined()) y = mul(y, reshape(gain, column));
  if (bias.value().defined()) y = add(y, reshape(bias, column));
  return y;
}

/// How batch_norm works.
struct BatchNormOptions {
  double momentum = 0.1;  ///< share of the new statistics in the running ones
  double eps = 1e-5;      ///< added to the variance
};

/// (x - mean) / sqrt(variance + eps) gain + bias for each column. In training mean and variance are
/// those of the batch, and the tape is asked to blend them into the running ones (with the unbiased
/// variance) when the step is committed; otherwise they are the running ones. Without running ones
/// they are always those of the batch.
/// Shapes:  x [rows, n]; gain, bias, running_mean and running_variance [n] or undefined.
/// Source:  S. Ioffe, C. Szegedy, "Batch Normalization", 2015, algorithms 1 and 2.
inline Var batch_norm(const Var& x, const Var& gain, const Var& bias, const Tensor& running_mean,
                      const Tensor& running_variance, const BatchNormOptions& options = {}) {
  CFM_CHECK(x.rank() == 2, "batch_norm: needs x [rows, n]", x);
  isa_detail::check_norm("batch_norm", x, gain, bias);
  isa_detail::check_norm("batch_norm", x, Var(running_mean), Var(running_variance));
  CFM_CHECK(running_mean.defined() == running_variance.defined(),
            "batch_norm: needs both running statistics or none");
  const bool training = (x.tape() && x.tape()->training()) || !running_mean.defined();
  const Tensor rows = x.value().contiguous();
  const Tensor g = gain.value().contiguous(), b = bias.value().contiguous();
  Tensor y = Tensor::empty_like(rows), mean = running_mean.contiguous();
  Tensor inv_std = Tensor::empty({x.size(1)}, x.dtype());
  visit_real(x.dtype(), "batch_norm", [&]<class T>(std::type_identity<T>) {
    Tensor variance = running_variance.contiguous();
    if (training) {
      mean = Tensor::empty(inv_std.shape(), x.dtype());
      variance = Tensor::empty(inv_std.shape(), x.dtype());
      batch_norm_stats<T>(rows.view<T, 2>(), mean.view<T, 1>(), variance.view<T, 1>());
    }
    if (training && running_mean.defined()) {
      const auto n = static_cast<double>(x.size(0));
      const auto blend = [&](const Tensor& running, const Tensor& fresh) {
        return add(mul(running, 1 - options.momentum), mul(fresh, options.momentum));
      };
      x.tape()->write_on_commit(running_mean, blend(running_mean, mean));
      x.tape()->write_on_commit(running_variance,
                                blend(running_variance, mul(variance, n / std::max(1.0, n - 1))));
    }
    inverse_std<T>(std::as_const(variance).template view<T, 1>(), inv_std.view<T, 1>(),
                   static_cast<T>(options.eps));
    batch_norm<T>(rows.view<T, 2>(), std::as_const(mean).template view<T, 1>(),
                  std::as_const(inv_std).template view<T, 1>(), isa_detail::optional_vector<T>(g),
                  isa_detail::optional_vector<T>(b), y.view<T, 2>());
  });
  return record({&x, &gain, &bias}, std::move(y),
                [to_x = x.slot(), to_g = gain.slot(), to_b = bias.slot(), x = Saved(rows),
                 g = Saved(g), mean = Saved(mean), inv_std = Saved(inv_std),
                 training](Gradients& gradients, const Tensor& dy) {
                  const Tensor from = dy.contiguous();
                  Tensor dx = isa_detail::wanted_like(to_x, x->shape(), dy.dtype());
                  Tensor dg = isa_detail::wanted_like(to_g, mean->shape(), dy.dtype());
                  Tensor db = isa_detail::wanted_like(to_b, mean->shape(), dy.dtype());
                  visit_real(dy.dtype(), "batch_norm", [&]<class T>(std::type_identity<T>) {
                    batch_norm_backward<T>(from.view<T, 2>(), x->view<T, 2>(), mean->view<T, 1>(),
                                           inv_std->view<T, 1>(),
                                           isa_detail::optional_vector<T>(*g),
                                           isa_detail::optional_output<T, 2>(dx),
                                           isa_detail::optional_output<T, 1>(dg),
                                           isa_detail::optional_output<T, 1>(db), training);
                  });
                  isa_detail::add_norm_grads(gradients, to_x, to_g, to_b, dx, x->shape(), dg, db);
                });
}

/// x over its p-norm along `dim`, or over eps where the norm is smaller.
inline Var normalize(const Var& x, double p = 2, int dim = 1, double eps = 1e-12) {
  const Var length = norm(x, p, {dim}, true);
  return div(x, record_by_input(length, maximum(length.value(), Tensor::full({}, eps, x.dtype())),
                                [eps](auto dy, auto v) {
                                  return v >= static_cast<decltype(v)>(eps) ? dy : dy * 0;
                                }));
}

CFM_ISA_NAMESPACE_END
