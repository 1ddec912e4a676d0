/// @file  Softmax, norms, cross entropy and element-wise functions against Eigen or plain loops,
/// with
///        the share of a streamed read that each reaches on data larger than the caches.
#include <benchmark/benchmark.h>

#include <Eigen/Dense>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/loss.hpp>
#include <cfm/kernels/norm.hpp>
#include <cfm/kernels/reduce.hpp>
#include <cfm/kernels/softmax.hpp>

#include "probe.hpp"

namespace {

using Array = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Bytes: one read and one write of the matrix (or one read, for what only reads).
template <class Ours, class Peer>
void compare(const char* what, const Array& x, Array& ours, Array& theirs, bool writes, float bound,
             const Ours& run, const Peer& peer) {
  run();
  peer();
  cfm::bench::verify(what, ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                     bound);
  const double bytes = (writes ? 8.0 : 4.0) * static_cast<double>(x.size());
  const double limit = cfm::bench::stream_rate();
  cfm::bench::report(what, bytes / cfm::bench::fastest(5, run),
                     bytes / cfm::bench::fastest(5, peer), limit, "GB/s");
}

void compare_all(cfm::Index rows, cfm::Index n) {
  const Array x = Array::Random(rows, n) * 4;
  Array a = x, b = x;
  const auto in = cfm::matrix_view(x.data(), rows, n);
  const auto out = cfm::matrix_view(a.data(), rows, n);
  const auto flat_in = cfm::vector_view(x.data(), rows * n);
  const auto flat_out = cfm::vector_view(a.data(), rows * n);
  std::vector<float> s(static_cast<std::size_t>(rows)), t(s.size());
  const auto sv = cfm::vector_view(s.data(), rows), tv = cfm::vector_view(t.data(), rows);
  const auto width = static_cast<float>(n);
  compare(
      "add", x, a, b, true, 1e-6f, [&] { cfm::map(cfm::ops::Add{}, flat_in, flat_in, flat_out); },
      [&] { b = x + x; });
  compare(
      "exp", x, a, b, true, 1e-6f, [&] { cfm::map(cfm::ops::Exp{}, flat_in, flat_out); },
      [&] { b = x.exp(); });
  compare(
      "tanh", x, a, b, true, 1e-6f, [&] { cfm::map(cfm::ops::Tanh{}, flat_in, flat_out); },
      [&] { b = x.tanh(); });
  compare(
      "softmax_rows", x, a, b, true, 1e-5f, [&] { cfm::softmax_rows(in, out); },
      [&] {
        b = (x.colwise() - x.rowwise().maxCoeff()).exp();
        b.colwise() /= b.rowwise().sum().eval();
      });
  compare(
      "layer_norm", x, a, b, true, 1e-4f, [&] { cfm::layer_norm(in, {}, {}, out, sv, tv); },
      [&] {
        b = x.colwise() - x.rowwise().mean();
        b.colwise() *= (b.square().rowwise().sum() / width + 1e-5f).rsqrt().eval();
      });
  compare(
      "rms_norm", x, a, b, true, 1e-4f, [&] { cfm::rms_norm(in, {}, out, sv); },
      [&] { b = x.colwise() * (x.square().rowwise().sum() / width + 1e-6f).rsqrt(); });
  const cfm::Tensor tensor = cfm::Tensor::from(
      std::span<const float>(x.data(), static_cast<std::size_t>(x.size())), {rows, n});
  Array sum_ours(1, 1), sum_theirs(1, 1);
  compare(
      "sum", x, sum_ours, sum_theirs, false, 1e-3f,
      [&] { sum_ours(0, 0) = cfm::sum(tensor).item<float>(); },
      [&] { sum_theirs(0, 0) = x.sum(); });
  const std::vector<std::int32_t> labels(s.size(), 1);
  Array loss_ours(rows, 1), loss_theirs(rows, 1);
  compare(
      "cross_entropy_rows", x, loss_ours, loss_theirs, false, 1e-5f,
      [&] {
        cfm::cross_entropy_rows(in, cfm::vector_view(labels.data(), rows),
                                cfm::vector_view(loss_ours.data(), rows), sv);
      },
      [&] {
        const Eigen::ArrayXf high = x.rowwise().maxCoeff();
        loss_theirs = (x.colwise() - high).exp().rowwise().sum().log() + high - x.col(1);
      });
}

void bm_exp(benchmark::State& state) {
  std::vector<float> x(static_cast<std::size_t>(state.range(0)), 0.5f), y(x.size());
  for (auto _ : state) {
    cfm::map(cfm::ops::Exp{}, cfm::vector_view(x.data(), state.range(0)),
             cfm::vector_view(y.data(), state.range(0)));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bm_exp)->Arg(16)->Arg(1000)->Arg(4096);

void bm_small_add(benchmark::State& state) {
  const cfm::Tensor a = cfm::Tensor::ones({4, 4}), b = cfm::Tensor::ones({4, 4});
  for (auto _ : state) benchmark::DoNotOptimize(cfm::add(a, b));
}
BENCHMARK(bm_small_add);

}  // namespace

int main(int argc, char** argv) {
  cfm::ThreadLimit one(1);
  one.run([&] {
    compare_all(65536, 256);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
