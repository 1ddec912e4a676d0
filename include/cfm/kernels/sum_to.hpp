#pragma once
/// @file  Undoing a broadcast: sums over the dimensions that it stretched.

#include <algorithm>

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// Sums are made in two steps, runs of at most this many numbers and then over the runs, so that
// rounding errors grow with the square root of the count. A constant: the order of a sum depends on
// its length alone.
inline constexpr Index sum_run = 256;

// out[c] = sum over rows of x[r, c]; rows <= sum_run.
template <class T>
void add_rows(const T* x, Index rows, Index cols, T* out) {
  std::copy(x, x + cols, out);
  for (Index r = 1; r < rows; ++r)
    for (Index c = 0; c < cols; ++c) out[c] += x[r * cols + c];
}

template <class T>
T add_run(const T* x, Index n) {
  T lane[8] = {};
  Index i = 0;
  for (; i + 8 <= n; i += 8)
    for (Index k = 0; k < 8; ++k) lane[k] += x[i + k];
  for (; i < n; ++i) lane[i % 8] += x[i];
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

// x [rows, cols], dense, rows > 0  ->  [cols]
template <class T>
Tensor sum_columns(Tensor x, Index rows, Index cols) {
  while (true) {
    const Index runs = (rows + sum_run - 1) / sum_run;
    Tensor out = Tensor::empty({runs, cols}, x.dtype());
    const T* const source = std::as_const(x).data<T>();
    T* const target = out.data<T>();
    const Index grain = grain_for(std::min(rows, sum_run) * cols * static_cast<Index>(sizeof(T)));
    parallel_for(runs, grain, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k)
        add_rows(source + k * sum_run * cols, std::min(sum_run, rows - k * sum_run), cols,
                 target + k * cols);
    });
    if (runs == 1) return out;
    x = std::move(out);
    rows = runs;
  }
}

// x [rows, cols], dense, cols > 0  ->  [rows]
template <class T>
Tensor sum_rows(Tensor x, Index rows, Index cols) {
  while (true) {
    const Index runs = (cols + sum_run - 1) / sum_run;
    Tensor out = Tensor::empty({rows, runs}, x.dtype());
    const T* const source = std::as_const(x).data<T>();
    T* const target = out.data<T>();
    const Index grain = grain_for(std::min(cols, sum_run) * static_cast<Index>(sizeof(T)));
    parallel_for(rows * runs, grain, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        const Index at = k % runs * sum_run;
        target[k] = add_run(source + k / runs * cols + at, std::min(sum_run, cols - at));
      }
    });
    if (runs == 1) return out;
    x = std::move(out);
    cols = runs;
  }
}

}  // namespace isa_detail

/// The sum of `x` over the dimensions in which `shape`, aligned at the back, has 1 or nothing: the
/// gradient of expand. Gives `x` itself where there is nothing to sum.
/// Order:   a sum's order depends on the extents only: same bits for any number of threads.
/// Errors:  ShapeError if `shape` does not broadcast to the shape of x, TypeError unless f32 or f64.
inline Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank();
  CFM_CHECK(extra >= 0, "sum_to: cannot add dimensions", x, shape);
  Extents kept, summed, order;
  Index rows = 1, cols = 1;  // kept and summed elements
  bool front = true;         // all summed dimensions come before all kept ones
  for (int d = 0; d < x.rank(); ++d) {
    const Index want = d < extra ? 1 : shape[d - extra];
    CFM_CHECK(want == x.shape()[d] || want == 1, "sum_to: the shape does not broadcast", x, shape);
    if (x.shape()[d] == 1) continue;
    if (want == 1) {
      summed.push_back(d);
      cols *= x.shape()[d];
      front = front && kept.rank() == 0;
    } else {
      kept.push_back(d);
      rows *= x.shape()[d];
    }
  }
  if (summed.rank() == 0) return x.reshape(shape);
  if (rows == 0 || cols == 0) return Tensor::zeros(shape, x.dtype());
  return visit_real(x.dtype(), "sum_to", [&]<class T>(std::type_identity<T>) {
    if (front) return isa_detail::sum_columns<T>(x.contiguous(), cols, rows).reshape(shape);
    for (Index d : kept) order.push_back(d);
    for (Index d : summed) order.push_back(d);
    for (int d = 0; d < x.rank(); ++d)
      if (x.shape()[d] == 1) order.push_back(d);
    return isa_detail::sum_rows<T>(x.permute(order).contiguous(), rows, cols).reshape(shape);
  });
}

/// sum += x, element by element, in the memory of `sum`.   Shapes:  x broadcasts to that of sum.
inline void accumulate(Tensor& sum, const Tensor& x) {
  CFM_CHECK(sum.dtype() == x.dtype(), "accumulate: the operands differ in type", sum.dtype(),
            x.dtype());
  CFM_CHECK(sum.is_contiguous(), "accumulate: needs a contiguous sum", sum);
  const Tensor more = x.expand(sum.shape()).contiguous();
  visit_real(sum.dtype(), "accumulate", [&]<class T>(std::type_identity<T>) {
    T* const target = sum.data<T>();
    const T* const source = more.data<T>();
    parallel_for(sum.size(), grain_for(3 * sizeof(T)), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) target[i] += source[i];
    });
  });
}

CFM_ISA_NAMESPACE_END
