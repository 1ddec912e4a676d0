#pragma once
/// @file  What a product may do to its results while they are in cache: parts, one row at a time.

#include <string_view>
#include <tuple>
#include <type_traits>

#include <cfm/exec/map.hpp>
#include <cfm/kernels/elementwise-inl.hpp>
#include <cfm/kernels/output_row.hpp>

CFM_NAMESPACE_BEGIN

/// A part that takes whole rows: part(OutputRow<T>).
template <class P, class T>
concept RowPart = requires(const P& part, OutputRow<T> row) {
  part(row);
};

/// The functions of ops.hpp that an epilogue takes.
template <class P>
concept ActivationPart = std::is_same_v<P, ops::Relu> || std::is_same_v<P, ops::LeakyRelu> ||
    std::is_same_v<P, ops::Gelu> || std::is_same_v<P, ops::GeluTanh> ||
    std::is_same_v<P, ops::Silu> || std::is_same_v<P, ops::Sigmoid> ||
    std::is_same_v<P, ops::Tanh> || std::is_same_v<P, ops::Clamp>;

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// + bias[column]
template <Real T>
struct Bias {
  View<const T, 1> bias;

  void check(std::string_view op, Index, Index columns) const {
    CFM_CHECK(bias.extent[0] == columns && bias.contiguous(),
              concat(op, ": the bias needs one dense number a column"), bias, columns);
  }
  void operator()(const OutputRow<T>& row) const {
    const T* const b = bias.data + row.first_column;
    CFM_CALL(map_binary)(ops::Add{}, row.values, b, row.values, row.columns, false);
  }
};

namespace isa_detail {
template <class T>
void check_like_output(std::string_view op, const View<const T, 2>& x, Index rows, Index columns) {
  CFM_CHECK(x.extent[0] == rows && x.extent[1] == columns && x.last_contiguous(),
            concat(op, ": an operand of the epilogue needs the shape of out and dense rows"), x,
            rows, columns);
}
}  // namespace isa_detail

/// + residual[row, column]. It must not overlap out: to add to what out holds, use beta 1.
template <Real T>
struct Residual {
  View<const T, 2> residual;

  void check(std::string_view op, Index rows, Index columns) const {
    isa_detail::check_like_output(op, residual, rows, columns);
  }
  void operator()(const OutputRow<T>& row) const {
    const T* const r = residual.row(row.row) + row.first_column;
    CFM_CALL(map_binary)(ops::Add{}, row.values, r, row.values, row.columns, false);
  }
};

/// * factor[row, column]: behind an activation, the gate of a gated layer.
template <Real T>
struct Times {
  View<const T, 2> factor;

  void check(std::string_view op, Index rows, Index columns) const {
    isa_detail::check_like_output(op, factor, rows, columns);
  }
  void operator()(const OutputRow<T>& row) const {
    const T* const f = factor.row(row.row) + row.first_column;
    CFM_CALL(map_binary)(ops::Mul{}, row.values, f, row.values, row.columns, false);
  }
};

/// silu(x) * up[row, column]: the product with the gate's weights finishes a SwiGLU layer.
/// Source:  N. Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202.
template <Real T>
struct SwiGlu {
  View<const T, 2> up;

  void check(std::string_view op, Index rows, Index columns) const {
    isa_detail::check_like_output(op, up, rows, columns);
  }
  void operator()(const OutputRow<T>& row) const {
    CFM_CALL(map_unary)(ops::Silu{}, row.values, row.values, row.columns, false);
    Times<T>{up}(row);
  }
};

/// What an epilogue is made of: a part for rows, a function of ops.hpp, or a lane-wise lambda.
template <class P, class T>
concept EpiloguePart = ActivationPart<P> || LaneFunction<P, T> || RowPart<P, T>;

namespace isa_detail {

template <class T, class P>
void apply_part(const P& part, const OutputRow<T>& row) {
  // Lambdas before rows: a generic one may not even be asked whether it takes a row.
  if constexpr (ActivationPart<P>)
    CFM_CALL(map_unary)(part, row.values, row.values, row.columns, false);
  else if constexpr (LaneFunction<P, T>)
    map_chunk(row.columns, part, row.values, row.values);
  else
    part(row);
}

template <class P>
void check_part(const P& part, std::string_view op, Index rows, Index columns) {
  if constexpr (requires { part.check(op, rows, columns); }) part.check(op, rows, columns);
}

}  // namespace isa_detail

/// Parts one after another, each on the results of the one before. Made by epilogue().
template <class... Parts>
struct Epilogue {
  std::tuple<Parts...> parts;

  void check(std::string_view op, Index rows, Index columns) const {
    std::apply([&](const auto&... p) { (isa_detail::check_part(p, op, rows, columns), ...); },
               parts);
  }
  template <Real T>
  requires(EpiloguePart<Parts, T>&&...) void operator()(const OutputRow<T>& row) const {
    std::apply([&](const auto&... p) { (isa_detail::apply_part(p, row), ...); }, parts);
  }
};

/// epilogue(Bias<float>{b}, ops::Gelu{}, [](auto x) { return x * 0.5f; }): from left to right.
/// Without parts it leaves results as they are.
template <class... Parts>
Epilogue<Parts...> epilogue(Parts... parts) {
  return {std::tuple<Parts...>(std::move(parts)...)};
}

namespace isa_detail {

template <class T, class E>
detail::Finish<T> finish_of(const E& e) {
  if constexpr (std::is_same_v<E, Epilogue<>>) {
    return {};
  } else {
    return {
        [](const void* x, const OutputRow<T>& row) { apply_part(*static_cast<const E*>(x), row); },
        &e};
  }
}
template <class T, class E>
detail::Finish<T> finish_of(const E&&) = delete;  // it would point at what is gone

}  // namespace isa_detail

CFM_ISA_NAMESPACE_END
