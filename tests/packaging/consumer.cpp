// What a user's first program does: a tensor, threads, and a netlist.

#include <cfm/circuit/aig.hpp>
#include <cfm/core/version.hpp>
#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

#include <cstdio>

int main() {
  const cfm::Tensor ones = cfm::Tensor::ones({1000, 100});
  const auto values = ones.span<float>();
  const double sum = cfm::parallel_reduce(
      ones.size(), 1000, 0.0,
      [&](cfm::Index begin, cfm::Index end) {
        double out = 0;
        for (cfm::Index i = begin; i < end; ++i) out += static_cast<double>(values[std::size_t(i)]);
        return out;
      },
      [](double a, double b) { return a + b; });

  cfm::Aig aig;
  const cfm::Literal a = aig.add_input("a"), b = aig.add_input("b");
  aig.add_output(!aig.add_and(a, b), "nand");
  std::printf("cfm %s: sum %.0f, %zu AND\n", CFM_VERSION_STRING, sum, aig.ands());
  return sum == 100000 && aig.ands() == 1 ? 0 : 1;
}
