// ONNX: reductions, scans, choices, norms, softmax and losses.

#include <limits>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_norm.hpp>
#include <cfm/kernels/norm.hpp>
#include <cfm/kernels/one_hot.hpp>
#include <cfm/kernels/reduce.hpp>
#include <cfm/kernels/scan.hpp>
#include <cfm/kernels/softmax.hpp>
#include <cfm/kernels/top_k.hpp>

#include "onnx.hpp"

namespace cfm::conformance::onnx {
namespace {

using Reduction = Tensor (*)(const Tensor&, const Extents&, bool);

// Over the axes of the second input; none there means all.
auto reduction(Reduction f) {
  return [f](Node& n) {
    const Tensor x = n.in(0);
    const Extents dims = n.has(1) ? n.list(1) : Extents{};
    if (dims.rank() == 0 && n.integer("noop_with_empty_axes", 0) != 0) return Results(x);
    return Results(f(x, dims, n.integer("keepdims", 1) != 0));
  };
}

// An infinity as the largest of nothing is what ONNX says; cfm refuses.
auto extremum(Reduction f) {
  return [f](Node& n) {
    if (n.in(0).size() == 0) throw Skip{"the largest or smallest of no elements"};
    return reduction(f)(n);
  };
}

using Position = Tensor (*)(const Tensor&, const Extents&, bool);

auto position(Position f) {
  return [f](Node& n) {
    const Tensor x = n.in(0);
    const int axis = n.dim("axis", 0);
    const bool keep = n.integer("keepdims", 1) != 0;
    if (n.integer("select_last_index", 0) == 0) return Results(f(x, {axis}, keep));
    const double last = static_cast<double>(x.size(axis) - 1);
    return Results(sub(last, f(flip(x, {axis}), {axis}, keep)));
  };
}

auto scan(Tensor (*f)(const Tensor&, int, const ScanOptions&)) {
  return [f](Node& n) {
    const ScanOptions options{.exclusive = n.integer("exclusive", 0) != 0,
                              .reverse = n.integer("reverse", 0) != 0};
    const Tensor x = n.in(0);
    return Results(f(x, static_cast<int>(n.scalar(1)), options).to(x.dtype()));
  };
}

Results chosen(Node& n) {
  const Tensor x = n.in(0);
  const TopKOptions options{.largest = n.integer("largest", 1) != 0,
                            .sorted = n.integer("sorted", 1) != 0};
  const Ordered found = top_k(x, static_cast<Index>(n.scalar(1)), n.dim("axis", -1), options);
  return {found.values, found.indices};
}

Results hard_max(Node& n) {
  const Tensor x = n.in(0);
  const int axis = n.dim("axis", -1);
  return one_hot(argmax(x, {axis}), x.size(axis), axis).to(x.dtype());
}

const Nodes onnx_reductions({
    {"ReduceSum", reduction(sum)},
    {"ReduceProd", reduction(prod)},
    {"ReduceMean", reduction(mean)},
    {"ReduceLogSumExp", reduction(logsumexp)},
    {"ReduceMax", extremum(max)},
    {"ReduceMin", extremum(min)},
    {"ReduceL1", reduction([](const Tensor& x, const Extents& dims, bool keep) {
       return sum(abs(x), dims, keep);
     })},
    {"ReduceL2", reduction([](const Tensor& x, const Extents& dims, bool keep) {
       return sqrt(sum(square(x), dims, keep));
     })},
    {"ReduceSumSquare", reduction([](const Tensor& x, const Extents& dims, bool keep) {
       return sum(square(x), dims, keep);
     })},
    {"ReduceLogSum", reduction([](const Tensor& x, const Extents& dims, bool keep) {
       return log(sum(x, dims, keep));
     })},
    {"ArgMax", position(argmax)},
    {"ArgMin", position(argmin)},
    {"CumSum", scan(cumsum)},
    {"CumProd", scan(cumprod)},
    {"TopK", chosen},
    {"Hardmax", hard_max},
    {"Softmax", [](Node& n) { return Results(softmax(n.in(0), n.dim("axis", -1))); }},
    {"LogSoftmax", [](Node& n) { return Results(log_softmax(n.in(0), n.dim("axis", -1))); }},
});

// The dimensions from `axis` on as one, those before as rows.
struct NormRows {
  Tensor rows;
  Extents kept;  // the shape with 1 for what was normalised

  NormRows(const Tensor& x, int axis) {
    const int at = normalize_dim(axis, x.rank(), "norm");
    Index count = 1;
    for (int d = 0; d < x.rank(); ++d) {
      kept.push_back(d < at ? x.size(d) : 1);
      count *= kept[d];
    }
    rows = x.reshape({count, x.size() / std::max<Index>(1, count)});
  }
};

Results layer_normed(Node& n) {
  const Tensor x = n.in(0);
  const NormRows at(x, n.dim("axis", -1));
  n.integer("stash_type", 1);  // the statistics are f32 in any case
  const Tensor gain = n.in(1).reshape({-1}), bias = n.in_or_none(2).reshape({-1});
  Tensor out = Tensor::empty_like(at.rows), mean = Tensor::empty({at.rows.size(0)});
  Tensor inv_std = Tensor::empty_like(mean);
  layer_norm<float>(at.rows.view<float, 2>(), gain.view<float, 1>(), bias.view<float, 1>(),
                    out.view<float, 2>(), mean.view<float, 1>(), inv_std.view<float, 1>(),
                    static_cast<float>(n.number("epsilon", 1e-5)));
  return {out.reshape(x.shape()), mean.reshape(at.kept), inv_std.reshape(at.kept)};
}

Results rms_normed(Node& n) {
  const Tensor x = n.in(0);
  const NormRows at(x, n.dim("axis", -1));
  const Var y = rms_norm(at.rows, n.in(1).reshape({-1}), n.number("epsilon", 1e-5));
  return y.value().reshape(x.shape());
}

// cfm normalises columns of rows; ONNX has the channels second. Its running variance is the biased
// one, torch's and cfm's is not: the statistics are blended here.
Results batch_normed(Node& n) {
  const Tensor x = n.in(0), turned = x.transpose(1, -1).contiguous();
  const Tensor rows = turned.reshape({-1, x.size(1)}), gain = n.in(1), bias = n.in(2);
  const Tensor mean_before = n.in(3), variance_before = n.in(4);
  const bool training = n.integer("training_mode", 0) != 0;
  const BatchNormOptions options{.eps = n.number("epsilon", 1e-5)};
  const double keep = n.number("momentum", 0.9);
  const Tensor y = batch_norm(rows, gain, bias, training ? Tensor() : mean_before,
                              training ? Tensor() : variance_before, options)
                       .value()
                       .reshape(turned.shape())
                       .transpose(1, -1)
                       .contiguous();
  const auto blend = [&](const Tensor& before, const Tensor& now) {
    return add(mul(before, keep), mul(now, 1 - keep));
  };
  return {y, blend(mean_before, mean(rows, {0})), blend(variance_before, var(rows, {0}, false, 0))};
}

Results mean_variance_normed(Node& n) {
  const Tensor x = n.in(0);
  const Extents given = n.extents("axes");
  const Extents axes = given.rank() == 0 ? Extents{0, 2, 3} : given;
  const Tensor deviation = sqrt(var(x, axes, true, 0));
  return div(sub(x, mean(x, axes, true)), add(deviation, 1e-9));
}

const Nodes onnx_norms({
    {"LayerNormalization", layer_normed},
    {"RMSNormalization", rms_normed},
    {"BatchNormalization", batch_normed},
    {"MeanVarianceNormalization", mean_variance_normed},
    {"GroupNormalization",
     [](Node& n) {
       const Index groups = n.integer("num_groups", 1);
       return Results(group_norm(n.in(0), groups, n.in(1), n.in(2), n.number("epsilon", 1e-5)));
     }},
    {"InstanceNormalization",
     [](Node& n) {
       const Tensor x = n.in(0);
       return Results(group_norm(x, x.size(1), n.in(1), n.in(2), n.number("epsilon", 1e-5)));
     }},
    {"LpNormalization",
     [](Node& n) {
       const double p = static_cast<double>(n.integer("p", 2));
       return Results(normalize(n.in(0), p, n.dim("axis", -1)));
     }},
});

struct LossArguments {
  ClassOptions options;
  LossReduction reduction;

  explicit LossArguments(Node& n) {
    options.ignore_index = n.integer("ignore_index", std::numeric_limits<std::int32_t>::min());
    if (n.has(2)) options.weight = n.in(2);
    const std::string name = n.text("reduction", "mean");
    reduction = name == "none"  ? LossReduction::none
                : name == "sum" ? LossReduction::sum
                                : LossReduction::mean;
  }
};

const Nodes onnx_losses({
    {"NegativeLogLikelihoodLoss",
     [](Node& n) {
       const LossArguments given(n);
       return Results(nll_loss(n.in(0), n.in(1), given.options, given.reduction));
     }},
    {"SoftmaxCrossEntropyLoss",
     [](Node& n) {
       const LossArguments given(n);
       const Tensor x = n.in(0);
       const Tensor loss = cross_entropy(x, n.in(1), given.options, given.reduction).value();
       return Results{loss, log_softmax(x, 1)};
     }},
});

}  // namespace
}  // namespace cfm::conformance::onnx
