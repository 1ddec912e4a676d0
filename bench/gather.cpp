/// @file  Gathering and scattering rows against the plain loop.
#include <benchmark/benchmark.h>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/gather.hpp>

#include "probe.hpp"

namespace {

void compare(cfm::Index rows, cfm::Index width) {
  std::vector<float> x(static_cast<std::size_t>(rows * width)), a(x.size()), b(x.size());
  cfm::Rng rng(3);
  for (float& v : x) v = static_cast<float>(rng.uniform());
  std::vector<std::int32_t> index(static_cast<std::size_t>(rows));
  for (auto& i : index) i = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(rows)));
  const auto in = cfm::matrix_view(x.data(), rows, width);
  const auto out = cfm::matrix_view(a.data(), rows, width);
  const auto at = cfm::vector_view(index.data(), rows);
  const double bytes = 8.0 * static_cast<double>(rows * width);
  const double limit = cfm::bench::gather_rate(static_cast<std::size_t>(width));
  const auto measure = [&](const char* what, const auto& run, const auto& peer) {
    run();
    peer();
    cfm::bench::verify(what, a.data(), b.data(), a.size(), 1e-4f);
    cfm::bench::report(cfm::concat(what, ", width ", width), bytes / cfm::bench::fastest(4, run),
                       bytes / cfm::bench::fastest(4, peer), limit, "GB/s");
  };
  measure(
      "gather_rows", [&] { cfm::gather_rows(in, at, out); },
      [&] {
        for (cfm::Index i = 0; i < rows; ++i)
          for (cfm::Index c = 0; c < width; ++c)
            b[static_cast<std::size_t>(i * width + c)] = in(index[static_cast<std::size_t>(i)], c);
      });
  measure(
      "scatter_add_rows",
      [&] {
        std::fill(a.begin(), a.end(), 0.0f);
        cfm::scatter_add_rows(in, at, out);
      },
      [&] {
        std::fill(b.begin(), b.end(), 0.0f);
        for (cfm::Index i = 0; i < rows; ++i)
          for (cfm::Index c = 0; c < width; ++c)
            b[static_cast<std::size_t>(index[static_cast<std::size_t>(i)] * width + c)] += in(i, c);
      });
}

void bm_gather(benchmark::State& state) {
  const std::vector<float> x(100000 * 64, 1.0f);
  std::vector<float> y(x.size());
  std::vector<std::int32_t> index(100000, 77);
  for (auto _ : state) {
    cfm::gather_rows(cfm::matrix_view(x.data(), 100000, 64), cfm::vector_view(index.data(), 100000),
                     cfm::matrix_view(y.data(), 100000, 64));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(bm_gather);

}  // namespace

int main(int argc, char** argv) {
  cfm::ThreadLimit one(1);
  one.run([&] {
    for (cfm::Index width : {16, 64, 256}) compare(16000000 / width, width);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
