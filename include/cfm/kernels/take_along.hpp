#pragma once
/// @file  Elements picked along a dimension by a tensor of positions, and put back.

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// Calls f(x_offset, x_step, first) for every line of the index along `dim`: where the line begins
// in x, the step there, and its first place in the index, which has `dim` last and is dense.
// Lines run in parallel; two of them never meet in x.
template <class F>
void for_each_line(const Tensor& x, int dim, const Shape& index, Index line, const F& f) {
  const Index n = index.back(), lines = n == 0 ? 0 : index.size() / n;
  Strides strides = x.strides();  // with `dim` last, as in the index
  std::swap(strides[dim], strides[x.rank() - 1]);
  parallel_for(lines, grain_for(line * n), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Index rest = i, offset = 0;
      for (int d = index.rank() - 2; d >= 0; --d) {
        offset += rest % index[d] * strides[d];
        rest /= index[d];
      }
      f(offset, strides[x.rank() - 1], i * n);
    }
  });
}

inline void check_take(std::string_view op, const Tensor& x, int dim, const Tensor& index) {
  bool fits = x.rank() == index.rank() && x.rank() > 0;
  for (int d = 0; fits && d < x.rank(); ++d) fits = d == dim || index.shape()[d] <= x.shape()[d];
  CFM_CHECK(fits, concat(op, ": the index must not be larger beside dimension ", dim), x, index);
}

inline Index checked_position(Index i, Index n, std::string_view op) {
  CFM_CHECK(0 <= i && i < n, concat(op, ": position ", i, " is outside an extent of ", n));
  return i;
}

}  // namespace isa_detail

/// out[.., i, ..] = x[.., index[.., i, ..], ..] along `dim`.
/// Shapes:  index has the rank of x and is nowhere larger beside `dim`; out is shaped like it.
/// Errors:  ShapeError; TypeError unless the index is i32 or i64; Error for a position outside.
inline Tensor take_along(const Tensor& x, int dim, const Tensor& index) {
  if (x.rank() == 0 && index.rank() == 0)
    return take_along(x.reshape({1}), 0, index.reshape({1})).reshape({});
  const int d = normalize_dim(dim, x.rank(), "take_along");
  isa_detail::check_take("take_along", x, d, index);
  const Tensor places = index.transpose(d, -1).contiguous();
  Tensor out = Tensor::empty(places.shape(), x.dtype());
  const Index extent = x.shape()[d];
  visit_index(index.dtype(), "take_along", [&]<class I>(std::type_identity<I>) {
    visit_dtype(x.dtype(), [&]<class T>(std::type_identity<T>) {
      const T* const source = x.data<T>();
      const I* const place = places.data<I>();
      T* const target = out.data<T>();
      isa_detail::for_each_line(
          x, d, places.shape(), sizeof(T) + sizeof(I), [&](Index offset, Index step, Index first) {
            for (Index i = first; i < first + places.shape().back(); ++i) {
              const Index at = isa_detail::checked_position(place[i], extent, "take_along");
              target[i] = source[offset + at * step];
            }
          });
    });
  });
  return out.transpose(d, -1).contiguous();
}

/// target[.., index[.., i, ..], ..] += x[.., i, ..] along `dim`, in order of i: the gradient of
/// take_along. Works in the memory of `target`.
/// Shapes, errors:  as take_along; x is shaped like the index. f32 and f64.
inline void add_along(Tensor& target, int dim, const Tensor& index, const Tensor& x) {
  if (target.rank() == 0 && index.rank() == 0) {
    Tensor line = target.reshape({1});
    return add_along(line, 0, index.reshape({1}), x.reshape({1}));
  }
  const int d = normalize_dim(dim, target.rank(), "add_along");
  isa_detail::check_take("add_along", target, d, index);
  CFM_CHECK(x.shape() == index.shape(), "add_along: one position for every element", x, index);
  CFM_CHECK(x.dtype() == target.dtype(), "add_along: the operands differ in type", x.dtype(),
            target.dtype());
  const Tensor places = index.transpose(d, -1).contiguous();
  const Tensor values = x.transpose(d, -1).contiguous();
  const Index extent = target.shape()[d];
  visit_index(index.dtype(), "add_along", [&]<class I>(std::type_identity<I>) {
    visit_real(x.dtype(), "add_along", [&]<class T>(std::type_identity<T>) {
      T* const sum = target.data<T>();
      const I* const place = places.data<I>();
      const T* const value = values.data<T>();
      isa_detail::for_each_line(target, d, places.shape(), sizeof(T) + sizeof(I),
                                [&](Index offset, Index step, Index first) {
                                  for (Index i = first; i < first + places.shape().back(); ++i) {
                                    const Index at =
                                        isa_detail::checked_position(place[i], extent, "add_along");
                                    sum[offset + at * step] += value[i];
                                  }
                                });
    });
  });
}

CFM_ISA_NAMESPACE_END
