// A unit with kernels of its own: what it computes with them, and for which target.
#include <cfm/kernels/matmul.hpp>

#include "product.hpp"

Product PRODUCT(const cfm::Tensor& a) {
  return {cfm::matmul(a, a), std::string(cfm::simd_target())};
}
