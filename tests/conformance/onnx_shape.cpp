// ONNX: what makes, moves, picks and places elements, and conversions.

#include <cmath>

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/kernels/compare.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/integer_math.hpp>
#include <cfm/kernels/nonzero.hpp>
#include <cfm/kernels/one_hot.hpp>
#include <cfm/kernels/pad_modes.hpp>
#include <cfm/kernels/reverse_sequence.hpp>
#include <cfm/kernels/saturate.hpp>
#include <cfm/kernels/scatter.hpp>
#include <cfm/kernels/take_along.hpp>
#include <cfm/kernels/unique.hpp>
#include <cfm/tensor/bit_cast.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/join.hpp>
#include <cfm/tensor/slice.hpp>

#include "onnx.hpp"

namespace cfm::conformance::onnx {
namespace {

// Positions that may count from the back, as positions from the front.
Tensor from_front(const Tensor& index, Index n) {
  return remainder(index, Tensor::full({}, static_cast<double>(n), index.dtype()));
}

ScatterReduction reduction_of(Node& n) {
  const std::string name = n.text("reduction", "none");
  if (name == "none") return ScatterReduction::replace;
  if (name == "add") return ScatterReduction::add;
  if (name == "mul") return ScatterReduction::mul;
  if (name == "min") return ScatterReduction::min;
  if (name == "max") return ScatterReduction::max;
  throw Skip{"reduction " + name};
}

Results reshaped(Node& n) {
  const Tensor x = n.in(0);
  Extents shape = n.list(1);
  if (n.integer("allowzero", 0) == 0)
    for (int d = 0; d < shape.rank(); ++d)
      if (shape[d] == 0) shape[d] = x.size(d);
  return x.reshape(shape);
}

Results flattened(Node& n) {
  const Tensor x = n.in(0);
  const Index axis = n.integer("axis", 1);
  Index rows = 1;
  for (int d = 0; d < (axis < 0 ? axis + x.rank() : axis); ++d) rows *= x.size(d);
  return x.reshape({rows, rows == 0 ? 0 : x.size() / rows});
}

Results permuted(Node& n) {
  const Tensor x = n.in(0);
  Extents order = n.extents("perm");
  if (order.rank() == 0)
    for (int d = x.rank() - 1; d >= 0; --d) order.push_back(d);
  return x.permute(order).contiguous();
}

Results squeezed(Node& n) {
  Tensor x = n.in(0);
  Extents axes = n.list(1);
  for (int i = axes.rank() - 1; i >= 0; --i) x = x.squeeze(static_cast<int>(axes[i]));
  return x;
}

Results unsqueezed(Node& n) {
  const Tensor x = n.in(0);
  const Extents axes = n.list(1);
  const int rank = x.rank() + axes.rank();
  std::set<int> places;
  for (Index a : axes) places.insert(normalize_dim(static_cast<int>(a), rank, "Unsqueeze"));
  Tensor out = x;
  for (int place : places) out = out.unsqueeze(place);
  return out;
}

Results concatenated(Node& n) {
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < n.inputs(); ++i) parts.push_back(n.in(i));
  return cat(parts, n.dim("axis", 0));
}

Results parted(Node& n) {
  const Tensor x = n.in(0);
  const int axis = n.dim("axis", 0);
  if (n.has(1)) return split(x, n.list(1).span(), axis);
  const Index parts = n.integer("num_outputs", static_cast<Index>(n.outputs()));
  return split(x, (x.size(axis) + parts - 1) / parts, axis);
}

Results sliced(Node& n) {
  const Tensor x = n.in(0);
  const Extents begin = n.list(1), end = n.list(2);
  const Extents axes = n.has(3) ? n.list(3) : Extents{};
  const Extents steps = n.has(4) ? n.list(4) : Extents{};
  std::vector<Pick> picks(static_cast<std::size_t>(x.rank()), Slice{});
  for (int i = 0; i < begin.rank(); ++i) {
    const int axis =
        axes.rank() == 0 ? i : normalize_dim(static_cast<int>(axes[i]), x.rank(), "Slice");
    picks[static_cast<std::size_t>(axis)] =
        Slice{begin[i], end[i], steps.rank() == 0 ? 1 : steps[i]};
  }
  return slice(x, picks).contiguous();
}

Results padded(Node& n) {
  const Tensor x = n.in(0);
  const Extents amounts = n.list(1);
  const std::string mode = n.text("mode", "constant");
  const double value = n.has(2) ? n.scalar(2) : 0;
  Extents axes = n.has(3) ? n.list(3) : Extents{}, before, after;
  for (int d = 0; d < x.rank(); ++d) {
    if (!n.has(3)) axes.push_back(d);
    before.push_back(0);
    after.push_back(0);
  }
  for (int i = 0; i < axes.rank(); ++i) {
    const int d = normalize_dim(static_cast<int>(axes[i]), x.rank(), "Pad");
    before[d] = amounts[i];
    after[d] = amounts[i + axes.rank()];
  }
  if (mode == "constant") return pad(x, before, after, value);
  return pad(x, before, after,
             mode == "edge"   ? PadMode::edge
             : mode == "wrap" ? PadMode::wrap
                              : PadMode::reflect);
}

Results extents_of(Node& n) {
  const Shape shape = n.in(0).shape();
  const auto limited = [&](Index i) {
    return std::clamp<Index>(i < 0 ? i + shape.rank() : i, 0, shape.rank());
  };
  const Index begin = limited(n.integer("start", 0)), end = limited(n.integer("end", shape.rank()));
  const Tensor all = Tensor::from(shape.span(), {shape.rank()});
  return all.slice(0, begin, std::max(begin, end)).contiguous();
}

Results ranged(Node& n) {
  const double begin = n.scalar(0), end = n.scalar(1), step = n.scalar(2);
  const double count = std::max(0.0, std::ceil((end - begin) / step));
  return linspace(begin, begin + (count - 1) * step, static_cast<Index>(count), n.in(0).dtype());
}

Results hot(Node& n) {
  const Index depth = static_cast<Index>(n.scalar(1));
  const Tensor values = n.in(2);
  const Tensor hit = one_hot(from_front(n.in(0).to(DType::i64), depth), depth, n.dim("axis", -1));
  return where(hit, values.select(0, 1), values.select(0, 0));
}

Results triangle(Node& n) {
  const Index diagonal = n.has(1) ? static_cast<Index>(n.scalar(1)) : 0;
  return n.integer("upper", 1) != 0 ? triu(n.in(0), diagonal) : tril(n.in(0), diagonal);
}

Results eye_like(Node& n) {
  const Tensor x = n.in(0);
  const DType dtype = n.has("dtype") ? dtype_numbered(n.integer("dtype", 1)) : x.dtype();
  return eye(x.size(0), x.size(1), dtype);
}

Results gathered(Node& n) {
  const Tensor x = n.in(0), index = n.in(1);
  const int axis = normalize_dim(n.dim("axis", 0), x.rank(), "Gather");
  const Tensor front = from_front(index, x.size(axis));
  Extents shape;
  for (int d = 0; d < axis; ++d) shape.push_back(x.size(d));
  for (Index e : index.shape()) shape.push_back(e);
  for (int d = axis + 1; d < x.rank(); ++d) shape.push_back(x.size(d));
  return reshape(index_select(x, axis, front.reshape({front.size()})), shape);
}

Results compressed(Node& n) {
  const Tensor x = n.has("axis") ? n.in(0) : n.in(0).reshape({-1});
  const Tensor places = nonzero(n.in(1)).reshape({-1});
  return index_select(x, n.dim("axis", 0), places);
}

Results scattered(Node& n) {
  const Tensor x = n.in(0);
  const int axis = n.dim("axis", 0);
  return scatter_along(x, axis, from_front(n.in(1), x.size(axis)), n.in(2), reduction_of(n));
}

// A piece of a cache, written from its own position on for every sequence.
Results cache_update(Node& n) {
  Tensor cache = n.in(0).clone();
  const Tensor update = n.in(1), starts = n.in(2);
  if (n.text("mode", "linear") != "linear") throw Skip{"a cache that goes round"};
  const int axis = normalize_dim(n.dim("axis", -2), cache.rank(), "TensorScatter") - 1;
  for (Index b = 0; b < cache.size(0); ++b) {
    const Index at = starts.select(0, b).item<std::int64_t>();
    cache.select(0, b).slice(axis, at, at + update.size(axis + 1)).copy_from(update.select(0, b));
  }
  return cache;
}

Results distinct(Node& n) {
  if (n.integer("sorted", 1) == 0) throw Skip{"unique elements in the order of their appearance"};
  const auto found =
      n.has("axis") ? unique(n.in(0), n.dim("axis", 0)) : unique(n.in(0), std::nullopt);
  return {found.values, found.first, found.inverse.reshape({-1}), found.counts};
}

Tensor converted(Node& n, DType dtype) {
  const bool saturate = n.integer("saturate", 1) != 0;
  const Tensor x = n.in(0);
  return saturate && is_floating(x.dtype()) && size_of(dtype) == 1 && is_floating(dtype)
             ? to_saturated(x, dtype)
             : x.to(dtype);
}

const Nodes onnx_moves(
    {
        {"Identity", [](Node& n) { return Results(n.in(0)); }},
        {"Constant", [](Node& n) { return Results(n.tensor("value")); }},
        {"ConstantOfShape",
         [](Node& n) {
           const Tensor value = n.tensor("value");
           return Results(value.reshape({}).expand(Shape(n.list(0))).contiguous());
         }},
        {"Shape", extents_of},
        {"Size", [](Node& n) { return Results(Tensor::scalar<std::int64_t>(n.in(0).size())); }},
        {"Reshape", reshaped},
        {"Flatten", flattened},
        {"Transpose", permuted},
        {"Squeeze", squeezed},
        {"Unsqueeze", unsqueezed},
        {"Concat", concatenated},
        {"Split", parted},
        {"Slice", sliced},
        {"Expand",
         [](Node& n) {
           const Tensor x = n.in(0);
           return Results(x.expand(broadcast(x.shape(), Shape(n.list(1)))).contiguous());
         }},
        {"Tile", [](Node& n) { return Results(repeat(n.in(0), n.list(1))); }},
        {"Pad", padded},
        {"EyeLike", eye_like},
        {"OneHot", hot},
        {"Trilu", triangle},
        {"Gather", gathered},
        {"GatherElements",
         [](Node& n) {
           const Tensor x = n.in(0);
           const int axis = n.dim("axis", 0);
           return Results(take_along(x, axis, from_front(n.in(1), x.size(axis))));
         }},
        {"GatherND",
         [](Node& n) { return Results(gather_nd(n.in(0), n.in(1), n.dim("batch_dims", 0))); }},
        {"Scatter", scattered},
        {"ScatterElements", scattered},
        {"ScatterND",
         [](Node& n) { return Results(scatter_nd(n.in(0), n.in(1), n.in(2), reduction_of(n))); }},
        {"TensorScatter", cache_update},
        {"Compress", compressed},
        {"NonZero", [](Node& n) { return Results(nonzero(n.in(0)).transpose(0, 1).contiguous()); }},
        {"Unique", distinct},
        {"ReverseSequence",
         [](Node& n) {
           const int batch = n.dim("batch_axis", 1), time = n.dim("time_axis", 0);
           return Results(reverse_sequence(n.in(0), n.in(1), batch, time));
         }},
        {"Cast", [](Node& n) { return Results(converted(n, dtype_numbered(n.integer("to", 1)))); }},
        {"CastLike", [](Node& n) { return Results(converted(n, n.in(1).dtype())); }},
        {"BitCast",
         [](Node& n) { return Results(bit_cast(n.in(0), dtype_numbered(n.integer("to", 1)))); }},
    },
    Agreement::exact);

const Nodes onnx_ranges({{"Range", ranged}});

}  // namespace
}  // namespace cfm::conformance::onnx
