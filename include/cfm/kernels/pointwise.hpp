#pragma once
/// @file  A scalar function applied to every element of broadcast tensors.

#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <tuple>
#include <utility>

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// The rows of a broadcast operation: dimensions that are dense in all operands are merged, the
// result is dense. Strides are in elements, operand by operand.
struct PointwisePlan {
  static constexpr std::size_t max_inputs = 5;

  // out[0 .. n) from the inputs, which advance by `step` elements.
  using Run = void (*)(const void* f, std::byte* out, const std::byte* const* in, const Index* step,
                       Index n);

  Extents extent;
  std::array<Strides, max_inputs> stride;
  std::array<const std::byte*, max_inputs> data{};
  std::array<Index, max_inputs> bytes{};  // of an element
  std::size_t inputs = 0;

  void add(const Tensor& x, const Shape& shape) {
    const Tensor wide = x.shape() == shape ? x : x.expand(shape);
    stride[inputs] = wide.strides();
    data[inputs] = static_cast<const std::byte*>(wide.address());
    bytes[inputs++] = size_of(x.dtype());
  }

  void merge(const Shape& shape) {
    int last = -1;
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape[d] == 1) continue;
      bool dense = last >= 0;
      for (std::size_t k = 0; k < inputs; ++k)
        dense = dense && stride[k][last] == stride[k][d] * shape[d];
      if (!dense) {
        ++last;
        if (extent.rank() == last) extent.push_back(1);
      }
      extent[last] *= shape[d];
      for (std::size_t k = 0; k < inputs; ++k) stride[k][last] = stride[k][d];
    }
    if (last < 0) {
      extent.push_back(1);
      for (std::size_t k = 0; k < inputs; ++k) stride[k] = Strides{1};
    }
  }

  // Elements [begin, end) of the result.
  void run_chunk(Run run, const void* f, std::byte* out, Index out_bytes, Index begin,
                 Index end) const {
    const int inner = extent.rank() - 1;
    Index index[max_rank] = {};
    Index rest = begin;
    for (int d = inner; d >= 0; --d) {
      index[d] = rest % extent[d];
      rest /= extent[d];
    }
    while (begin < end) {
      const Index n = std::min(extent[inner] - index[inner], end - begin);
      const std::byte* in[max_inputs];
      Index step[max_inputs];
      for (std::size_t k = 0; k < inputs; ++k) {
        Index at = 0;
        for (int d = 0; d <= inner; ++d) at += index[d] * stride[k][d];
        in[k] = data[k] + at * bytes[k];
        step[k] = stride[k][inner];
      }
      run(f, out + begin * out_bytes, in, step, n);
      begin += n;
      index[inner] += n;
      for (int d = inner; d > 0 && index[d] == extent[d]; --d) {
        index[d] = 0;
        ++index[d - 1];
      }
    }
  }
};

// Out of the templates below: compiled once for all functions.
inline void run_pointwise(const PointwisePlan& plan, PointwisePlan::Run run, const void* f,
                          std::byte* out, Index out_bytes, Index size) {
  Index bytes = out_bytes;
  for (std::size_t k = 0; k < plan.inputs; ++k) bytes += plan.bytes[k];
  parallel_for(size, grain_for(bytes),
               [&](Index begin, Index end) { plan.run_chunk(run, f, out, out_bytes, begin, end); });
}

inline void check_same_types(std::string_view op, std::initializer_list<const Tensor*> operands) {
  const DType dtype = (*operands.begin())->dtype();
  for (const Tensor* x : operands)
    CFM_CHECK(x->dtype() == dtype, concat(op, ": the operands differ in type"), dtype, x->dtype());
}

template <class F, class Out, class... In>
struct PointwiseRun {
  template <std::size_t... K>
  static void loop(const F& f, Out* out, const std::byte* const* in, const Index* step, Index n,
                   std::index_sequence<K...>) {
    if (((step[K] == 1) && ...))
      for (Index i = 0; i < n; ++i) out[i] = f(reinterpret_cast<const In*>(in[K])[i]...);
    else
      for (Index i = 0; i < n; ++i) out[i] = f(reinterpret_cast<const In*>(in[K])[i * step[K]]...);
  }
  static void run(const void* f, std::byte* out, const std::byte* const* in, const Index* step,
                  Index n) {
    loop(*static_cast<const F*>(f), reinterpret_cast<Out*>(out), in, step, n,
         std::index_sequence_for<In...>());
  }
};

}  // namespace isa_detail

/// out[i...] = f(x[i...], ...) with the operands broadcast, their elements of the types In.
/// Errors:  ShapeError if the shapes do not broadcast. The dtypes are the caller's to check.
template <class... In, class F, class... Tensors>
Tensor pointwise_as(const F& f, const Tensors&... x) {
  static_assert(sizeof...(In) == sizeof...(Tensors) &&
                sizeof...(In) <= isa_detail::PointwisePlan::max_inputs);
  using Out = std::invoke_result_t<const F&, In...>;
  Shape shape = std::get<0>(std::forward_as_tuple(x...)).shape();
  ((shape = x.shape() == shape ? shape : broadcast(shape, x.shape())), ...);
  Tensor out = Tensor::empty(shape, dtype_of<Out>);
  if (out.size() == 0) return out;
  const auto run = &isa_detail::PointwiseRun<F, Out, In...>::run;
  std::byte* const memory = reinterpret_cast<std::byte*>(out.data<Out>());
  constexpr Index bytes = static_cast<Index>(sizeof(Out) + (sizeof(In) + ...));
  if (out.size() <= grain_for(bytes) && ((x.shape() == shape && x.is_contiguous()) && ...)) {
    const std::byte* const in[] = {static_cast<const std::byte*>(x.address())...};
    const Index step[] = {static_cast<Index>(sizeof(In) > 0)...};  // all 1
    run(&f, memory, in, step, out.size());
    return out;
  }
  isa_detail::PointwisePlan plan;
  (plan.add(x, shape), ...);
  plan.merge(shape);
  isa_detail::run_pointwise(plan, run, &f, memory, sizeof(Out), out.size());
  return out;
}

/// out[i...] = f(x[i...], y[i...], ...) with the operands broadcast. f is called with floats or
/// with doubles; what it returns (the same type, or bool) is the type of the result. It is
/// compiled at the flags of the caller's unit and runs on several threads: it must be pure.
/// Errors:  ShapeError if the shapes do not broadcast; TypeError unless all are f32 or all f64.
template <class F, class... Rest>
  requires(std::same_as<Rest, Tensor> && ...)
Tensor pointwise(std::string_view op, const F& f, const Tensor& x, const Rest&... rest) {
  isa_detail::check_same_types(op, {&x, &rest...});
  return visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
    return pointwise_as<T, std::conditional_t<true, T, Rest>...>(f, x, rest...);
  });
}

CFM_ISA_NAMESPACE_END
