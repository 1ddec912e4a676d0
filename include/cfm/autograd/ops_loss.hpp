#pragma once
/// @file  Losses.

#include <cmath>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_softmax.hpp>
#include <cfm/kernels/loss.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// What becomes of the losses of single elements or rows.
enum class LossReduction { mean, sum, none };

/// The mean, the sum or the losses themselves.
inline Var reduce_loss(const Var& losses, LossReduction reduction) {
  switch (reduction) {
    case LossReduction::mean: return mean(losses);
    case LossReduction::sum: return sum(losses);
    case LossReduction::none: break;
  }
  return losses;
}

/// (x - target)^2
inline Var mse_loss(const Var& x, const Var& target,
                    LossReduction reduction = LossReduction::mean) {
  return reduce_loss(square(sub(x, target)), reduction);
}

/// |x - target|
inline Var l1_loss(const Var& x, const Var& target, LossReduction reduction = LossReduction::mean) {
  return reduce_loss(abs(sub(x, target)), reduction);
}

namespace isa_detail {

// A parabola of slope d / width near 0 that goes over into |d| - width / 2.
inline Var smooth_abs(const Var& d, double width) {
  if (width == 0) return abs(d);
  const auto f = [width](auto v) {
    const auto a = std::abs(v), w = static_cast<decltype(v)>(width);
    return a < w ? v * v / (2 * w) : a - w / 2;
  };
  return record_by_input(d, pointwise("smooth_l1_loss", f, d.value()), [width](auto dy, auto v) {
    const auto w = static_cast<decltype(v)>(width);
    return std::abs(v) < w ? dy * v / w : v > 0 ? dy : -dy;
  });
}

}  // namespace isa_detail

/// With d = |x - target|:  d < beta ? d^2 / (2 beta) : d - beta / 2
inline Var smooth_l1_loss(const Var& x, const Var& target,
                          LossReduction reduction = LossReduction::mean, double beta = 1) {
  CFM_CHECK(beta >= 0, "smooth_l1_loss: beta must not be negative", beta);
  return reduce_loss(isa_detail::smooth_abs(sub(x, target), beta), reduction);
}

/// delta times smooth_l1_loss with beta = delta.
inline Var huber_loss(const Var& x, const Var& target,
                      LossReduction reduction = LossReduction::mean, double delta = 1) {
  CFM_CHECK(delta > 0, "huber_loss: delta must be positive", delta);
  return reduce_loss(mul(isa_detail::smooth_abs(sub(x, target), delta), delta), reduction);
}

/// -(t log p + (1 - t) log(1 - p)) for probabilities p; the logarithms stop at -100.
/// weight, if defined, is broadcast and multiplies the losses.
inline Var bce_loss(const Var& p, const Var& target, const Tensor& weight = {},
                    LossReduction reduction = LossReduction::mean) {
  const auto f = [](auto x, auto t) {
    const auto low = static_cast<decltype(x)>(-100);
    return -(t * std::max(std::log(x), low) + (1 - t) * std::max(std::log1p(-x), low));
  };
  const Var losses = record_by_inputs(
      p, target, pointwise("bce_loss", f, p.value(), target.value()),
      [](auto dy, auto x, auto t) {
        return dy * (x - t) / std::max((1 - x) * x, static_cast<decltype(x)>(1e-12));
      },
      [](auto dy, auto x, auto) { return dy * (std::log1p(-x) - std::log(x)); });
  return reduce_loss(weight.defined() ? mul(losses, weight) : losses, reduction);
}

/// How bce_with_logits weighs; undefined tensors are 1, others are broadcast.
struct BceOptions {
  Tensor weight{};           ///< multiplies the losses
  Tensor positive_weight{};  ///< multiplies the part of the targets that are 1
};

/// bce_loss of sigmoid(x), without overflow and without the stop at -100.
inline Var bce_with_logits(const Var& x, const Var& target, const BceOptions& options = {},
                           LossReduction reduction = LossReduction::mean) {
  Var positive = mul(target, logsigmoid(x));
  if (options.positive_weight.defined()) positive = mul(positive, options.positive_weight);
  const Var losses = neg(add(positive, mul(sub(1, target), logsigmoid(neg(x)))));
  return reduce_loss(options.weight.defined() ? mul(losses, options.weight) : losses, reduction);
}

/// How nll_loss and cross_entropy weigh.
struct ClassOptions {
  Tensor weight{};             ///< [classes], of the type of the logits; undefined: 1
  Index ignore_index = -100;   ///< rows with this label count for nothing
  double label_smoothing = 0;  ///< cross_entropy: share of the target spread over all classes
};

namespace isa_detail {

// Classes last and everything else as rows: [classes], [rows, classes] or [batch, classes, ...].
inline Var class_rows(std::string_view op, const Var& x, const Tensor& labels) {
  CFM_CHECK(x.rank() >= 1 && labels.rank() == x.rank() - 1,
            concat(op, ": needs [batch, classes, ...] and labels [batch, ...]"), x, labels);
  const Var last = x.rank() > 2 ? movedim(x, 1, -1) : x;
  Extents rows = last.shape();
  CFM_CHECK(Shape(rows.span().first(static_cast<std::size_t>(x.rank() - 1))) == labels.shape(),
            concat(op, ": one label for every row"), x, labels);
  return reshape(last, {labels.size(), rows.back()});
}

// The mean is over weights, so it is made from the sum.
inline Var reduce_classes(const Var& losses, const Shape& labels, double total_weight,
                          LossReduction reduction) {
  if (reduction == LossReduction::none) return reshape(losses, labels);
  return reduction == LossReduction::sum ? sum(losses) : div(sum(losses), total_weight);
}

// Calls f(options, labels) with the types of both.
template <class F>
void visit_classes(std::string_view op, DType dtype, const Tensor& labels,
                   const ClassOptions& options, const F& f) {
  CFM_CHECK(!options.weight.defined() || options.weight.dtype() == dtype,
            concat(op, ": the weights differ in type"), dtype, options.weight.dtype());
  visit_real(dtype, op, [&]<class T>(std::type_identity<T>) {
    visit_index(labels.dtype(), op, [&]<class I>(std::type_identity<I>) {
      const Tensor weight = options.weight.defined() ? options.weight.contiguous() : Tensor();
      CrossEntropyOptions<T> kernel;
      if (weight.defined()) kernel.class_weights = weight.view<T, 1>();
      kernel.label_smoothing = options.label_smoothing;
      kernel.ignore_index = options.ignore_index;
      f(kernel, vector_view(labels.data<I>(), labels.size()));
    });
  });
}

template <class T>
using ElementOf = std::remove_const_t<std::remove_pointer_t<decltype(T::class_weights.data)>>;

}  // namespace isa_detail

/// Cross entropy of softmax(x) and labels, with weights and smoothing: see cross_entropy_rows. The
/// mean divides by the weights of the labels that count.
/// Shapes:  x [batch, classes, ...], labels [batch, ...] of i32 or i64; or x [classes] and one
/// label. Errors:  ShapeError, TypeError; Error for a label that is no class.
inline Var cross_entropy(const Var& x, const Tensor& labels, const ClassOptions& options = {},
                         LossReduction reduction = LossReduction::mean) {
  const Var rows = isa_detail::class_rows("cross_entropy", x, labels);
  const Tensor logits = rows.value().contiguous(), dense = labels.contiguous();
  Tensor losses = Tensor::empty({labels.size()}, x.dtype()), totals = Tensor::empty_like(losses);
  double weight = 0;
  isa_detail::visit_classes(
      "cross_entropy", x.dtype(), dense, options, [&](const auto& kernel, auto list) {
        using T = isa_detail::ElementOf<std::remove_cvref_t<decltype(kernel)>>;
        cross_entropy_rows(logits.view<T, 2>(), list, losses.view<T, 1>(), totals.view<T, 1>(),
                           kernel);
        weight = static_cast<double>(cross_entropy_total_weight(list, kernel));
      });
  const Var all = record(
      {&rows}, std::move(losses),
      [to = rows.slot(), x = Saved(logits), labels = Saved(dense), totals = Saved(totals), options](
          Gradients& gradients, const Tensor& dy) {
        Tensor dx = Tensor::empty(x->shape(), dy.dtype());
        const Tensor from = dy.contiguous();
        isa_detail::visit_classes(
            "cross_entropy", dy.dtype(), *labels, options, [&](const auto& kernel, auto list) {
              using T = isa_detail::ElementOf<std::remove_cvref_t<decltype(kernel)>>;
              cross_entropy_rows_backward(x->view<T, 2>(), list, totals->view<T, 1>(),
                                          from.view<T, 1>(), dx.view<T, 2>(), kernel);
            });
        gradients.add(to, std::move(dx));
      });
  return isa_detail::reduce_classes(all, labels.shape(), weight, reduction);
}

/// Cross entropy of softmax(x) and probabilities: -sum over classes of w[c] t[c] log softmax(x)[c].
/// The mean is over all but the classes.   Shapes:  x, target [batch, classes, ...] or [classes].
inline Var cross_entropy(const Var& x, const Var& target, const ClassOptions& options = {},
                         LossReduction reduction = LossReduction::mean) {
  CFM_CHECK(x.rank() >= 1 && x.shape() == target.shape(),
            "cross_entropy: x and target must have one shape", x, target);
  const int dim = x.rank() == 1 ? 0 : 1;
  const double smoothing = options.label_smoothing;
  const Var t = smoothing == 0
                    ? target
                    : add(mul(target, 1 - smoothing), smoothing / static_cast<double>(x.size(dim)));
  Var terms = mul(log_softmax(x, dim), t);
  if (options.weight.defined()) {
    Extents column;
    for (int d = dim; d < x.rank(); ++d) column.push_back(d == dim ? x.size(dim) : 1);
    terms = mul(terms, options.weight.reshape(column));
  }
  return reduce_loss(neg(sum(terms, {dim})), reduction);
}

/// -w[y] x[y] for log-probabilities x and labels y; the mean divides by the weights that count.
/// Shapes, errors:  as cross_entropy.
inline Var nll_loss(const Var& x, const Tensor& labels, const ClassOptions& options = {},
                    LossReduction reduction = LossReduction::mean) {
  const Var rows = isa_detail::class_rows("nll_loss", x, labels);
  const Tensor dense = labels.reshape({labels.size(), 1}).contiguous();
  const Tensor ignored = equal(dense, static_cast<double>(options.ignore_index));
  const Tensor places = where(ignored, Tensor::zeros({}, dense.dtype()), dense);
  Tensor weight = options.weight.defined()
                      ? gather_rows(options.weight.reshape({options.weight.size(), 1}),
                                    places.reshape({labels.size()}))
                      : Tensor::ones(dense.shape(), x.dtype());
  weight = where(ignored, Tensor::zeros({}, x.dtype()), weight);
  const Var losses = neg(mul(gather(rows, 1, places), weight));
  const double total = sum(weight).to(DType::f64).item<double>();
  return isa_detail::reduce_classes(reshape(losses, {labels.size()}), labels.shape(), total,
                                    reduction);
}

/// t (log t - x) for log-probabilities x and probabilities t; 0 where t is 0.
inline Var kl_div(const Var& x, const Var& target, LossReduction reduction = LossReduction::mean) {
  const auto f = [](auto v, auto t) { return t > 0 ? t * (std::log(t) - v) : v * 0; };
  return reduce_loss(
      record_by_inputs(
          x, target, pointwise("kl_div", f, x.value(), target.value()),
          [](auto dy, auto, auto t) { return -dy * t; },
          [](auto dy, auto v, auto t) { return t > 0 ? dy * (std::log(t) + 1 - v) : dy * 0; }),
      reduction);
}

CFM_ISA_NAMESPACE_END
