// consumer [TARGET]: all three kinds of units agree, and cfm::dispatch uses TARGET.
#include <cfm/core/error.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/softmax.hpp>

#include <cmath>
#include <cstdio>
#include <string_view>

#include "product.hpp"

namespace {

double difference(const cfm::Tensor& a, const cfm::Tensor& b) {
  const auto x = a.span<float>(), y = b.span<float>();
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string target(cfm::simd_target());
    cfm::Tensor a = cfm::Tensor::empty({70, 70});
    cfm::Rng rng(1);
    for (float& x : a.span<float>()) x = static_cast<float>(rng.normal());
    const cfm::Tensor ours = cfm::matmul(a, a);
    const Product plain = product_plain(a);
    double worst = difference(ours, plain.value);
    std::string units = plain.target;
#if defined(__x86_64__)
    const bool v3 = __builtin_cpu_supports("avx2");
#else
    const bool v3 = true;
#endif
    if (v3) {
      const Product other = product_v3(a);
      worst = std::max(worst, difference(ours, other.value));
      units += ", " + other.target;
    }
    std::printf("cfm::dispatch: %s; units: %s; largest difference %.2g\n", target.c_str(),
                units.c_str(), worst);
    const bool as_asked = argc < 2 || target == argv[1];
    return worst < 1e-4 && as_asked ? 0 : 1;
  } catch (const cfm::UnsupportedError& e) {
    std::printf("unsupported: %s\n", e.what());
    return 3;
  }
}
