#pragma once
/// @file  Reductions over dimensions, and sums that run along one.

#include <algorithm>
#include <cmath>
#include <limits>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/kernels/map_rows.hpp>
#include <cfm/kernels/rearrange.hpp>
#include <cfm/kernels/scan.hpp>

CFM_ISA_NAMESPACE_BEGIN

// All take the dimensions to reduce, none meaning all of them, and keep them as extents of 1 if
// `keepdim` is set.   Errors:  ShapeError for dimensions that are not there or named twice.

/// Sum; 0 over nothing.
inline Var sum(const Var& x, const Extents& dims = {}, bool keepdim = false) {
  const Reduction r(x.shape(), dims, "sum");
  return record(
      {&x}, sum(x.value(), dims, keepdim),
      [to = x.slot(), like = x.shape(), kept = r.kept](Gradients& gradients, const Tensor& dy) {
        gradients.add(to, dy.reshape(kept).expand(like));
      });
}

/// Mean; NaN over nothing.
inline Var mean(const Var& x, const Extents& dims = {}, bool keepdim = false) {
  const Reduction r(x.shape(), dims, "mean");
  return div(sum(x, dims, keepdim), static_cast<double>(r.length));
}

namespace isa_detail {

// The gradient of the largest or smallest: shared evenly by all elements equal to it.
inline Var record_extreme(const Var& x, Tensor y, const Shape& kept) {
  Saved saved(y);
  return record({&x}, std::move(y),
                [to = x.slot(), x = Saved(x), y = std::move(saved), kept](Gradients& gradients,
                                                                          const Tensor& dy) {
                  const auto same = [](auto v, auto extreme) {
                    return static_cast<decltype(v)>(v == extreme || (v != v && extreme != extreme));
                  };
                  const Tensor mask = pointwise("backward", same, *x, y->reshape(kept));
                  const Tensor share = div(dy.reshape(kept), sum_to(mask, kept));
                  gradients.add(to, mul(mask, share));
                });
}

}  // namespace isa_detail

/// The largest; NaN if one is NaN. Equal ones share the gradient.   Errors:  also if empty.
inline Var max(const Var& x, const Extents& dims = {}, bool keepdim = false) {
  return isa_detail::record_extreme(x, max(x.value(), dims, keepdim),
                                    Reduction(x.shape(), dims, "max").kept);
}

/// The smallest; NaN if one is NaN. Equal ones share the gradient.   Errors:  also if empty.
inline Var min(const Var& x, const Extents& dims = {}, bool keepdim = false) {
  return isa_detail::record_extreme(x, min(x.value(), dims, keepdim),
                                    Reduction(x.shape(), dims, "min").kept);
}

/// Product; 1 over nothing. Exact gradients also where elements are 0.
inline Var prod(const Var& x, const Extents& dims = {}, bool keepdim = false) {
  const Reduction r(x.shape(), dims, "prod");
  return record({&x}, prod(x.value(), dims, keepdim),
                [to = x.slot(), x = Saved(x), r](Gradients& gradients, const Tensor& dy) {
                  // Of all others: those before times those behind.
                  const auto others = [](auto* out, Index n, const auto* row) {
                    auto p = std::remove_cvref_t<decltype(*row)>(1);
                    for (Index i = 0; i < n; p *= row[i++]) out[i] = p;
                    p = 1;
                    for (Index i = n; i-- > 0; p *= row[i]) out[i] *= p;
                  };
                  const Tensor rows = x->permute(r.order);
                  Tensor rest = map_rows("prod", others, 1, rows.reshape({r.rows, r.length}));
                  Extents back = r.order;
                  for (int d = 0; d < back.rank(); ++d) back[static_cast<int>(r.order[d])] = d;
                  gradients.add(to,
                                mul(rest.reshape(rows.shape()).permute(back), dy.reshape(r.kept)));
                });
}

/// log(sum(exp(x))) without overflow; -infinity over nothing.
inline Var logsumexp(const Var& x, const Extents& dims = {}, bool keepdim = false) {
  const Reduction r(x.shape(), dims, "logsumexp");
  Tensor y = logsumexp(x.value(), dims, keepdim);
  Saved saved(y);
  return record({&x}, std::move(y),
                [to = x.slot(), x = Saved(x), y = std::move(saved), kept = r.kept](
                    Gradients& gradients, const Tensor& dy) {
                  const auto share = [](auto d, auto v, auto total) {
                    return std::isinf(total) && total < 0 ? d * 0 : d * std::exp(v - total);
                  };
                  gradients.add(
                      to, pointwise("logsumexp", share, dy.reshape(kept), *x, y->reshape(kept)));
                });
}

/// Sum of squared differences from the mean, over the count less `correction`.
inline Var var(const Var& x, const Extents& dims = {}, bool keepdim = false,
               double correction = 1) {
  const Reduction r(x.shape(), dims, "var");
  const Var centred = sub(x, mean(x, dims, true));
  const double count = std::max(0.0, static_cast<double>(r.length) - correction);
  return div(sum(square(centred), dims, keepdim), count);
}

/// sqrt(var). The slope at 0 is 0.
inline Var std_dev(const Var& x, const Extents& dims = {}, bool keepdim = false,
                   double correction = 1) {
  const Var v = var(x, dims, keepdim, correction);
  return record_by_output(v, sqrt(v.value()),
                          [](auto dy, auto y) { return y == 0 ? dy * 0 : dy / (2 * y); });
}

/// (sum |x|^p)^(1/p); p may be infinite (largest), -infinite (smallest) or 0 (how many are not 0).
/// The slope is 0 where the norm is 0.
inline Var norm(const Var& x, double p = 2, const Extents& dims = {}, bool keepdim = false) {
  const Reduction r(x.shape(), dims, "norm");
  if (std::isinf(p)) return p > 0 ? max(abs(x), dims, keepdim) : min(abs(x), dims, keepdim);
  const auto power = [p](auto v) {
    const auto a = std::abs(v), e = static_cast<decltype(v)>(p);
    return p == 2 ? v * v : p == 1 ? a : p == 0 ? decltype(v)(v != 0) : std::pow(a, e);
  };
  Tensor y = sum_to(pointwise("norm", power, x.value()), r.kept);
  if (p != 0 && p != 1) y = p == 2 ? sqrt(y) : pow(y, 1 / p);
  Saved saved(y);
  return record({&x}, y.reshape(r.result(keepdim)),
                [to = x.slot(), x = Saved(x), y = std::move(saved), p, kept = r.kept](
                    Gradients& gradients, const Tensor& dy) {
                  const auto slope = [p](auto d, auto v, auto total) {
                    using T = decltype(v);
                    const T direction = v > 0 ? T{1} : v < 0 ? T{-1} : v;
                    if (p == 0 || v == 0 || total == 0) return p == 1 ? d * direction : d * 0;
                    return d * direction * std::pow(std::abs(v) / total, static_cast<T>(p - 1));
                  };
                  gradients.add(to, pointwise("norm", slope, dy.reshape(kept), *x, *y));
                });
}

/// Sums of the elements up to each one, along a dimension.
inline Var cumsum(const Var& x, int dim, const ScanOptions& options = {}) {
  return record({&x}, cumsum(x.value(), dim, options),
                [to = x.slot(), dim, options](Gradients& gradients, const Tensor& dy) {
                  // Element i is in the totals behind it: the same sums from the other end.
                  gradients.add(to, cumsum(dy, dim, {options.exclusive, !options.reverse}));
                });
}

/// Products of the elements up to each one, along a dimension. Exact gradients also where elements
/// are 0.
inline Var cumprod(const Var& x, int dim) {
  Tensor y = cumprod(x.value(), dim);
  Saved saved(y);
  return record(
      {&x}, std::move(y),
      [to = x.slot(), x = Saved(x), y = std::move(saved), dim](Gradients& gradients,
                                                               const Tensor& dy) {
        // Up to the first 0 the products y hold x[i]: sum_{j >= i} dy[j] y[j] / x[i]. For the 0
        // itself they are made again without it. What comes behind is multiplied by 0.
        const auto slope = [](auto* out, Index n, const auto* d, const auto* v, const auto* p) {
          using T = std::remove_cvref_t<decltype(*out)>;
          const Index zero = std::find(v, v + n, T{0}) - v;
          double total = 0;
          for (Index i = zero; i-- > 0;) {
            total += static_cast<double>(d[i]) * static_cast<double>(p[i]);
            out[i] = static_cast<T>(total / static_cast<double>(v[i]));
          }
          if (zero == n) return;
          double others = zero == 0 ? 1 : static_cast<double>(p[zero - 1]);
          total = static_cast<double>(d[zero]) * others;
          for (Index i = zero + 1; i < n; ++i) {
            others *= static_cast<double>(v[i]);
            total += static_cast<double>(d[i]) * others;
          }
          out[zero] = static_cast<T>(total);
          std::fill(out + zero + 1, out + n, T{0});
        };
        gradients.add(to, map_rows("cumprod", slope, dim, dy, *x, *y));
      });
}

CFM_ISA_NAMESPACE_END
