#pragma once
/// @file  Operations that move elements without changing them.

#include <numeric>

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/rearrange.hpp>
#include <cfm/kernels/sum_to.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The same elements in another shape; one extent may be -1.
inline Var reshape(const Var& x, const Extents& shape) {
  return record({&x}, x.value().reshape(shape),
                [to = x.slot(), like = x.shape()](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dy.reshape(like));
                });
}

/// The dimensions begin ... end, both included, as one.
inline Var flatten(const Var& x, int begin = 0, int end = -1) {
  if (x.rank() == 0) return reshape(x, {1});
  const int first = normalize_dim(begin, x.rank(), "flatten");
  const int last = normalize_dim(end, x.rank(), "flatten");
  CFM_CHECK(first <= last, "flatten: the first dimension comes after the last", x, begin, end);
  Extents shape;
  for (int d = 0; d < x.rank(); ++d) {
    if (d <= first || d > last)
      shape.push_back(x.shape()[d]);
    else
      shape[first] *= x.shape()[d];
  }
  return reshape(x, shape);
}

/// The dimensions in another order.
inline Var permute(const Var& x, const Extents& order) {
  Extents inverse = order;
  Tensor y = x.value().permute(order);
  for (int d = 0; d < order.rank(); ++d)
    inverse[normalize_dim(static_cast<int>(order[d]), x.rank(), "permute")] = d;
  return record({&x}, std::move(y),
                [to = x.slot(), inverse](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dy.permute(inverse));
                });
}

/// Two dimensions swapped.
inline Var transpose(const Var& x, int a, int b) {
  return record({&x}, x.value().transpose(a, b),
                [to = x.slot(), a, b](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dy.transpose(a, b));
                });
}

/// Dimension `from` put at place `to`; the others keep their order.
inline Var movedim(const Var& x, int from, int to) {
  const int source = normalize_dim(from, x.rank(), "movedim");
  const int target = normalize_dim(to, x.rank(), "movedim");
  Extents order;
  for (int d = 0, rest = 0; d < x.rank(); ++d) {
    if (d == target) {
      order.push_back(source);
    } else {
      if (rest == source) ++rest;
      order.push_back(rest++);
    }
  }
  return permute(x, order);
}

/// Extents of 1 stretched and new ones put in front.
inline Var expand(const Var& x, const Shape& shape) {
  return record({&x}, x.value().expand(shape),
                [to = x.slot(), like = x.shape()](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, sum_to(dy, like));
                });
}

/// Positions begin, begin + step ... before end of a dimension.
inline Var slice(const Var& x, int dim, Index begin, Index end, Index step = 1) {
  return record({&x}, x.value().slice(dim, begin, end, step),
                [to = x.slot(), like = x.shape(), dim, begin, end, step](Gradients& gradients,
                                                                         const Tensor& dy) {
                  Tensor dx = Tensor::zeros(like, dy.dtype());
                  dx.slice(dim, begin, end, step).copy_from(dy);
                  gradients.add(to, std::move(dx));
                });
}

/// `length` positions of a dimension from `begin` on.   Errors:  ShapeError if there are fewer.
inline Var narrow(const Var& x, int dim, Index begin, Index length) {
  CFM_CHECK(x.rank() > 0, "narrow: needs at least one dimension", x);
  const Index first = begin < 0 ? begin + x.size(dim) : begin;
  CFM_CHECK(first >= 0 && length >= 0 && length <= x.size(dim) - first,
            concat("narrow: ", length, " from ", begin, " on are not there in dimension ", dim), x);
  return slice(x, dim, first, first + length);
}

/// One position of a dimension, which is dropped.
inline Var select(const Var& x, int dim, Index index) {
  return record(
      {&x}, x.value().select(dim, index),
      [to = x.slot(), like = x.shape(), dim, index](Gradients& gradients, const Tensor& dy) {
        Tensor dx = Tensor::zeros(like, dy.dtype());
        dx.select(dim, index).copy_from(dy);
        gradients.add(to, std::move(dx));
      });
}

/// Without a dimension of extent 1.
inline Var squeeze(const Var& x, int dim) {
  return record({&x}, x.value().squeeze(dim),
                [to = x.slot(), like = x.shape()](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dy.reshape(like));
                });
}

/// With a new dimension of extent 1 at place `dim`.
inline Var unsqueeze(const Var& x, int dim) {
  return record({&x}, x.value().unsqueeze(dim),
                [to = x.slot(), like = x.shape()](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, dy.reshape(like));
                });
}

/// One after the other along `dim`.
inline Var cat(const std::vector<Var>& parts, int dim = 0) {
  std::vector<Tensor> values;
  std::vector<const Var*> inputs;
  std::vector<std::pair<GradSlot, Index>> ends;  // of each part, in the result
  for (const Var& v : parts) {
    values.push_back(v.value());
    inputs.push_back(&v);
  }
  Tensor y = cat(values, dim);
  for (const Var& v : parts)
    ends.emplace_back(v.slot(), (ends.empty() ? 0 : ends.back().second) + v.size(dim));
  return record(std::span<const Var* const>(inputs), std::move(y),
                [ends = std::move(ends), dim](Gradients& gradients, const Tensor& dy) {
                  Index begin = 0;
                  for (const auto& [to, end] : ends) {
                    gradients.add(to, dy.slice(dim, begin, end));
                    begin = end;
                  }
                });
}

/// One after the other along a new dimension.
inline Var stack(const std::vector<Var>& parts, int dim = 0) {
  std::vector<Var> layers;
  for (const Var& v : parts) layers.push_back(unsqueeze(v, dim));
  return cat(layers, dim);
}

/// Consecutive pieces of these sizes along `dim`. One node: the gradients are put together once.
/// Errors:  ShapeError if the sizes do not add up to the extent.
inline std::vector<Var> split(const Var& x, const std::vector<Index>& sizes, int dim = 0) {
  CFM_CHECK(x.rank() > 0, "split: needs at least one dimension", x);
  const Index extent = x.size(dim);
  Index begin = 0;
  std::vector<Tensor> pieces;
  for (Index n : sizes) {
    CFM_CHECK(n >= 0 && n <= extent - begin, "split: the sizes go beyond the extent", x);
    pieces.push_back(x.value().slice(dim, begin, begin + n));
    begin += n;
  }
  CFM_CHECK(begin == extent, "split: the sizes do not add up to the extent", x, begin);
  return record({&x}, std::move(pieces),
                [to = x.slot(), like = x.shape(), dtype = x.dtype(), sizes, dim](
                    Gradients& gradients, std::span<const Tensor> dy) {
                  Tensor dx = Tensor::zeros(like, dtype);
                  Index at = 0;
                  for (std::size_t k = 0; k < dy.size(); ++k) {
                    if (dy[k].defined()) dx.slice(dim, at, at + sizes[k]).copy_from(dy[k]);
                    at += sizes[k];
                  }
                  gradients.add(to, std::move(dx));
                });
}

/// Consecutive pieces of `size`, the last one smaller if it does not fit.
inline std::vector<Var> split(const Var& x, Index size, int dim = 0) {
  CFM_CHECK(size > 0, "split: the size must be positive", size);
  std::vector<Index> sizes;
  for (Index rest = x.size(dim); rest > 0; rest -= size) sizes.push_back(std::min(size, rest));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, sizes, dim);
}

/// Every position of a dimension, which is dropped.
inline std::vector<Var> unbind(const Var& x, int dim = 0) {
  std::vector<Var> out =
      split(x, std::vector<Index>(static_cast<std::size_t>(x.size(dim)), 1), dim);
  for (Var& v : out) v = squeeze(v, dim);
  return out;
}

/// In opposite order along these dimensions.
inline Var flip(const Var& x, const Extents& dims) {
  return record({&x}, flip(x.value(), dims),
                [to = x.slot(), dims](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, flip(dy, dims));
                });
}

/// `value` put around, as for tensors.
inline Var pad(const Var& x, const Extents& before, const Extents& after, double value = 0) {
  return record({&x}, pad(x.value(), before, after, value),
                [to = x.slot(), before, after](Gradients& gradients, const Tensor& dy) {
                  Extents less = before, more = after;
                  for (int d = 0; d < less.rank(); ++d) {
                    less[d] = -less[d];
                    more[d] = -more[d];
                  }
                  gradients.add(to, pad(dy, less, more));
                });
}

/// Shifted along a dimension; what leaves at one end comes back at the other.
inline Var roll(const Var& x, Index shift, int dim) {
  const Index n = x.size(dim);
  if (n == 0) return x;
  const Index at = ((n - shift) % n + n) % n;
  return cat({narrow(x, dim, at, n - at), narrow(x, dim, 0, at)}, dim);
}

/// `times[d]` copies along dimension d, counted from the back.
inline Var repeat(const Var& x, const Extents& times) {
  CFM_CHECK(times.rank() >= x.rank(), "repeat: one number a dimension", x, times);
  Extents shape;
  for (int d = 0; d < times.rank(); ++d)
    shape.push_back(d < times.rank() - x.rank() ? 1 : x.shape()[d - (times.rank() - x.rank())]);
  Var out = reshape(x, shape);
  for (int d = 0; d < times.rank(); ++d) {
    CFM_CHECK(times[d] >= 0, "repeat: a number is negative", times);
    if (times[d] == 0)
      out = narrow(out, d, 0, 0);
    else if (times[d] > 1)
      out = cat(std::vector<Var>(static_cast<std::size_t>(times[d]), out), d);
  }
  return out;
}

/// The lower triangle of each matrix, up to a diagonal counted upwards from the main one.
inline Var tril(const Var& x, Index diagonal = 0) {
  return record({&x}, keep_triangle(x.value(), Triangle::lower, diagonal),
                [to = x.slot(), diagonal](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, keep_triangle(dy, Triangle::lower, diagonal));
                });
}

/// The upper triangle of each matrix, from a diagonal counted upwards from the main one.
inline Var triu(const Var& x, Index diagonal = 0) {
  return record({&x}, keep_triangle(x.value(), Triangle::upper, diagonal),
                [to = x.slot(), diagonal](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, keep_triangle(dy, Triangle::upper, diagonal));
                });
}

CFM_ISA_NAMESPACE_END
