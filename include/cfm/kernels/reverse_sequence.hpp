#pragma once
/// @file  Sequences of different lengths turned round in place.

#include <cfm/kernels/take_along.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The first lengths[b] positions of sequence b in opposite order, the rest as it is.
/// Shapes:  x [..] with sequences along `batch_dim` and positions along `time_dim`; lengths [batch]
///          of i32 or i64.
/// Errors:  ShapeError, TypeError; Error for a length outside 0 .. positions.
inline Tensor reverse_sequence(const Tensor& x, const Tensor& lengths, int batch_dim = 0,
                               int time_dim = 1) {
  const int b = normalize_dim(batch_dim, x.rank(), "reverse_sequence");
  const int t = normalize_dim(time_dim, x.rank(), "reverse_sequence");
  CFM_CHECK(x.rank() >= 2 && b != t, "reverse_sequence: needs a batch and a time dimension", x);
  CFM_CHECK(lengths.rank() == 1 && lengths.size(0) == x.shape()[b],
            "reverse_sequence: one length a sequence", x, lengths);
  CFM_CHECK(lengths.dtype() == DType::i32 || lengths.dtype() == DType::i64,
            "reverse_sequence: lengths must be i32 or i64", lengths.dtype());
  const Index batch = x.shape()[b], steps = x.shape()[t];
  const Tensor wanted = lengths.to(DType::i64).contiguous();
  Tensor places = Tensor::empty({batch, steps}, DType::i64);
  std::int64_t* place = places.data<std::int64_t>();
  for (Index i = 0; i < batch; ++i) {
    const Index n = wanted.data<std::int64_t>()[i];
    CFM_CHECK(0 <= n && n <= steps, "reverse_sequence: a length is outside 0 .. positions", n,
              steps);
    for (Index s = 0; s < steps; ++s) *place++ = s < n ? n - 1 - s : s;
  }
  if (b > t) places = places.transpose(0, 1);
  Extents extents;
  for (int d = 0; d < x.rank(); ++d) extents.push_back(d == b || d == t ? x.shape()[d] : 1);
  return take_along(x, t, places.reshape(extents).expand(x.shape()));
}

CFM_ISA_NAMESPACE_END
