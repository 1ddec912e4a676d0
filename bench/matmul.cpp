/// @file  Matrix products against Eigen, one thread, in one process.
#include <benchmark/benchmark.h>

#include <Eigen/Dense>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/matmul.hpp>

#include "probe.hpp"

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void compare(cfm::Index m, cfm::Index n, cfm::Index k, bool flipped) {
  const Matrix a = Matrix::Random(m, k);
  const Matrix b = flipped ? Matrix::Random(n, k) : Matrix::Random(k, n);
  Matrix ours(m, n), theirs(m, n);
  const auto run = [&] {
    const auto av = cfm::matrix_view(a.data(), m, k);
    const auto out = cfm::matrix_view(ours.data(), m, n);
    if (flipped)
      cfm::matmul_nt(av, cfm::matrix_view(b.data(), n, k), out);
    else
      cfm::matmul_nn(av, cfm::matrix_view(b.data(), k, n), out);
  };
  const auto peer = [&] {
    if (flipped)
      theirs.noalias() = a * b.transpose();
    else
      theirs.noalias() = a * b;
  };
  run();
  peer();
  cfm::bench::verify("matmul", ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                     1e-6f * static_cast<float>(k));
  const double flops = 2.0 * static_cast<double>(m * n * k);
  const int repeat = static_cast<int>(std::max(1.0, 1e8 / flops));
  const auto rate = [&](const auto& f) {
    return repeat * flops / cfm::bench::fastest(5, [&] {
             for (int i = 0; i < repeat; ++i) f();
           });
  };
  const double limit = cfm::bench::multiply_add_rate();
  cfm::bench::report(cfm::concat(flipped ? "nt " : "nn ", m, " x ", n, " x ", k), rate(run),
                     rate(peer), limit, "GFLOP/s");
}

void bm_matmul(benchmark::State& state) {
  const cfm::Index n = state.range(0);
  const Matrix a = Matrix::Random(n, n), b = Matrix::Random(n, n);
  Matrix out(n, n);
  for (auto _ : state) {
    cfm::matmul_nn(cfm::matrix_view(a.data(), n, n), cfm::matrix_view(b.data(), n, n),
                   cfm::matrix_view(out.data(), n, n));
    benchmark::ClobberMemory();
  }
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(n * n * n),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(bm_matmul)->Arg(4)->Arg(16)->Arg(64)->Arg(256);

}  // namespace

int main(int argc, char** argv) {
  cfm::ThreadLimit one(1);
  one.run([&] {
    for (bool flipped : {false, true}) {
      for (cfm::Index n : {16, 64, 256, 1024}) compare(n, n, n, flipped);
      compare(64, 1024, 1024, flipped);
      compare(1, 1024, 1024, flipped);
      compare(100000, 32, 32, flipped);
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
