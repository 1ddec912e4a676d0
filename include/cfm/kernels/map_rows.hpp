#pragma once
/// @file  A function of whole rows of tensors, along any dimension.

#include <array>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/pointwise.hpp>

CFM_NAMESPACE_BEGIN

/// What a reduction does to a shape. The reduced dimensions are put last: a row is what becomes
/// one number.
struct Reduction {
  Shape kept;        ///< the result with extents of 1 in place of the reduced ones
  Shape dropped;     ///< the result without the reduced ones
  Extents order;     ///< dimensions of the operand, the reduced ones last
  Index rows = 1;    ///< elements of the result
  Index length = 1;  ///< elements that one of them is made of

  /// No dimensions means all of them.
  /// Errors:  ShapeError for a dimension that is not there or named twice; the text names `op`.
  Reduction(const Shape& shape, const Extents& dims, std::string_view op) {
    unsigned reduced = dims.rank() == 0 ? ~0u : 0u;
    for (Index entry : dims) {
      const unsigned bit = 1u << normalize_dim(static_cast<int>(entry), shape.rank(), op);
      CFM_CHECK((reduced & bit) == 0, concat(op, ": names a dimension twice"), shape, dims);
      reduced |= bit;
    }
    Extents with, without, last;
    for (int d = 0; d < shape.rank(); ++d) {
      const bool gone = (reduced >> d & 1u) != 0;
      with.push_back(gone ? 1 : shape[d]);
      if (!gone) without.push_back(shape[d]);
      (gone ? last : order).push_back(d);
      (gone ? length : rows) *= shape[d];
    }
    for (Index d : last) order.push_back(d);
    kept = Shape(with);
    dropped = Shape(without);
  }

  const Shape& result(bool keepdim) const { return keepdim ? kept : dropped; }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// f(row of the result, length, rows of the operands ...) for every row along `dim`; the result and
/// the operands have one shape and type.
/// Errors:  TypeError unless all are f32 or all f64; ShapeError.
template <class F, class... Rest>
  requires(std::same_as<Rest, Tensor> && ...)
Tensor map_rows(std::string_view op, const F& f, int dim, const Tensor& x, const Rest&... rest) {
  isa_detail::check_same_types(op, {&x, &rest...});
  for (const Tensor* other : std::initializer_list<const Tensor*>{&x, &rest...})
    CFM_CHECK(other->shape() == x.shape(), concat(op, ": the operands differ in shape"), x, *other);
  const Reduction reduction(x.shape(), {normalize_dim(dim, x.rank(), op)}, op);
  if (x.rank() == 0) return map_rows(op, f, 0, x.reshape({1}), rest.reshape({1})...).reshape({});
  return visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
    const std::array dense{x.permute(reduction.order).contiguous(),
                           rest.permute(reduction.order).contiguous()...};
    std::array<const T*, 1 + sizeof...(Rest)> source;
    for (std::size_t k = 0; k < source.size(); ++k) source[k] = dense[k].template data<T>();
    Tensor out = Tensor::empty(dense[0].shape(), x.dtype());
    T* const target = out.data<T>();
    const Index n = reduction.length;
    const auto grain = grain_for(n * static_cast<Index>(sizeof(T) * (2 + sizeof...(Rest))));
    parallel_for(n == 0 ? 0 : reduction.rows, grain, [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r)
        std::apply([&](auto... in) { f(target + r * n, n, (in + r * n)...); }, source);
    });
    Extents back = reduction.order;
    for (int d = 0; d < back.rank(); ++d) back[static_cast<int>(reduction.order[d])] = d;
    return out.permute(back).contiguous();
  });
}

CFM_ISA_NAMESPACE_END
