#pragma once
/// @file  Running sums and products along a dimension.

#include <cstdint>

#include <cfm/kernels/detail/integer.hpp>
#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/detail/rows.hpp>
#include <cfm/kernels/scan-inl.hpp>

CFM_NAMESPACE_BEGIN

/// Which elements the i-th running total holds, and from which end.
struct ScanOptions {
  bool exclusive = false;  ///< those before the i-th alone: it starts with 0 (sum) or 1 (product)
  bool reverse = false;    ///< from the last element to the first
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// x and out are [outer, n, inner], dense, one after the other along n.
struct ScanPlan {
  Index outer = 1, n = 1, inner = 1;

  ScanPlan(const Shape& shape, int dim) : n(shape.rank() == 0 ? 1 : shape[dim]) {
    for (int d = 0; d < shape.rank(); ++d)
      if (d != dim) (d < dim ? outer : inner) *= shape[d];
  }
};

template <class Fold, Real T>
void scan_dense(const ScanPlan& plan, const T* x, T* out, const ScanOptions& options) {
  const auto [outer, n, inner] = plan;
  if (inner == 1) {
    const Index length = n;
    return detail::for_each_row(outer, 2 * n * Index{sizeof(T)}, [=](Index r) {
      CFM_CALL(scan_row)
      (Fold{}, x + r * length, out + r * length, length, options.exclusive, options.reverse);
    });
  }
  const Index blocks = (inner + detail::scan_columns_block - 1) / detail::scan_columns_block;
  const Index width = inner, rows = n, step = options.reverse ? -inner : inner;
  const bool past = past_cache(out, outer * n, inner, inner);
  for_rows_past_cache(
      outer * blocks, 2 * n * std::min(inner, detail::scan_columns_block) * Index{sizeof(T)}, past,
      [=](Index b) {
        const Index first = b % blocks * detail::scan_columns_block;
        const Index at =
            b / blocks * rows * width + first + (options.reverse ? (rows - 1) * width : 0);
        CFM_CALL(scan_columns)
        (Fold{}, detail::ScanColumns<T>{x + at, step, out + at, step, rows,
                                        std::min(detail::scan_columns_block, width - first),
                                        options.exclusive, past});
      });
}

// Integers wrap around, so any order gives the same.
template <class Fold, class From, class To>
void scan_integers(const ScanPlan& plan, const From* x, To* out, const ScanOptions& options) {
  const Index n = plan.n, inner = plan.inner;
  parallel_for(plan.outer, grain_for(n * inner * Index{sizeof(To)}), [=](Index begin, Index end) {
    for (Index o = begin; o < end; ++o)
      for (Index c = 0; c < inner; ++c) {
        auto total = detail::fold_identity<Fold, std::uint64_t>();
        for (Index i = 0; i < n; ++i) {
          const Index at = (o * n + (options.reverse ? n - 1 - i : i)) * inner + c;
          const auto more = detail::fold<Fold>(total, static_cast<std::uint64_t>(x[at]));
          out[at] = static_cast<To>(options.exclusive ? total : more);
          total = more;
        }
      }
  });
}

template <class Fold>
Tensor scan(std::string_view op, const Tensor& x, int dim, const ScanOptions& options) {
  const ScanPlan plan(x.shape(), normalize_dim(dim, x.rank(), op));
  const Tensor dense = x.contiguous();
  if (is_floating(x.dtype()))
    return visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
      Tensor out = Tensor::empty_like(dense);
      if (out.size() > 0) scan_dense<Fold>(plan, dense.data<T>(), out.data<T>(), options);
      return out;
    });
  const bool is_unsigned = x.dtype() == DType::u64;
  Tensor out = Tensor::empty(x.shape(), is_unsigned ? DType::u64 : DType::i64);
  if (out.size() == 0) return out;
  if (x.dtype() == DType::i32) {
    scan_integers<Fold>(plan, dense.data<std::int32_t>(), out.data<std::int64_t>(), options);
  } else if (is_unsigned) {
    scan_integers<Fold>(plan, dense.data<std::uint64_t>(), out.data<std::uint64_t>(), options);
  } else {
    const Tensor wide = dense.to(DType::i64);
    scan_integers<Fold>(plan, std::as_const(wide).data<std::int64_t>(), out.data<std::int64_t>(),
                        options);
  }
  return out;
}

template <class Fold, class T>
void scan_rows(std::string_view op, In<T, 2> x, View<T, 2> out, const ScanOptions& options) {
  detail::check_rows(op, x, out);
  detail::for_each_row(x.rows(), 2 * x.cols() * Index{sizeof(T)}, [&](Index r) {
    CFM_CALL(scan_row)
    (Fold{}, x.row(r), out.row(r), x.cols(), options.exclusive, options.reverse);
  });
}

}  // namespace isa_detail

/// out[r, i] = x[r, 0] + .. + x[r, i]
///
/// Shapes:  x [rows, n], out [rows, n]; last stride 1; out may be x itself.
/// Order:   f32 and f64 in double, four elements folded before they meet the total (f64 near its
///          limits may overflow where one by one would not): the same bits
///          for rows and columns, any target and any number of threads.
/// Errors:  ShapeError if the shapes differ.
template <Real T>
void cumsum_rows(In<T, 2> x, View<T, 2> out, const ScanOptions& options = {}) {
  isa_detail::scan_rows<detail::FoldSum, T>("cumsum_rows", x, out, options);
}

/// out[r, i] = x[r, 0] .. x[r, i], as cumsum_rows.
template <Real T>
void cumprod_rows(In<T, 2> x, View<T, 2> out, const ScanOptions& options = {}) {
  isa_detail::scan_rows<detail::FoldProduct, T>("cumprod_rows", x, out, options);
}

/// Running sums along a dimension, without moving it: out[.., i, ..] = x[.., 0, ..] + .. +
/// x[.., i, ..]. Integers and bools give i64 (u64 for u64) that wraps around.
/// Order:   as cumsum_rows.
/// Errors:  ShapeError for a dimension that is not there, TypeError for bf16, f16 and fp8.
inline Tensor cumsum(const Tensor& x, int dim, const ScanOptions& options = {}) {
  return isa_detail::scan<detail::FoldSum>("cumsum", x, dim, options);
}

/// Running products along a dimension, as cumsum.
inline Tensor cumprod(const Tensor& x, int dim, const ScanOptions& options = {}) {
  return isa_detail::scan<detail::FoldProduct>("cumprod", x, dim, options);
}

CFM_ISA_NAMESPACE_END
