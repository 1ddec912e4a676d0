/// @file  Dense products: squares, the shapes of linear layers, small ones, few rows.
#include <Eigen/Dense>

#include <memory>

#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/matmul_packed.hpp>

#if defined(CFM_BENCH_LIBXSMM)
#include <libxsmm.h>
#endif

#include "blas.hpp"
#include "ggml.hpp"
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

// Every library that is there, and the remote peers.
void add_peers(Race& race, const std::shared_ptr<Operands>& o, Index m, Index n, Index k,
               bool transposed, bool packed) {
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
  if (!transposed && m * n * k <= 128 * 128 * 128) {
    const auto kernel =
        libxsmm_smmdispatch(static_cast<int>(n), static_cast<int>(m), static_cast<int>(k), nullptr,
                            nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
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
  if (packed) request.set("packed", true);
  cfm::bench::add_remotes(race, request);
}

cfm::bench::Workload workload(const char* name, Index m, Index n, Index k, double weight_bytes) {
  const double weights = static_cast<double>(k * n), rest = static_cast<double>(m * k + m * n);
  return {name, cfm::concat(m, "x", n, "x", k), 2.0 * static_cast<double>(m) * weights,
          weight_bytes * weights + 4 * rest};
}

void product(Races& races, const char* name, Index m, Index n, Index k, bool transposed) {
  races.add(workload(name, m, n, k, 4), [&](Race& race) {
    auto o = std::make_shared<Operands>(m, n, k, transposed);
    const auto ours = [o, transposed] {
      if (transposed)
        cfm::matmul_nt<float>(view(std::as_const(o->a)), view(std::as_const(o->b)), view(o->ours));
      else
        cfm::matmul_nn<float>(view(std::as_const(o->a)), view(std::as_const(o->b)), view(o->ours));
    };
    ours();
    race.ours(ours);
    add_peers(race, o, m, n, k, transposed, false);
  });
}

// Weights that stay are packed once; peers that can do the same do. One row is held against memory.
template <class S>
void packed(Races& races, const char* name, Index m, Index n, Index k) {
  cfm::bench::Workload w = workload(name, m, n, k, sizeof(S));
  if (m == 1) w.flops = 0;
  races.add(w, [&](Race& race) {
    auto o = std::make_shared<Operands>(m, n, k, true);
    const auto size = static_cast<std::size_t>(o->b.size());
    const cfm::Tensor dense =
        cfm::Tensor::from(std::span<const float>(o->b.data(), size), {n, k});
    const auto weights = std::make_shared<cfm::PackedMatrix<S>>(
        cfm::PackedMatrix<S>::pack(dense.to(cfm::dtype_of<S>)));
    if (sizeof(S) == 2) {  // the peers multiply what 16 bits hold
      const cfm::Tensor back = dense.to(cfm::dtype_of<S>).to(cfm::DType::f32);
      std::copy_n(back.data<float>(), size, o->b.data());
    }
    const auto ours = [o, weights] {
      cfm::matmul(view(std::as_const(o->a)), *weights, view(o->ours));
    };
    ours();
    race.ours(ours);
    if (const cfm::bench::Ggml* const g = cfm::bench::Ggml::library()) {
      const auto rows = static_cast<std::size_t>(o->a.size());
      const cfm::Tensor x = cfm::Tensor::from(std::span<const float>(o->a.data(), rows), {m, k});
      const auto task = std::make_shared<cfm::bench::GgmlTask>(*g, 4 * (size + rows) + 4 * rows);
      task->product(task->copy(x), task->copy(dense.to(cfm::dtype_of<S>)));
      task->run();  // it rounds the rows to the type of the weights too
      const float bound = (sizeof(S) == 2 ? 0.02f : 1e-4f) * std::sqrt(static_cast<float>(k));
      cfm::bench::verify("ggml", o->ours.data(), task->result(),
                         static_cast<std::size_t>(o->ours.size()), bound);
      race.peer("ggml", [task] { task->run(); });
    }
    add_peers(race, o, m, n, k, true, true);
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
    for (Index m : {1, 8}) product(races, "few rows nt", m, 4096, 4096, true);
    for (Index m : {1, 8}) product(races, "few rows nt", m, 1024, 1024, true);
    for (Index m : {1, 4, 8, 16, 64}) packed<float>(races, "packed f32", m, 4096, 4096);
    for (Index m : {1, 8}) packed<float>(races, "packed f32", m, 1024, 1024);
    packed<float>(races, "packed f32", 64, 768, 768);
    for (Index m : {1, 8}) packed<cfm::f16>(races, "packed f16", m, 4096, 4096);
    packed<cfm::bf16>(races, "packed bf16", 1, 4096, 4096);
    product(races, "low rank nt", 1024, 16, 1024, true);
    product(races, "low rank nt", 1024, 1024, 16, true);
  });
}
