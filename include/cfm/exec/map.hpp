#pragma once
/// @file  Lane-wise lambdas over arrays and tensors.

#include <cfm/exec/activation.hpp>
#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// Lane-wise and pure: batches in, a batch of the same type out. `[](auto x) { return relu(x); }`
template <class F, class T>
concept LaneFunction = Real<T> && requires(const F& f, Batch<T> b) {
  { f(b) } -> std::same_as<Batch<T>>;
};

/// The same of two batches.
template <class F, class T>
concept LaneFunction2 = Real<T> && requires(const F& f, Batch<T> b) {
  { f(b, b) } -> std::same_as<Batch<T>>;
};

namespace isa_detail {

// Whole batches. Not inlined, so that a tail runs the very same instructions as the rest.
template <class T, class F, class... X>
__attribute__((noinline)) void map_batches(Index n, const F& f, T* y, const X*... x) {
  constexpr Index lanes = Batch<T>::size;
  for (Index i = 0; i < n; i += lanes) f(Batch<T>::load_unaligned(x + i)...).store_unaligned(y + i);
}

// The tail goes through a padded batch: a value depends on its inputs alone, never on its position
// or on the length. The padding repeats the last input, so that f meets no foreign value.
template <class T, class F, class... X>
void map_chunk(Index n, const F& f, T* y, const X*... x) {
  constexpr Index lanes = Batch<T>::size;
  const Index full = n - n % lanes;
  map_batches(full, f, y, x...);
  if (full == n) return;
  const auto padded = [&](const T* from) {
    std::array<T, Batch<T>::count> out;
    for (Index i = 0; i < lanes; ++i)
      out[static_cast<std::size_t>(i)] = from[std::min(full + i, n - 1)];
    return out;
  };
  [&](auto... in) {  // by value: each lives until its pointer has been used
    std::array<T, Batch<T>::count> out;
    map_batches(lanes, f, out.data(), in.data()...);
    std::copy_n(out.data(), n - full, y + full);
  }(padded(x)...);
}

template <class T, class F, class... X>
void map_flat(Index n, const F& f, T* y, const X*... x) {
  constexpr Index arrays = 1 + static_cast<Index>(sizeof...(X));
  constexpr Index grain = grain_for(arrays * static_cast<Index>(sizeof(T))) / 64 * 64;
  parallel_for(n, grain, [&](Index begin, Index end) {
    map_chunk(end - begin, f, y + begin, (x + begin)...);
  });
}

}  // namespace isa_detail

/// y[i] = f(x[i])
///
/// Shapes:  x [n], y [n]; contiguous; they may be the same memory.
/// Order:   each value depends on its input alone: same bits at any position, length, threads.
/// Errors:  ShapeError if the lengths differ or a stride is not 1.
template <class T, LaneFunction<T> F>
void map(In<T, 1> x, View<T, 1> y, const F& f) {
  CFM_CHECK(x.extent[0] == y.extent[0], "map: x and y must have the same length", x, y);
  CFM_CHECK(x.contiguous() && y.contiguous(), "map: x and y must be contiguous", x, y);
  isa_detail::map_flat(y.extent[0], f, y.data, x.data);
}

/// y[i] = f(a[i], b[i]), under the same conditions.
template <class T, LaneFunction2<T> F>
void zip_map(In<T, 1> a, In<T, 1> b, View<T, 1> y, const F& f) {
  CFM_CHECK(a.extent[0] == y.extent[0] && b.extent[0] == y.extent[0],
            "zip_map: a, b and y must have the same length", a, b, y);
  CFM_CHECK(a.contiguous() && b.contiguous() && y.contiguous(),
            "zip_map: a, b and y must be contiguous", a, b, y);
  isa_detail::map_flat(y.extent[0], f, y.data, a.data, b.data);
}

namespace isa_detail {

// A function that is written for f32 only, say, is an error for the other type at run time.
template <class F>
concept SomeLaneFunction = LaneFunction<F, float> || LaneFunction<F, double>;
template <class F>
concept SomeLaneFunction2 = LaneFunction2<F, float> || LaneFunction2<F, double>;

}  // namespace isa_detail

/// The tensor of f(x) for each element.   Shapes:  that of x, which may have any strides.
/// Errors:  TypeError unless x is f32 or f64 and f accepts that type.
template <isa_detail::SomeLaneFunction F>
Tensor map(const Tensor& x, const F& f) {
  const Tensor dense = x.contiguous();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  visit_real(x.dtype(), "map", [&]<class T>(std::type_identity<T>) {
    if constexpr (LaneFunction<F, T>)
      isa_detail::map_flat(y.size(), f, y.data<T>(), dense.data<T>());
    else
      throw_error<TypeError>("map: the function does not take ", x.dtype());
  });
  return y;
}

/// The tensor of f(a, b) for each pair of elements, after broadcasting.
/// Errors:  TypeError unless both are f32 or both are f64 and f accepts that type; ShapeError if
///          the shapes do not broadcast.
template <isa_detail::SomeLaneFunction2 F>
Tensor zip_map(const Tensor& a, const Tensor& b, const F& f) {
  CFM_CHECK(a.dtype() == b.dtype(), "zip_map: both tensors must have the same type", a, b,
            a.dtype());
  const Shape shape = broadcast(a.shape(), b.shape());
  const Tensor p = a.expand(shape).contiguous(), q = b.expand(shape).contiguous();
  Tensor y = Tensor::empty(shape, a.dtype());
  visit_real(a.dtype(), "zip_map", [&]<class T>(std::type_identity<T>) {
    if constexpr (LaneFunction2<F, T>)
      isa_detail::map_flat(y.size(), f, y.data<T>(), p.data<T>(), q.data<T>());
    else
      throw_error<TypeError>("zip_map: the function does not take ", a.dtype());
  });
  return y;
}

CFM_ISA_NAMESPACE_END
