#pragma once
/// @file  Dropout whose mask is a function of position: nothing is stored to undo it.

#include <cmath>

#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/dropout-inl.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// out[i] = 0 with probability p, else x[i] / (1 - p). Element i is dropped if half i % 8 of the
/// 128 bits rng.bits_at(i / 8), the lower half of each word first, is below p 2^16: the same for x
/// and for its gradient, so the same call is the backward step. p is rounded up to a multiple of
/// 2^-16.
///
/// Shapes:  x [n], out [n]; stride 1; out may be x itself.
/// Order:   each element alone: the same bits for any number of threads and any target.
/// Errors:  ShapeError if the lengths differ, Error unless 0 <= p <= 1.
template <Real T>
void dropout(In<T, 1> x, View<T, 1> out, double p, const Rng& rng) {
  CFM_CHECK(x.extent[0] == out.extent[0], "dropout: x and out must have the same length", x, out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "dropout: elements must be adjacent", x,
            out);
  CFM_CHECK(p >= 0 && p <= 1, "dropout: the probability must be in [0, 1]", p);
  const Index n = x.extent[0];
  const auto limit = static_cast<std::uint32_t>(std::ceil(p * 0x1p16));
  const T factor = p < 1 ? static_cast<T>(1 / (1 - p)) : T{0};
  const bool past = x.data != out.data && isa_detail::past_cache(out.data, 1, n, n);
  isa_detail::for_chunks_past_cache(n, Index{1} << 13, past, [&](Index begin, Index end) {
    constexpr Index tile = 2048;
    alignas(64) std::uint32_t words[tile / 2] = {};
    for (Index i = begin; i < end; i += tile) {
      const Index count = std::min(tile, end - i);
      CFM_CALL(random_words)(rng, static_cast<std::uint64_t>(i) / 8, (count + 7) / 8, words);
      CFM_CALL(drop_words)(x.data + i, words, limit, factor, out.data + i, count, past);
    }
  });
}

/// The same for a tensor of any strides.   Errors:  TypeError unless f32 or f64.
inline Tensor dropout(const Tensor& x, double p, const Rng& rng) {
  return visit_real(x.dtype(), "dropout", [&]<class T>(std::type_identity<T>) {
    const Tensor dense = x.contiguous();
    Tensor out = Tensor::empty_like(x);
    dropout<T>(vector_view(dense.data<T>(), x.size()), vector_view(out.data<T>(), x.size()), p,
               rng);
    return out;
  });
}

CFM_ISA_NAMESPACE_END
