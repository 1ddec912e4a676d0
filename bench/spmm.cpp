/// @file  Sums over neighbours against sparse products: Eigen, MKL (CFM_BENCH_MKL names its
///        libmkl_rt), and what bench/peer_graph.py offers (CFM_BENCH_PEERS).
#include <dlfcn.h>

#include <Eigen/Sparse>

#include <cfm/kernels/spmm.hpp>
#include <cfm/tensor/factories.hpp>

#include "graphs.hpp"
#include "remote.hpp"

namespace {

using namespace cfm;
using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, std::int32_t>;
using Matrix = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

/// A sparse matrix of MKL, its interface declared here: the library is opened, not linked.
class MklSparse {
 public:
  MklSparse(const CsrView& g, const std::vector<float>& values)
      : offsets_(g.offsets.begin(), g.offsets.end()),
        columns_(g.columns.begin(), g.columns.end()),
        values_(values) {
    const char* const path = std::getenv("CFM_BENCH_MKL");
    if (path == nullptr) return;
    setenv("MKL_THREADING_LAYER", "SEQUENTIAL", 1);
    void* const library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
      std::fprintf(stderr, "MKL does not open: %s\n", dlerror());
      return;
    }
    const auto create = reinterpret_cast<Create>(dlsym(library, "mkl_sparse_s_create_csr"));
    const auto optimize = reinterpret_cast<int (*)(void*)>(dlsym(library, "mkl_sparse_optimize"));
    multiply_ = reinterpret_cast<Multiply>(dlsym(library, "mkl_sparse_s_mm"));
    const int rows = static_cast<int>(g.rows());
    if (create(&matrix_, 0, rows, rows, offsets_.data(), offsets_.data() + 1, columns_.data(),
               values_.data()) != 0)
      matrix_ = nullptr;
    else
      optimize(matrix_);
  }
  explicit operator bool() const { return matrix_ != nullptr; }
  void operator()(const float* x, float* y, Index width) const {
    const int n = static_cast<int>(width);
    multiply_(10, 1.0f, matrix_, {20, 0, 0}, 101, x, n, n, 0.0f, y, n);
  }

 private:
  struct Description {
    int type, mode, diagonal;
  };
  using Create = int (*)(void**, int, int, int, int*, int*, int*, float*);
  using Multiply = int (*)(int, float, void*, Description, int, const float*, int, int, float,
                           float*, int);
  std::vector<int> offsets_, columns_;
  std::vector<float> values_;
  void* matrix_ = nullptr;
  Multiply multiply_ = nullptr;
};

void race_graph(bench::Races& races, const char* name, const Graph& graph) {
  const bench::GraphFile file(graph, concat("cfm_bench_", name, ".graph"));
  const CsrView g = graph.fanins();
  const Index n = g.rows();
  for (const bool weighted : {false, true}) {
    std::vector<float> weights(static_cast<std::size_t>(g.edges()), 1.0f);
    Rng rng(3);
    if (weighted)
      for (float& w : weights) w = static_cast<float>(rng.uniform());
    for (const Index width : {32, 64, 128}) {
      if (weighted && width != 64) continue;
      const bench::PassTraffic traffic(graph, width, weighted ? 4 : 0);
      const auto limit = [traffic] { return traffic.limit(); };
      races.add({.workload = weighted ? "weighted spmm" : "spmm",
                 .shape = concat(name, ", ", n / 1000000, " M nodes, ", g.edges() / 1000,
                                 " k edges, ", width),
                 .bytes = traffic.bytes(),
                 .probe = limit},
                [&](bench::Race& race) {
        Tensor x = Tensor::empty({n, width}, DType::f32), y = Tensor::zeros({n, width});
        Tensor theirs = Tensor::zeros({n, width});
        for (float& v : x.span<float>()) v = static_cast<float>(rng.uniform());
        const auto map = [n, width](const Tensor& t) {
          return Matrix(const_cast<float*>(t.data<float>()), n, width);
        };
        auto a = std::make_shared<Sparse>(static_cast<int>(n), static_cast<int>(n));
        std::vector<Eigen::Triplet<float, std::int32_t>> entries;
        detail::for_each_edge(g, [&](std::int32_t v, std::size_t e) {
          entries.emplace_back(v, g.columns[e], weights[e]);
        });
        a->setFromTriplets(entries.begin(), entries.end());
        const auto eigen = [=] { map(theirs).noalias() = *a * map(x); };
        const auto factors = std::make_shared<std::vector<float>>(weights);
        // Tensors are named in captures: a view keeps nothing alive.
        const auto ours = [=, out = y, source = x, in = std::as_const(x).view<float, 2>(),
                           to = y.view<float, 2>()] {
          AggregateScale<float> scale;
          if (weighted) scale.edge = vector_view(std::as_const(*factors).data(), g.edges());
          aggregate_sum<float>(g, in, to, scale);
        };
        const auto check = [&](const char* what) {
          bench::verify(what, std::as_const(y).data<float>(), std::as_const(theirs).data<float>(),
                        static_cast<std::size_t>(n * width), 1e-4f);
        };
        ours();
        eigen();
        check("Eigen");
        race.ours(ours);
        race.peer("Eigen", eigen);
        const auto mkl = std::make_shared<MklSparse>(g, weights);
        if (*mkl) {
          const auto run = [=, out = theirs, to = theirs.data<float>()] {
            (*mkl)(std::as_const(x).data<float>(), to, width);
          };
          run();
          check("MKL");
          race.peer("MKL", run);
        }
        if (weighted) return;
        for (const char* form : {"csr", "scatter"}) {
          Json request{JsonObject{}};
          request.set("workload", "spmm");
          request.set("path", file.path());
          request.set("width", width);
          request.set("form", form);
          for (const auto& peer : bench::remotes())
            if (peer->run(request, 1))
              race.remote(concat(peer->name(), " ", form), [peer, request](int k) {
                return peer->run(request, k).value_or(std::nan(""));
              });
        }
      });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::races(argc, argv, [](bench::Races& races) {
    race_graph(races, "circuit", bench::circuit_graph(1000000));
    race_graph(races, "power law", bench::power_law_graph(20, 7800000));
  });
}
