#pragma once
/// @file  Picking elements by position, and adding them up where they came from.

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/kernels/gather.hpp>
#include <cfm/kernels/scatter.hpp>
#include <cfm/kernels/segments.hpp>
#include <cfm/kernels/take_along.hpp>
#include <cfm/tensor/factories.hpp>

CFM_ISA_NAMESPACE_BEGIN

// Index tensors are i32 or i64; positions outside are an Error. Sums over equal positions are made
// group by group in their order: the same bits for any number of threads.

/// y[i] = x[index[i]]: rows picked by number.
/// Shapes:  x [n, ...], index [any] -> [any, ...].
inline Var embedding(const Var& x, const Tensor& index) {
  return record({&x}, gather_rows(x.value(), index),
                [to = x.slot(), like = x.shape(), index = Saved(index)](Gradients& gradients,
                                                                        const Tensor& dy) {
                  const Segments segments(*index, like[0]);
                  const Tensor rows = dy.reshape(isa_detail::with_rows(like, segments.rows()));
                  gradients.add(to, sum_rows_of(segments.members(), rows));
                });
}

/// Positions `index` of a dimension.   Shapes:  index [m]; that extent becomes m.
inline Var index_select(const Var& x, int dim, const Tensor& index) {
  CFM_CHECK(index.rank() <= 1, "index_select: needs a vector of positions", index);
  const int d = normalize_dim(dim, x.rank(), "index_select");
  if (x.rank() == 0) return reshape(embedding(reshape(x, {1}), index), {});
  const Tensor list = index.reshape({index.size()});
  if (d == 0) return embedding(x, list);
  return movedim(embedding(movedim(x, d, 0), list), 0, d);
}

/// y[.., i, ..] = x[.., index[.., i, ..], ..] along `dim`; the result is shaped like the index.
inline Var gather(const Var& x, int dim, const Tensor& index) {
  return record({&x}, take_along(x.value(), dim, index),
                [to = x.slot(), like = x.shape(), dim, index = Saved(index)](Gradients& gradients,
                                                                             const Tensor& dy) {
                  Tensor dx = Tensor::zeros(like, dy.dtype());
                  add_along(dx, dim, *index, dy);
                  gradients.add(to, std::move(dx));
                });
}

/// x with source[.., i, ..] added at index[.., i, ..] along `dim`.
/// Shapes:  source is shaped like the index, which is nowhere larger than x beside `dim`.
inline Var scatter_add(const Var& x, int dim, const Tensor& index, const Var& source) {
  Tensor y = x.value().clone();
  add_along(y, dim, index, source.value());
  return record({&x, &source}, std::move(y),
                [to_x = x.slot(), to_s = source.slot(), dim, index = Saved(index)](
                    Gradients& gradients, const Tensor& dy) {
                  gradients.add(to_x, dy);
                  if (gradients.wanted(to_s)) gradients.add(to_s, take_along(dy, dim, *index));
                });
}

/// x with source[.., i, ..] in the place of what is at index[.., i, ..] along `dim`; of several for
/// one place the last in row-major order stays, and it alone has a gradient.
/// Shapes:  as scatter_add.
inline Var scatter_along(const Var& x, int dim, const Tensor& index, const Var& source) {
  return record({&x, &source}, scatter_along(x.value(), dim, index, source.value()),
                [to_x = x.slot(), to_s = source.slot(), dim, like_x = x.shape(),
                 like_s = source.shape(), index = Saved(index)](Gradients& gradients,
                                                                const Tensor& dy) {
                  // Which element of the source each place took; -1 for what stayed of x.
                  const Tensor order = arange(like_s.size()).reshape(like_s);
                  const Tensor taken = scatter_along(Tensor::full(like_x, -1, DType::i64), dim,
                                                     *index, order);
                  Tensor dx = dy.clone(), ds = Tensor::zeros(like_s, dy.dtype());
                  const auto from = std::as_const(taken).span<std::int64_t>();
                  visit_real(dy.dtype(), "scatter_along", [&]<class T>(std::type_identity<T>) {
                    const auto stays = dx.span<T>(), goes = ds.span<T>();
                    for (std::size_t i = 0; i < from.size(); ++i)
                      if (from[i] >= 0)
                        goes[static_cast<std::size_t>(from[i])] = std::exchange(stays[i], T{0});
                  });
                  gradients.add(to_x, std::move(dx));
                  gradients.add(to_s, std::move(ds));
                });
}

/// x with slice i of `source` along `dim` added to slice index[i].
inline Var index_add(const Var& x, int dim, const Tensor& index, const Var& source) {
  if (x.rank() == 0) return reshape(index_add(reshape(x, {1}), 0, index, reshape(source, {1})), {});
  const int d = normalize_dim(dim, x.rank(), "index_add");
  const Var rows = movedim(source.rank() == 0 ? reshape(source, {1}) : source, d, 0);
  CFM_CHECK(index.size() == rows.size(0), "index_add: one position for every slice", index, source);
  const Segments segments(index.reshape({index.size()}), x.size(d));
  Var sums = record({&rows}, sum_rows_of(segments.members(), rows.value()),
                    [to = rows.slot(), segments](Gradients& gradients, const Tensor& dy) {
                      gradients.add(to, sum_rows_of(segments.keys(), dy));
                    });
  return add(x, movedim(sums, 0, d));
}

/// The chosen elements of a dimension and where they were.
struct Chosen {
  Var values;
  Tensor indices;  ///< i64
};

namespace isa_detail {

inline Chosen choose(const Var& x, int dim, const Tensor& at, bool keepdim) {
  if (x.rank() == 0) return {reshape(x, {}), at.reshape({})};
  const Var values = gather(x, dim, at);
  return keepdim ? Chosen{values, at} : Chosen{squeeze(values, dim), at.squeeze(dim)};
}

}  // namespace isa_detail

/// The first largest element along `dim`; it alone has the gradient.
inline Chosen max_along(const Var& x, int dim, bool keepdim = false) {
  return isa_detail::choose(x, dim, argmax(x.value(), {dim}, true), keepdim);
}
/// The first smallest element along `dim`; it alone has the gradient.
inline Chosen min_along(const Var& x, int dim, bool keepdim = false) {
  return isa_detail::choose(x, dim, argmin(x.value(), {dim}, true), keepdim);
}

CFM_ISA_NAMESPACE_END
