/// @file  Matrix products against Eigen, one thread, in one process: all candidates of a row take
///        turns, and the best of all turns counts. Arguments that hold "quick" shorten it.
#include <benchmark/benchmark.h>

#include <cstring>
#include <functional>

#include <Eigen/Dense>

#include <cfm/exec/thread_limit.hpp>

#include "matmul_ours.hpp"
#include "probe.hpp"

namespace {

using cfm::Index;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixMap = Eigen::Map<Matrix>;
using ConstMap = Eigen::Map<const Matrix>;

/// One way to compute a row of the table, with the data of turn i.
struct Candidate {
  std::string name;
  std::function<void(std::size_t i)> run;
  double seconds = 1e30;
};

void eigen_nn(Index m, Index n, Index k, const float* a, const float* b, float* c) {
  MatrixMap(c, m, n).noalias() = ConstMap(a, m, k) * ConstMap(b, k, n);
}
void eigen_nt(Index m, Index n, Index k, const float* a, const float* b, float* c) {
  MatrixMap(c, m, n).noalias() = ConstMap(a, m, k) * ConstMap(b, n, k).transpose();
}

/// Runs the candidates in turn; each first one is the peer of the ones behind it.
void race(const std::string& what, double work, double limit, const char* unit,
          std::vector<Candidate> candidates, int rounds) {
  const int repeat = static_cast<int>(std::max(1.0, 2e7 / work));
  for (int round = 0; round < rounds; ++round)
    for (Candidate& c : candidates) {
      std::size_t i = static_cast<std::size_t>(round);
      const double seconds = cfm::bench::fastest(1, [&] {
        for (int r = 0; r < repeat; ++r) c.run(i++);
      });
      c.seconds = std::min(c.seconds, seconds / repeat);
    }
  for (std::size_t i = 1; i < candidates.size(); ++i)
    cfm::bench::report(what + " " + candidates[i].name, work / candidates[i].seconds,
                       work / candidates[0].seconds, limit, unit);
}

std::string shape(const char* kind, Index m, Index n, Index k) {
  return cfm::concat(kind, " ", m, " x ", n, " x ", k);
}

void compare(Index m, Index n, Index k, bool flipped, int rounds) {
  const Matrix a = Matrix::Random(m, k), b = Matrix::Random(n, k);
  Matrix ours(m, n), theirs(m, n);
  const auto flip = [&](auto nn, auto nt, Matrix& c) {
    return [&, nn, nt](std::size_t) { (flipped ? nt : nn)(m, n, k, a.data(), b.data(), c.data()); };
  };
  std::vector<Candidate> all{{"", flip(eigen_nn, eigen_nt, theirs)},
                             {"", flip(cfm::bench::ours_nn, cfm::bench::ours_nt, ours)}};
  for (const Candidate& c : all) c.run(0);
  cfm::bench::verify("matmul", ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                     1e-6f * static_cast<float>(k));
  race(shape(flipped ? "nt" : "nn", m, n, k), 2.0 * static_cast<double>(m * n * k),
       cfm::bench::multiply_add_rate(), "GFLOP/s", std::move(all), rounds);
}

/// Weights that stay: packed ones, of 32 and 16 bits, against Eigen's product with rows of f32. Of
/// large weights there are several, used in turn, so that they come from memory.
void compare_packed(Index m, Index n, Index k, int rounds) {
  const std::size_t sets = n * k >= Index{1} << 22 ? 4 : 1;
  std::vector<Matrix> rows;
  std::vector<cfm::PackedMatrix<float>> f32;
  std::vector<cfm::PackedMatrix<cfm::f16>> f16;
  std::vector<cfm::PackedMatrix<cfm::bf16>> bf16;
  for (std::size_t s = 0; s < sets; ++s) {
    rows.push_back(Matrix::Random(n, k));
    f32.push_back(cfm::bench::pack_weights<float>(n, k, rows[s].data()));
    f16.push_back(cfm::bench::pack_weights<cfm::f16>(n, k, rows[s].data()));
    bf16.push_back(cfm::bench::pack_weights<cfm::bf16>(n, k, rows[s].data()));
  }
  const Matrix a = Matrix::Random(m, k);
  Matrix ours(m, n), theirs(m, n);
  const auto packed = [&](const auto& weights) {
    return [&](std::size_t i) {
      cfm::bench::ours_packed(m, weights[i % sets], a.data(), ours.data());
    };
  };
  std::vector<Candidate> all{
      {"",
       [&](std::size_t i) { eigen_nt(m, n, k, a.data(), rows[i % sets].data(), theirs.data()); }},
      {"f32", packed(f32)},
      {"f16", packed(f16)},
      {"bf16", packed(bf16)},
      {"in call", [&](std::size_t i) {
         cfm::bench::ours_nt(m, n, k, a.data(), rows[i % sets].data(), ours.data());
       }}};
  all[0].run(0);
  all[1].run(0);
  cfm::bench::verify("packed", ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                     1e-6f * static_cast<float>(k));
  if (m > 1)
    return race(shape("packed", m, n, k), 2.0 * static_cast<double>(m * n * k),
                cfm::bench::multiply_add_rate(), "GFLOP/s", std::move(all), rounds);
  // One row reads each weight once: bytes a second, against reads of memory or cache.
  const double bytes = static_cast<double>(n * k * 4);
  const double limit = cfm::bench::stream_rate(sets > 1 ? std::size_t{256} << 20
                                                        : static_cast<std::size_t>(n * k * 4));
  race(shape("packed", m, n, k) + ", f32 bytes", bytes, limit, "GB/s", std::move(all), rounds);
}

void bm_matmul(benchmark::State& state) {
  const Index n = state.range(0);
  const Matrix a = Matrix::Random(n, n), b = Matrix::Random(n, n);
  Matrix out(n, n);
  for (auto _ : state) {
    cfm::bench::ours_nn(n, n, n, a.data(), b.data(), out.data());
    benchmark::ClobberMemory();
  }
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(n * n * n),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(bm_matmul)->Arg(4)->Arg(16)->Arg(64)->Arg(256);

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  for (int i = 1; i < argc; ++i) quick = quick || std::strstr(argv[i], "quick") != nullptr;
  const int rounds = quick ? 3 : 9;
  cfm::ThreadLimit one(1);
  one.run([&] {
    for (const auto& s : {std::array<Index, 3>{8, 64, 64},
                          {16, 16, 16},
                          {32, 32, 32},
                          {64, 64, 64},
                          {64, 192, 64},
                          {128, 128, 128},
                          {256, 256, 256},
                          {512, 512, 512},
                          {1024, 64, 64},
                          {1024, 192, 64},
                          {1024, 1024, 1024},
                          {100000, 32, 32}})
      compare(s[0], s[1], s[2], false, rounds);
    if (!quick) compare(2048, 2048, 2048, false, 3);
    for (const auto& s : {std::array<Index, 3>{16, 16, 16},
                          {64, 64, 64},
                          {64, 256, 256},
                          {64, 768, 768},
                          {64, 1024, 1024},
                          {256, 1024, 1024},
                          {1024, 768, 768},
                          {1024, 1024, 1024},
                          {1, 1024, 1024},
                          {512, 8, 4096},
                          {512, 4096, 8}})
      compare(s[0], s[1], s[2], true, rounds);
    for (const auto& s : {std::array<Index, 3>{1, 768, 768},
                          {1, 4096, 4096},
                          {2, 4096, 4096},
                          {4, 4096, 4096},
                          {8, 1024, 1024},
                          {8, 4096, 4096},
                          {16, 4096, 4096},
                          {64, 768, 768},
                          {64, 1024, 1024},
                          {64, 4096, 1024},
                          {256, 1024, 1024}})
      compare_packed(s[0], s[1], s[2], rounds);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
