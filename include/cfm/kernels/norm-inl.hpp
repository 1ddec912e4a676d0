/// @file  Normalisation of one row, and of the columns of a block of rows; forward and backward.
/// Source:  J. Ba et al., "Layer Normalization", 2016; B. Zhang and R. Sennrich, "Root Mean Square
///          Layer Normalization", NeurIPS 2019; S. Ioffe and C. Szegedy, "Batch Normalization",
///          ICML 2015.
#ifndef CFM_KERNELS_NORM_INL_HPP_
#define CFM_KERNELS_NORM_INL_HPP_
#include <cmath>

#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

template <class T>
struct RowMoments {
  T mean, inv_std;
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/reduce-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_NORM_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_NORM_TARGET
#undef CFM_KERNELS_NORM_TARGET
#else
#define CFM_KERNELS_NORM_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The elements of an optional vector, or `missing` everywhere.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_or(D d, const T* p, Index i, Index count, hn::Vec<D> missing) {
  return p != nullptr ? load_some(d, p + i, count) : missing;
}

// Two passes: the second sums squares of deviations, so a large mean costs no digits. The mean
// itself is rounded: its error, the mean of the deviations, is taken out as well. `next` is the row
// to come, or null.
template <class T>
inline detail::RowMoments<T> row_moments(const T* x, Index n, T eps, const T* next) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const T mean = reduce_row(detail::FoldSum{}, x, n) / static_cast<T>(n);
  const auto shift = hn::Set(d, mean);
  auto s0 = hn::Zero(d), s1 = s0, q0 = s0, q1 = s0;
  Index i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    fetch_next(next, i);
    const auto a = hn::Sub(hn::LoadU(d, x + i), shift);
    const auto b = hn::Sub(hn::LoadU(d, x + i + lanes), shift);
    s0 = hn::Add(s0, a);
    s1 = hn::Add(s1, b);
    q0 = hn::MulAdd(a, a, q0);
    q1 = hn::MulAdd(b, b, q1);
  }
  for (; i < n; i += lanes) {
    const Index count = n - i < lanes ? n - i : lanes;
    auto a = hn::Sub(load_some(d, x + i, count), shift);
    if (count < lanes) a = keep_n(d, a, count, hn::Zero(d));
    s0 = hn::Add(s0, a);
    q0 = hn::MulAdd(a, a, q0);
  }
  const T rest = sum_lanes(d, hn::Add(s0, s1)) / static_cast<T>(n);
  const T variance = sum_lanes(d, hn::Add(q0, q1)) / static_cast<T>(n) - rest * rest;
  // Rounding may leave less than nothing of a long row of equals; NaN stays.
  return {mean + rest, T{1} / std::sqrt((variance < T{0} ? T{0} : variance) + eps)};
}

// out = (x - mean) scale gain + bias
template <class T>
inline void normalize_row(const T* x, const T* gain, const T* bias, T* out, Index n, T mean,
                          T scale, bool past, const T* next) {
  const hn::ScalableTag<T> d;
  const auto shift = hn::Set(d, mean), factor = hn::Set(d, scale), one = hn::Set(d, T{1});
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    fetch_next(next, i);
    const auto v = hn::Mul(hn::Sub(load_some(d, x + i, count), shift), factor);
    const auto y = hn::MulAdd(v, load_or(d, gain, i, count, one),
                              load_or(d, bias, i, count, hn::Zero(d)));
    put_some(d, y, out + i, count, past);
  });
}

// dx = beta dx + scale (g - mean(g) - v mean(g v)) with v = (x - mean) scale and g = dy gain;
// dgain += dy v, dbias += dy. Outputs may be null. The RMS norm has no mean to take out: `centered`
// is false and mean is 0. The row is read from memory once: the second pass finds it in the cache.
template <class T>
inline void normalize_row_back(const T* dy, const T* x, const T* gain, T* dx, Index n, T mean,
                               T scale, bool centered, T beta, T* dgain, T* dbias, bool past) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const auto shift = hn::Set(d, mean), factor = hn::Set(d, scale), one = hn::Set(d, T{1});
  auto a0 = hn::Zero(d), a1 = a0, l0 = a0, l1 = a0;
  const auto add_up = [&](Index i, Index count, auto& along, auto& level) CFM_LANES {
    const auto v = hn::Mul(hn::Sub(load_some(d, x + i, count), shift), factor);
    const auto g = hn::Mul(load_some(d, dy + i, count), load_or(d, gain, i, count, one));
    along = hn::MulAdd(g, v, along);  // g is 0 in lanes that are not there
    level = hn::Add(level, g);
  };
  if (dx != nullptr) {
    Index i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
      add_up(i, lanes, a0, l0);
      add_up(i + lanes, lanes, a1, l1);
    }
    for (; i < n; i += lanes) add_up(i, n - i < lanes ? n - i : lanes, a0, l0);
  }
  const auto va = hn::Set(d, sum_lanes(d, hn::Add(a0, a1)) / static_cast<T>(n));
  const auto vl = hn::Set(d, centered ? sum_lanes(d, hn::Add(l0, l1)) / static_cast<T>(n) : T{0});
  const auto keep = hn::Set(d, beta);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto v = hn::Mul(hn::Sub(load_some(d, x + i, count), shift), factor);
    const auto g = load_some(d, dy + i, count);
    if (dgain != nullptr)
      store_some(d, hn::MulAdd(g, v, load_some(d, dgain + i, count)), dgain + i, count);
    if (dbias != nullptr)
      store_some(d, hn::Add(g, load_some(d, dbias + i, count)), dbias + i, count);
    if (dx == nullptr) return;
    const auto scaled = hn::Mul(g, load_or(d, gain, i, count, one));
    auto out = hn::Mul(hn::NegMulAdd(v, va, hn::Sub(scaled, vl)), factor);
    if (beta != T{0}) out = hn::MulAdd(keep, load_some(d, dx + i, count), out);
    put_some(d, out, dx + i, count, past);
  });
}

// 1 / sqrt(mean(x^2) + eps)
template <class T>
inline T inverse_rms_row(const T* x, Index n, T eps) {
  const hn::ScalableTag<T> d;
  const T squares = fold_row<detail::FoldSum, T>(n, [&](Index i, Index count) CFM_LANES {
    const auto v = load_some(d, x + i, count);
    return hn::Mul(v, v);
  });
  return T{1} / std::sqrt(squares / static_cast<T>(n) + eps);
}

// f(vector at (row r, column c), count) for all rows of a block, four rows at a time: rows are read
// from first to last, and what is kept by column stays in the first-level cache.
template <class T, class F>
HWY_INLINE void by_four_rows(Index rows, Index n, const F& f) {
  for (Index r = 0; r < rows; r += 4)
    each_vector<T>(n, [&](Index c, Index count) CFM_LANES {
      f(r, rows - r < 4 ? rows : r + 4, c, count);
    });
}

// sums[c] += sum over rows of (x - shift[c]), squares[c] += of (x - shift[c])^2
template <class T>
inline void column_moments(const T* x, Index x_row, Index rows, const T* shift, T* sums, T* squares,
                           Index n) {
  const hn::ScalableTag<T> d;
  by_four_rows<T>(rows, n, [&](Index begin, Index end, Index c, Index count) CFM_LANES {
    const auto m = load_some(d, shift + c, count);
    auto s = load_some(d, sums + c, count), q = load_some(d, squares + c, count);
    for (Index r = begin; r < end; ++r) {
      const auto v = hn::Sub(load_some(d, x + r * x_row + c, count), m);
      s = hn::Add(s, v);
      q = hn::MulAdd(v, v, q);
    }
    store_some(d, s, sums + c, count);
    store_some(d, q, squares + c, count);
  });
}

// out = (x - mean) scale gain + bias, with mean and scale of each column.
template <class T>
inline void normalize_columns(const T* x, const T* mean, const T* scale, const T* gain,
                              const T* bias, T* out, Index n, bool past) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Set(d, T{1});
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto v = hn::Mul(hn::Sub(load_some(d, x + i, count), load_some(d, mean + i, count)),
                           load_some(d, scale + i, count));
    const auto y = hn::MulAdd(v, load_or(d, gain, i, count, one),
                              load_or(d, bias, i, count, hn::Zero(d)));
    put_some(d, y, out + i, count, past);
  });
}

// sums of dy and of dy v over rows, v = (x - mean) scale by column.
template <class T>
inline void column_grads(const T* dy, Index dy_row, const T* x, Index x_row, Index rows,
                         const T* mean, const T* scale, T* dgain, T* dbias, Index n) {
  const hn::ScalableTag<T> d;
  by_four_rows<T>(rows, n, [&](Index begin, Index end, Index c, Index count) CFM_LANES {
    const auto m = load_some(d, mean + c, count), f = load_some(d, scale + c, count);
    auto sg = load_some(d, dgain + c, count), sb = load_some(d, dbias + c, count);
    for (Index r = begin; r < end; ++r) {
      const auto g = load_some(d, dy + r * dy_row + c, count);
      const auto v = hn::Mul(hn::Sub(load_some(d, x + r * x_row + c, count), m), f);
      sg = hn::MulAdd(g, v, sg);
      sb = hn::Add(sb, g);
    }
    store_some(d, sg, dgain + c, count);
    store_some(d, sb, dbias + c, count);
  });
}

// dx = beta dx + gain scale (dy - level - v along), level and along the means of dy and dy v.
template <class T>
inline void normalize_columns_back(const T* dy, const T* x, const T* mean, const T* scale,
                                   const T* gain, const T* along, const T* level, T* dx, Index n,
                                   T beta) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Set(d, T{1}), keep = hn::Set(d, beta);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto f = load_some(d, scale + i, count);
    const auto v = hn::Mul(hn::Sub(load_some(d, x + i, count), load_some(d, mean + i, count)), f);
    auto g = hn::Sub(load_some(d, dy + i, count), load_some(d, level + i, count));
    g = hn::NegMulAdd(v, load_some(d, along + i, count), g);
    auto out = hn::Mul(g, hn::Mul(f, load_or(d, gain, i, count, one)));
    if (beta != T{0}) out = hn::MulAdd(keep, load_some(d, dx + i, count), out);
    store_some(d, out, dx + i, count);
  });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_NORM) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(detail::RowMoments<T>, row_moments, (const T* x, Index n, T eps, const T* next),
         (x, n, eps, next))
CFM_BODY(void, normalize_row,
         (const T* x, const T* gain, const T* bias, T* out, Index n, T mean, T scale, bool past,
          const T* next), (x, gain, bias, out, n, mean, scale, past, next))
CFM_BODY(void, normalize_row_back,
         (const T* dy, const T* x, const T* gain, T* dx, Index n, T mean, T scale, bool centered,
          T beta, T* dgain, T* dbias, bool past),
         (dy, x, gain, dx, n, mean, scale, centered, beta, dgain, dbias, past))
CFM_BODY(T, inverse_rms_row, (const T* x, Index n, T eps), (x, n, eps))
CFM_BODY(void, column_moments,
         (const T* x, Index x_row, Index rows, const T* shift, T* sums, T* squares, Index n),
         (x, x_row, rows, shift, sums, squares, n))
CFM_BODY(void, normalize_columns,
         (const T* x, const T* mean, const T* scale, const T* gain, const T* bias, T* out, Index n,
          bool past), (x, mean, scale, gain, bias, out, n, past))
CFM_BODY(void, column_grads,
         (const T* dy, Index dy_row, const T* x, Index x_row, Index rows, const T* mean,
          const T* scale, T* dgain, T* dbias, Index n),
         (dy, dy_row, x, x_row, rows, mean, scale, dgain, dbias, n))
CFM_BODY(void, normalize_columns_back,
         (const T* dy, const T* x, const T* mean, const T* scale, const T* gain, const T* along,
          const T* level, T* dx, Index n, T beta),
         (dy, x, mean, scale, gain, along, level, dx, n, beta))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
