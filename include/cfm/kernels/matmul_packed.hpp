#pragma once
/// @file  Products with weights that were packed once.

#include <cfm/kernels/detail/packed_product.hpp>
#include <cfm/kernels/epilogue.hpp>
#include <cfm/kernels/packed_matrix.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// out = epilogue(x W^T + beta out) for packed weights W [out, in]; with beta 0 the old out is not
/// read. Weights of 16 bits become f32 on the way into registers.
///
/// Shapes:  x [rows, in], out [rows, out]; last stride 1; f32, bf16 or f16 each, or all f64; out
///          may not alias x. A result of 16 bits is rounded once, behind the epilogue.
/// Order:   as matmul_nn: the same bits as without packing, for any number of rows.
/// Errors:  ShapeError if shapes or strides do not fit.
/// Cost:    up to 16 rows read the weights once.
template <class X, WeightElement S, class O, class E = Epilogue<>>
requires EpiloguePart<E, compute_type<S>>
void matmul(View<X, 2> x, const PackedMatrix<S>& w, View<O, 2> out, const E& e = {},
            std::type_identity_t<compute_type<S>> beta = 0) {
  using T = compute_type<S>;
  static_assert(
      std::is_same_v<compute_type<std::remove_const_t<X>>, T> && std::is_same_v<compute_type<O>, T>,
      "cfm: f64 takes no part in products of f32 and 16-bit numbers");
  CFM_CHECK(
      x.extent[1] == w.inputs() && out.extent[1] == w.outputs() && x.extent[0] == out.extent[0],
      "matmul: shapes of x, packed weights and out do not fit", x, w.outputs(), w.inputs(), out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "matmul: rows must be dense", x, out);
  isa_detail::check_part(e, "matmul", out.extent[0], out.extent[1]);
  isa_detail::packed_product(
      isa_detail::PackedProduct<T>{out.extent[0],
                                   out.extent[1],
                                   w.inputs(),
                                   {x.data, dtype_of<std::remove_const_t<X>>, x.stride[0], 1},
                                   w.data(),
                                   dtype_of<S>,
                                   out.data,
                                   dtype_of<O>,
                                   out.stride[0],
                                   beta,
                                   isa_detail::finish_of<T>(e)});
}

/// x W^T for packed weights.
/// Shapes:  x [.., in] -> [.., out], in the type of x.
/// Errors:  TypeError unless x is f64 for f64 weights, else f32, bf16 or f16; ShapeError.
template <WeightElement S, class E = Epilogue<>>
requires EpiloguePart<E, compute_type<S>> Tensor matmul(const Tensor& x, const PackedMatrix<S>& w,
                                                        const E& e = {}) {
  CFM_CHECK(x.rank() >= 1 && x.size(-1) == w.inputs(),
            "matmul: needs x [.., in] for packed weights [out, in]", x, w.outputs(), w.inputs());
  Index rows = 1;
  for (int d = 0; d + 1 < x.rank(); ++d) rows *= x.shape()[d];
  Extents shape = x.shape();
  shape[x.rank() - 1] = w.outputs();
  const Tensor matrix = x.reshape({rows, w.inputs()}).contiguous();
  Tensor out = Tensor::empty({rows, w.outputs()}, x.dtype());
  const auto run = [&]<class X>(std::type_identity<X>) {
    matmul(matrix.view<X, 2>(), w, out.view<X, 2>(), e);
  };
  if constexpr (std::is_same_v<S, double>) {
    CFM_CHECK(x.dtype() == DType::f64, "matmul: f64 weights need f64", x.dtype());
    run(std::type_identity<double>{});
  } else {
    switch (x.dtype()) {
      case DType::f32: run(std::type_identity<float>{}); break;
      case DType::bf16: run(std::type_identity<bf16>{}); break;
      case DType::f16: run(std::type_identity<f16>{}); break;
      default: throw_error<TypeError>("matmul: needs f32, bf16 or f16, got ", x.dtype());
    }
  }
  return out.reshape(shape);
}

CFM_ISA_NAMESPACE_END
