// Normalisations and losses.

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_math.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_norm.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

// Over the last dimensions, made one.
Var layer_norm_of(const Var& x, int dims, const Var& gain, const Var& bias, double eps) {
  Extents shape;
  for (int d = 0; d < x.rank() - dims; ++d) shape.push_back(x.size(d));
  Index n = 1;
  for (int d = x.rank() - dims; d < x.rank(); ++d) n *= x.size(d);
  // x less itself: cfm gives 0, torch its rounding error times 1 / sqrt(eps).
  if (n == 1) throw Skip{"layer_norm of one element, where torch shows its rounding error"};
  shape.push_back(n);
  const auto flat = [&](const Var& v) { return v.value().defined() ? reshape(v, {n}) : Var(); };
  return reshape(layer_norm(reshape(x, shape), flat(gain), flat(bias), eps), x.shape());
}

Outputs layer_norm_sample(Sample& s) {
  const Var x = s.var(0);
  const Extents shape = s.extents(1, "normalized_shape");
  const Var gain = s.var(2, "weight"), bias = s.var(3, "bias");
  const double eps = s.number(4, "eps", 1e-5);
  return layer_norm_of(x, shape.rank(), gain, bias, eps);
}

// torch also gives mean and 1 / standard deviation.
Outputs native_layer_norm(Sample& s) {
  const Var x = s.var(0);
  const Extents shape = s.extents(1, "normalized_shape");
  const Var gain = s.var(2), bias = s.var(3);
  const double eps = s.number(4, "eps", 1e-5);
  Extents dims;
  for (int d = 0; d < shape.rank(); ++d) dims.push_back(x.rank() - shape.rank() + d);
  if (x.size() == 0) throw Skip{"statistics of nothing"};
  const Var spread = rsqrt(add(var(x, dims, true, 0), eps));
  return {layer_norm_of(x, shape.rank(), gain, bias, eps), mean(x, dims, true), spread};
}

// Channels are dimension 1; cfm takes rows.
Outputs batch_norm_sample(Sample& s) {
  const Var x = s.var(0);
  const Tensor mean = s.tensor(1), variance = s.tensor(2);
  const Var gain = s.var(3), bias = s.var(4);
  const bool training = s.flag(Sample::no_position, "training", false);
  const BatchNormOptions options{.momentum = s.number("momentum", 0.1),
                                 .eps = s.number("eps", 1e-5)};
  CFM_CHECK(training == s.tape().training(), "batch_norm: the tape is in another mode");
  if (x.rank() < 2) throw Skip{"batch_norm of a vector"};
  const Var last = movedim(x, 1, -1);
  Index rows = 1;
  for (int d = 0; d + 1 < last.rank(); ++d) rows *= last.size(d);
  const Var y = batch_norm(reshape(last, {rows, x.size(1)}), gain, bias, mean, variance, options);
  return movedim(reshape(y, last.shape()), -1, 1);
}

Outputs group_norm_sample(Sample& s) {
  const Var x = s.var(0);
  const Index groups = s.integer(1, "num_groups", 1);
  const Var gain = s.var(2, "weight"), bias = s.var(3, "bias");
  return group_norm(x, groups, gain, bias, s.number("eps", 1e-5));
}

Outputs instance_norm_sample(Sample& s) {
  const Var x = s.var(0);
  s.tensor("running_mean");
  s.tensor("running_var");
  s.number("momentum", 0.1);
  if (!s.flag(Sample::no_position, "use_input_stats", true))
    throw Skip{"instance_norm with running statistics"};
  const Var gain = s.var("weight"), bias = s.var("bias");
  return group_norm(x, x.size(1), gain, bias, s.number("eps", 1e-5));
}

LossReduction reduction(Sample& s) {
  const std::string text = s.text("reduction", "mean");
  if (text == "mean") return LossReduction::mean;
  if (text == "sum") return LossReduction::sum;
  if (text == "none") return LossReduction::none;
  throw Skip{"reduction " + text};
}

ClassOptions class_options(Sample& s) {
  ClassOptions out;
  if (s.has("weight")) out.weight = s.tensor("weight");
  out.ignore_index = s.integer(Sample::no_position, "ignore_index", -100);
  out.label_smoothing = s.number("label_smoothing", 0);
  return out;
}

Outputs cross_entropy_sample(Sample& s) {
  const Var x = s.var(0), target = s.var(1);
  const ClassOptions options = class_options(s);
  const LossReduction kind = reduction(s);
  if (!is_floating(target.dtype())) return cross_entropy(x, target.value(), options, kind);
  if (kind != LossReduction::mean || x.rank() < 2) return cross_entropy(x, target, options, kind);
  // torch divides by the batch alone.
  return div(cross_entropy(x, target, options, LossReduction::sum),
             static_cast<double>(x.size() / x.size(1)));
}

Outputs bce_sample(Sample& s) {
  const Var p = s.var(0), t = s.var(1);
  return bce_loss(p, t, s.has("weight") ? s.tensor("weight") : Tensor(), reduction(s));
}

Outputs bce_logits_sample(Sample& s) {
  const Var x = s.var(0), t = s.var(1);
  BceOptions options;
  if (s.has("weight")) options.weight = s.tensor("weight");
  if (s.has("pos_weight")) options.positive_weight = s.tensor("pos_weight");
  return bce_with_logits(x, t, options, reduction(s));
}

Outputs kl_sample(Sample& s) {
  const Var x = s.var(0), t = s.var(1);
  const bool log_target = s.flag(Sample::no_position, "log_target", false);
  const bool batch = s.text("reduction", "mean") == "batchmean";
  const LossReduction kind = batch ? LossReduction::sum : reduction(s);
  const Var loss = log_target ? reduce_loss(mul(exp(t), sub(t, x)), kind) : kl_div(x, t, kind);
  return batch ? div(loss, static_cast<double>(x.size(0))) : loss;
}

Var cosine(const Var& a, const Var& b, int dim, double eps) {
  const auto length = [&](const Var& v) {
    return clamp_min(norm(v, 2, {dim}), Tensor::full({}, eps, v.dtype()));
  };
  return div(sum(mul(a, b), {dim}), mul(length(a), length(b)));
}

Var distance(const Var& a, const Var& b, double p, double eps, bool keepdim = false) {
  return norm(add(sub(a, b), eps), p, {-1}, keepdim);
}

const Operators norms({
    {"nn.functional.layer_norm", layer_norm_sample},
    {"native_layer_norm", native_layer_norm},
    {"nn.functional.batch_norm", batch_norm_sample},
    {"nn.functional.group_norm", group_norm_sample},
    {"nn.functional.instance_norm", instance_norm_sample},
    {"nn.functional.normalize",
     [](Sample& s) {
       const Var x = s.var(0);
       const double p = s.number("p", 2), eps = s.number("eps", 1e-12);
       const int dim = s.dim(Sample::no_position, "dim", 1);
       if (x.rank() > 0 && x.size(dim) == 1)  // the gradient is 0, in torch what rounding left
         throw Skip{"normalize of one element, where torch shows its rounding error"};
       return Outputs(normalize(x, p, dim, eps));
     }},
    {"nn.functional.cosine_similarity",
     [](Sample& s) {
       const Var a = s.var(0), b = s.var(1);
       if (a.shape() != b.shape()) throw Skip{"cosine_similarity with broadcasting"};
       const int dim = s.dim(Sample::no_position, "dim", 1);
       return Outputs(cosine(a, b, dim, s.number("eps", 1e-8)));
     }},
    {"nn.functional.pairwise_distance",
     [](Sample& s) {
       const Var a = s.var(0), b = s.var(1);
       return Outputs(distance(a, b, s.number("p", 2), s.number("eps", 1e-6),
                               s.flag(Sample::no_position, "keepdim", false)));
     }},
});

const Operators losses({
    {"nn.functional.mse_loss",
     [](Sample& s) {
       const Var x = s.var(0), t = s.var(1);
       return Outputs(mse_loss(x, t, reduction(s)));
     }},
    {"nn.functional.l1_loss",
     [](Sample& s) {
       const Var x = s.var(0), t = s.var(1);
       return Outputs(l1_loss(x, t, reduction(s)));
     }},
    {"nn.functional.smooth_l1_loss",
     [](Sample& s) {
       const Var x = s.var(0), t = s.var(1);
       return Outputs(smooth_l1_loss(x, t, reduction(s), s.number("beta", 1)));
     }},
    {"nn.functional.huber_loss",
     [](Sample& s) {
       const Var x = s.var(0), t = s.var(1);
       return Outputs(huber_loss(x, t, reduction(s), s.number("delta", 1)));
     }},
    {"nn.functional.binary_cross_entropy", bce_sample},
    {"nn.functional.binary_cross_entropy_with_logits", bce_logits_sample},
    {"nn.functional.cross_entropy", cross_entropy_sample},
    {"nn.functional.nll_loss",
     [](Sample& s) {
       const Var x = s.var(0);
       const Tensor labels = s.tensor(1);
       const ClassOptions options = class_options(s);
       return Outputs(nll_loss(x, labels, options, reduction(s)));
     }},
    {"nn.functional.kl_div", kl_sample},
    {"nn.functional.margin_ranking_loss",
     [](Sample& s) {
       const Var a = s.var(0), b = s.var(1), y = s.var(2);
       const Var margin = add(neg(mul(y, sub(a, b))), s.number("margin", 0));
       return Outputs(reduce_loss(clamp_min(margin, Tensor::zeros({}, a.dtype())), reduction(s)));
     }},
    {"nn.functional.triplet_margin_loss",
     [](Sample& s) {
       const Var a = s.var(0), p = s.var(1), n = s.var(2);
       const double order = s.number("p", 2), eps = s.number("eps", 1e-6);
       Var far = distance(a, n, order, eps);
       if (s.flag(Sample::no_position, "swap", false))
         far = minimum(far, distance(p, n, order, eps));
       const Var d = add(sub(distance(a, p, order, eps), far), s.number("margin", 1));
       return Outputs(reduce_loss(clamp_min(d, Tensor::zeros({}, d.dtype())), reduction(s)));
     }},
});

}  // namespace
}  // namespace cfm::conformance
