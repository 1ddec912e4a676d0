// Elements by position, and groups of rows.

#include <cfm/autograd/ops_math.hpp>
#include <cfm/autograd/ops_segment.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

// Positions of a type that cfm takes.
Tensor positions(const Tensor& t) { return t.dtype() == DType::u8 ? t.to(DType::i64) : t; }

Outputs gathered(Sample& s) {
  const Var x = s.var(0);
  const int dim = s.dim(1, "dim", 0);
  const Tensor index = positions(s.tensor(2));
  if (x.rank() != index.rank()) throw Skip{"gather with ranks that differ"};
  return gather(x, dim, index);
}

Outputs take_along_dim(Sample& s) {
  const Var x = s.var(0);
  const Tensor index = s.tensor(1);
  if (!s.has(2, "dim")) return gather(reshape(x, {x.size()}), 0, index.reshape({index.size()}));
  const int dim = s.dim(2, "dim", 0);
  Extents of_x = x.shape(), of_index = index.shape();  // broadcast beside `dim`
  of_x[normalize_dim(dim, x.rank(), "take_along_dim")] = 1;
  of_index[normalize_dim(dim, x.rank(), "take_along_dim")] = 1;
  Extents wide = broadcast(Shape(of_x), Shape(of_index)), wide_x = wide;
  wide[normalize_dim(dim, x.rank(), "take_along_dim")] = index.size(dim);
  wide_x[normalize_dim(dim, x.rank(), "take_along_dim")] = x.size(dim);
  return gather(expand(x, Shape(wide_x)), dim, index.expand(Shape(wide)));
}

// Rows along any dimension: segment_reduce, scatter_reduce "sum" and "mean" of one dimension.
Outputs segment_reduced(Sample& s, bool by_lengths) {
  const Var x = s.var(0);
  const std::string kind = s.text(1, "reduce", "");
  const int axis = s.dim(Sample::no_position, "axis", 0);
  const double initial = s.number("initial", 0);
  s.flag(Sample::no_position, "unsafe", false);
  const Tensor given = s.tensor(by_lengths ? "lengths" : "offsets");
  if (given.rank() != 1 || axis != 0) throw Skip{"segments along a later dimension"};
  std::vector<std::int64_t> keys;
  const auto list = given.span<std::int64_t>();
  const std::size_t count = by_lengths ? list.size() : list.size() - 1;
  for (std::size_t k = 0; k < count; ++k) {
    const Index n = by_lengths ? list[k] : list[k + 1] - list[k];
    keys.insert(keys.end(), static_cast<std::size_t>(n), static_cast<std::int64_t>(k));
  }
  const Segments segments(Tensor::from(keys, {static_cast<Index>(keys.size())}),
                          static_cast<Index>(count));
  if (kind == "sum") return add(segment_sum(x, segments), initial);
  throw Skip{concat("segment_reduce ", kind, " with an initial value")};
}

const Operators indexing({
    {"gather", gathered},
    {"take_along_dim", take_along_dim},
    {"index_select",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(index_select(x, s.dim(1, "dim", 0), s.tensor(2)));
     }},
    {"index_add",
     [](Sample& s) {
       const Var x = s.var(0);
       const int dim = s.dim(1, "dim", 0);
       const Tensor index = s.tensor(2);
       const Var source = s.var(3);
       return Outputs(index_add(x, dim, index, mul(source, s.number("alpha", 1))));
     }},
    {"scatter_add",
     [](Sample& s) {
       const Var x = s.var(0);
       const int dim = s.dim(1, "dim", 0);
       const Tensor index = s.tensor(2);
       const Var source = s.var(3);
       if (x.rank() != index.rank() || source.shape() != index.shape())
         throw Skip{"scatter_add from a part of the source"};
       return Outputs(scatter_add(x, dim, index, source));
     }},
    {"nn.functional.embedding",
     [](Sample& s) {
       const Var table = s.var(0);
       return Outputs(embedding(table, s.tensor(1)));
     }},
    {"segment_reduce.lengths", [](Sample& s) { return segment_reduced(s, true); }},
    {"segment_reduce.offsets", [](Sample& s) { return segment_reduced(s, false); }},
});

}  // namespace
}  // namespace cfm::conformance
