#include <cfm/core/version.hpp>
#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

#include <cstdio>

int main() {
  cfm::Tensor squares = cfm::Tensor::empty({100});
  const auto values = squares.span<float>();
  cfm::parallel_for(squares.size(), 10, [&](cfm::Index begin, cfm::Index end) {
    for (cfm::Index i = begin; i < end; ++i)
      values[static_cast<std::size_t>(i)] = static_cast<float>(i * i);
  });
  std::printf("cfm %s from Conan: 99 squared is %.0f\n", CFM_VERSION_STRING,
              static_cast<double>(values[99]));
  return values[99] == 9801.0f ? 0 : 1;
}
