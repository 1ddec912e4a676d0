#pragma once
/// @file  Eigen maps over tensors and views, and copies from Eigen. The only header that names
///        Eigen.

#include <Eigen/Core>

#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// A row-major Eigen matrix over memory that cfm owns; const if T is.
template <class T>
using EigenMatrixMap = Eigen::Map<
    std::conditional_t<std::is_const_v<T>,
                       const Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic,
                                           Eigen::RowMajor>,
                       Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
    Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

/// An Eigen column vector over memory that cfm owns; const if T is.
template <class T>
using EigenVectorMap =
    Eigen::Map<std::conditional_t<std::is_const_v<T>,
                                  const Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, 1>,
                                  Eigen::Matrix<T, Eigen::Dynamic, 1>>,
               Eigen::Unaligned, Eigen::InnerStride<Eigen::Dynamic>>;

/// The same elements as an Eigen matrix or column vector. It lives as long as the memory does.
template <class T>
EigenMatrixMap<T> as_eigen(View<T, 2> view) {
  return {view.data, view.extent[0], view.extent[1],
          Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(view.stride[0], view.stride[1])};
}
template <class T>
EigenVectorMap<T> as_eigen(View<T, 1> view) {
  return {view.data, view.extent[0], Eigen::InnerStride<Eigen::Dynamic>(view.stride[0])};
}

/// The elements of a tensor of rank 2 as an Eigen matrix: `eigen_matrix<float>(t) * 2`. A tensor
/// that is not const counts as written.   Errors:  TypeError, ShapeError for another rank.
template <Element T>
EigenMatrixMap<T> eigen_matrix(Tensor& t) {
  return as_eigen(t.view<T, 2>());
}
template <Element T>
EigenMatrixMap<const T> eigen_matrix(const Tensor& t) {
  return as_eigen(t.view<T, 2>());
}

/// The same for rank 1.
template <Element T>
EigenVectorMap<T> eigen_vector(Tensor& t) {
  return as_eigen(t.view<T, 1>());
}
template <Element T>
EigenVectorMap<const T> eigen_vector(const Tensor& t) {
  return as_eigen(t.view<T, 1>());
}

/// A tensor of rank 2 with a copy of any Eigen matrix, vector or expression.
template <class Derived>
requires Element<typename Derived::Scalar> Tensor
from_eigen(const Eigen::DenseBase<Derived>& matrix) {
  using T = typename Derived::Scalar;
  Tensor out = Tensor::empty(Shape{matrix.rows(), matrix.cols()}, dtype_of<T>);
  eigen_matrix<T>(out) = matrix;
  return out;
}

CFM_ISA_NAMESPACE_END
