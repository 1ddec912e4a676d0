/// @file  Dense products: squares, the shapes of linear layers, small ones, few rows.
#include <Eigen/Dense>

#include <memory>

#include <cfm/kernels/matmul.hpp>

#if defined(CFM_BENCH_LIBXSMM)
#include <libxsmm.h>
#endif

#include "blas.hpp"
#include "remote.hpp"

namespace {

using cfm::Index;
using cfm::bench::Race;
using cfm::bench::Races;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Operands {
  Matrix a, b, ours, theirs;
  Operands(Index m, Index n, Index k, bool transposed)
      : a(Matrix::Random(m, k)),
        b(transposed ? Matrix::Random(n, k) : Matrix::Random(k, n)),
        ours(m, n),
        theirs(m, n) {}

  void check(const char* what) const {
    cfm::bench::verify(what, ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                       1e-5f * std::sqrt(static_cast<float>(a.cols())) + 1e-5f);
  }
};

auto view(const Matrix& m) { return cfm::matrix_view(m.data(), m.rows(), m.cols()); }
auto view(Matrix& m) { return cfm::matrix_view(m.data(), m.rows(), m.cols()); }

void product(Races& races, const char* workload, Index m, Index n, Index k, bool transposed) {
  const double sizes = static_cast<double>(m * k + k * n + m * n);
  const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n * k);
  const cfm::bench::Workload w{workload, cfm::concat(m, "x", n, "x", k), flops, 4 * sizes};
  races.add(w, [&](Race& race) {
    auto o = std::make_shared<Operands>(m, n, k, transposed);
    const auto ours = [o, transposed] {
      if (transposed)
        cfm::matmul_nt<float>(view(std::as_const(o->a)), view(std::as_const(o->b)), view(o->ours));
      else
        cfm::matmul_nn<float>(view(std::as_const(o->a)), view(std::as_const(o->b)), view(o->ours));
    };
    ours();
    race.ours(ours);
    for (const cfm::bench::Blas& library : cfm::bench::blas_libraries()) {
      const auto theirs = [=] {
        library.multiply({static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), transposed,
                          o->a.data(), o->b.data(), o->theirs.data()});
      };
      theirs();
      o->check(library.name.c_str());
      race.peer(library.name, theirs);
    }
#if defined(CFM_BENCH_LIBXSMM)
    // Its kernels are column by column: ours read as transposes are that. It is made for small ones.
    if (!transposed && flops <= 2.0 * 128 * 128 * 128) {
      const auto kernel =
          libxsmm_smmdispatch(static_cast<int>(n), static_cast<int>(m), static_cast<int>(k),
                              nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
      if (kernel != nullptr) {
        o->theirs.setZero();
        kernel(o->b.data(), o->a.data(), o->theirs.data());  // adds to the result
        o->check("libxsmm");
        race.peer("libxsmm", [=] { kernel(o->b.data(), o->a.data(), o->theirs.data()); });
      }
    }
#endif
    race.peer("Eigen", [o, transposed] {
      if (transposed)
        o->theirs.noalias() = o->a * o->b.transpose();
      else
        o->theirs.noalias() = o->a * o->b;
    });
    cfm::Json request;
    request.set("workload", "matmul");
    request.set("m", m);
    request.set("n", n);
    request.set("k", k);
    if (transposed) request.set("transposed", true);
    cfm::bench::add_remotes(race, request);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return cfm::bench::races(argc, argv, [](Races& races) {
    for (Index n : {256, 512, 1024, 2048}) product(races, "square nn", n, n, n, false);
    for (Index m : {64, 256, 1024})
      for (const auto& [n, k] : {std::pair<Index, Index>{256, 1024}, {768, 768}, {1024, 4096}})
        product(races, "linear nt", m, n, k, true);
    product(races, "small nn", 8, 64, 64, false);
    for (Index n : {16, 32, 64, 128}) product(races, "small nn", n, n, n, false);
    product(races, "small nn", 1024, 64, 64, false);
    for (Index m : {1, 8, 16}) product(races, "few rows nt", m, 4096, 4096, true);
    for (Index m : {1, 8}) product(races, "few rows nt", m, 1024, 1024, true);
    product(races, "low rank nt", 1024, 16, 1024, true);
    product(races, "low rank nt", 1024, 1024, 16, true);
  });
}
