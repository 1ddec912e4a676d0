#pragma once
/// @file  What the tests of attention and transformers share.

#include <cstring>
#include <vector>

#include <cfm/kernels/kv_cache.hpp>

#include "module_cases.hpp"

namespace cfm::test {

/// The same bits.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.address(), y.address(),
                     static_cast<std::size_t>(x.size() * size_of(x.dtype()))) == 0;
}

/// The largest difference of two tensors of floats.
inline double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const Tensor x = a.to(DType::f64).contiguous(), y = b.to(DType::f64).contiguous();
  double out = 0;
  for (std::size_t i = 0; i < x.span<double>().size(); ++i)
    out = std::max(out, std::abs(x.span<double>()[i] - y.span<double>()[i]));
  return out;
}

/// Caches of a number of layers, all with the same lengths.
template <class T>
class Caches {
 public:
  Caches(Index layers, Index batch, Index heads, Index capacity, Index width)
      : lengths(static_cast<std::size_t>(batch), 0) {
    for (Index l = 0; l < layers; ++l) {
      keys.push_back(Tensor::full({batch, heads, capacity, width}, 77, dtype_of<T>));
      values.push_back(Tensor::full({batch, heads, capacity, width}, 77, dtype_of<T>));
    }
    for (std::size_t l = 0; l < keys.size(); ++l)
      views.push_back({keys[l].template view<T, 4>(), values[l].template view<T, 4>(), lengths});
  }
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  void grow(Index n) {
    for (Index& length : lengths) length += n;
  }

  std::vector<Index> lengths;
  std::vector<Tensor> keys, values;
  std::vector<KvCacheView<T>> views;
};

}  // namespace cfm::test
