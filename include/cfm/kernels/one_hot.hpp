#pragma once
/// @file  Labels as rows with a single true element.

#include <cfm/kernels/compare.hpp>
#include <cfm/tensor/factories.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// out[.., c, ..] = (labels[..] == c), a bool tensor with a new dimension `dim` of `classes`: use
/// to() for numbers, where() for other values. A label that is no class gives a row of false.
/// Errors:  TypeError unless the labels are i32 or i64; Error for a negative number of classes;
///          ShapeError beyond rank 8.
inline Tensor one_hot(const Tensor& labels, Index classes, int dim = -1) {
  CFM_CHECK(labels.dtype() == DType::i32 || labels.dtype() == DType::i64,
            "one_hot: labels must be i32 or i64", labels.dtype());
  CFM_CHECK(classes >= 0, "one_hot: the number of classes must not be negative", classes);
  const int at = normalize_dim(dim, labels.rank() + 1, "one_hot");
  Extents column;
  for (int d = at; d <= labels.rank(); ++d) column.push_back(d == at ? classes : 1);
  const Tensor wide = arange(0, classes, 1, DType::i64).reshape(column);
  return equal(labels.to(DType::i64).unsqueeze(at), wide);
}

CFM_ISA_NAMESPACE_END
