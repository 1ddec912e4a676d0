/// @file  Running sums and products of a row, and of the columns of a matrix.
#ifndef CFM_KERNELS_SCAN_INL_HPP_
#define CFM_KERNELS_SCAN_INL_HPP_
#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Rows of columns that are scanned side by side. `x` and `out` point to the first row in the order
// of the scan, and a stride is negative for a scan from the back.
template <class T>
struct ScanColumns {
  const T* x;
  Index x_stride;
  T* out;
  Index out_stride;
  Index rows;
  Index width;
  bool exclusive;
  bool past;  // the caches, as put_some()
};

inline constexpr Index scan_columns_block = 256;  // totals of so many columns at a time: 2 KiB

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/reduce-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_SCAN_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_SCAN_TARGET
#undef CFM_KERNELS_SCAN_TARGET
#else
#define CFM_KERNELS_SCAN_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// Elements a, b, c, d behind a total t are folded as t a, t (a b), t (a (b c)), t ((a b) (c d)):
// the chain from one total to the next is one operation for four elements. One element or four,
// with vectors or without, rows or columns: always these, so the bits are always the same.

// Elements [0, count) of four, `step` apart.
template <class Fold, class T>
inline void scan_few(Fold, const T* x, T* out, Index step, Index count, double& total,
                     bool exclusive) {
  constexpr double identity = detail::fold_identity<Fold, double>();
  double v[4] = {identity, identity, identity, identity};
  for (Index i = 0; i < count; ++i) v[i] = static_cast<double>(x[i * step]);
  const auto f = [](double a, double b) { return detail::fold<Fold>(a, b); };
  const double ab = f(v[0], v[1]);
  const double after[] = {v[0], ab, f(v[0], f(v[1], v[2])), f(ab, f(v[2], v[3]))};
  double sums[5] = {total};
  for (Index i = 0; i < 4; ++i) sums[i + 1] = f(total, after[i]);
  for (Index i = 0; i < count; ++i)
    out[i * step] = static_cast<T>(sums[exclusive ? i : i + 1]);
  total = sums[count];
}

template <class D>
HWY_INLINE hn::Vec<D> load_doubles(D d, const float* p) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), p));
}
template <class D>
HWY_INLINE hn::Vec<D> load_doubles(D d, const double* p) {
  return hn::LoadU(d, p);
}
template <class D>
HWY_INLINE void store_from_doubles(D d, hn::Vec<D> v, float* p, bool past) {
  const hn::Rebind<float, D> narrow;
  put_some(narrow, hn::DemoteTo(narrow, v), p, static_cast<Index>(hn::Lanes(d)), past);
}
template <class D>
HWY_INLINE void store_from_doubles(D d, hn::Vec<D> v, double* p, bool past) {
  put_some(d, v, p, static_cast<Index>(hn::Lanes(d)), past);
}

#if HWY_TARGET != HWY_SCALAR
// Whole groups of four in one register; returns how many elements it did.
template <class Fold, class T, class D>
inline Index scan_groups(D d, const T* x, T* out, Index n, double& total, bool exclusive,
                         bool reverse) {
  alignas(32) static constexpr std::int64_t places[] = {0, 0, 1, 2, 3, 3, 3, 3};
  const auto down = hn::SetTableIndices(d, places), last = hn::SetTableIndices(d, places + 4);
  const auto identity = hn::Set(d, detail::fold_identity<Fold, double>());
  const auto first = hn::FirstN(d, 1);
  const auto behind = [&](hn::Vec<D> v) HWY_ATTR {
    return hn::IfThenElse(first, identity, hn::TableLookupLanes(v, down));
  };
  auto sum = hn::Set(d, total);
  Index i = 0;
  for (; i + 4 <= n; i += 4) {
    const Index at = reverse ? n - 4 - i : i;
    auto v = load_doubles(d, x + at);
    if (reverse) v = hn::Reverse(d, v);
    v = fold_lanes<Fold>(d, behind(v), v);
    v = fold_lanes<Fold>(d, hn::ConcatLowerLower(d, v, identity), v);
    auto y = fold_lanes<Fold>(d, sum, exclusive ? behind(v) : v);
    if (reverse) y = hn::Reverse(d, y);
    store_from_doubles(d, y, out + at, false);
    sum = fold_lanes<Fold>(d, sum, hn::TableLookupLanes(v, last));
  }
  total = hn::GetLane(sum);
  return i;
}
#endif

// out[i] = x[0] .. x[i], or x[0] .. x[i - 1]; from the other end with `reverse`.
template <class Fold, class T>
inline void scan_row(Fold fold, const T* x, T* out, Index n, bool exclusive, bool reverse) {
  double total = detail::fold_identity<Fold, double>();
  Index i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<double, 4> d;
  if constexpr (hn::MaxLanes(hn::CappedTag<double, 4>()) == 4)
    i = scan_groups<Fold>(d, x, out, n, total, exclusive, reverse);
#endif
  const Index step = reverse ? -1 : 1;
  for (; i < n; i += 4) {
    const Index at = reverse ? n - 1 - i : i;
    scan_few(fold, x + at, out + at, step, n - i < 4 ? n - i : 4, total, exclusive);
  }
}

// The same down the columns.
template <class Fold, class T>
inline void scan_columns(Fold fold, const detail::ScanColumns<T>& a) {
  const hn::ScalableTag<double> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const auto f = [&](auto p, auto q) HWY_ATTR { return fold_lanes<Fold>(d, p, q); };
  double totals[detail::scan_columns_block];
  for (Index c = 0; c < a.width; ++c) totals[c] = detail::fold_identity<Fold, double>();
  Index r = 0;
  for (; r + 4 <= a.rows; r += 4) {
    const T* const x = a.x + r * a.x_stride;
    // Rows are pages apart: the processor's own prefetching does not follow.
    const Index ahead = r + 12 <= a.rows ? 8 * a.x_stride : 0;
    T* const out = a.out + r * a.out_stride;
    T* const shifted = a.exclusive ? out + a.out_stride : out;
    Index c = 0;
    for (; c + lanes <= a.width; c += lanes) {
      const auto v0 = load_doubles(d, x + c), v1 = load_doubles(d, x + a.x_stride + c);
      const auto v2 = load_doubles(d, x + 2 * a.x_stride + c);
      const auto v3 = load_doubles(d, x + 3 * a.x_stride + c);
      const auto total = hn::LoadU(d, totals + c), two = f(v0, v1);
      if (c % (64 / Index{sizeof(T)}) == 0 && ahead != 0)
        for (Index i = 0; i < 4; ++i) hwy::Prefetch(x + ahead + i * a.x_stride + c);
      if (a.exclusive) store_from_doubles(d, total, out + c, a.past);
      store_from_doubles(d, f(total, v0), shifted + c, a.past);
      store_from_doubles(d, f(total, two), shifted + a.out_stride + c, a.past);
      store_from_doubles(d, f(total, f(v0, f(v1, v2))), shifted + 2 * a.out_stride + c, a.past);
      const auto all = f(total, f(two, f(v2, v3)));
      if (!a.exclusive) store_from_doubles(d, all, shifted + 3 * a.out_stride + c, a.past);
      hn::StoreU(all, d, totals + c);
    }
    for (; c < a.width; ++c) {
      T in[4], result[4];
      for (Index i = 0; i < 4; ++i) in[i] = x[i * a.x_stride + c];
      scan_few(fold, in, result, 1, 4, totals[c], a.exclusive);
      for (Index i = 0; i < 4; ++i) out[i * a.out_stride + c] = result[i];
    }
  }
  if (r == a.rows) return;
  for (Index c = 0; c < a.width; ++c) {
    T in[4], result[4];
    for (Index i = 0; i < a.rows - r; ++i) in[i] = a.x[(r + i) * a.x_stride + c];
    scan_few(fold, in, result, 1, a.rows - r, totals[c], a.exclusive);
    for (Index i = 0; i < a.rows - r; ++i) a.out[(r + i) * a.out_stride + c] = result[i];
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_SCAN) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(class, void, scan_row,
            (Of fold, const T* x, T* out, Index n, bool exclusive, bool reverse),
            (fold, x, out, n, exclusive, reverse))
CFM_BODY_FOR(scan_row, detail::FoldSum)
CFM_BODY_FOR(scan_row, detail::FoldProduct)
CFM_BODY_OF(class, void, scan_columns, (Of fold, const detail::ScanColumns<T>& a), (fold, a))
CFM_BODY_FOR(scan_columns, detail::FoldSum)
CFM_BODY_FOR(scan_columns, detail::FoldProduct)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
