#pragma once
/// @file  The smoothest eigenvectors of a graph's Laplacian.

#include <cmath>
#include <numeric>

#include <cfm/core/rng.hpp>
#include <cfm/graph/detail/symmetric_eigen.hpp>
#include <cfm/graph/undirected.hpp>

CFM_NAMESPACE_BEGIN

/// How laplacian_eigenvectors works.
struct LaplacianOptions {
  Index count = 8;          ///< eigenvectors
  double tolerance = 1e-8;  ///< for the norm of L v - lambda v
  Index max_rounds = 100;   ///< filters at most; above that NumericError
  Index dense_below = 64;   ///< graphs of fewer nodes are solved directly
  Rng rng = Rng(0);         ///< where the search begins
};

/// Eigenpairs of L = I - D^-1/2 (adjacency) D^-1/2, edges both ways, parallel ones once; rows of
/// nodes without neighbours are those of the identity without its 1: eigenvalue 0.
struct LaplacianEigenvectors {
  Tensor values;   ///< f64[count], ascending, each in [0, 2]
  Tensor vectors;  ///< f32[nodes, count], orthonormal, the largest element of each positive; zeros
                   ///< for what a graph of fewer nodes does not have
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// The normalised Laplacian of an undirected graph, and blocks of vectors [nodes, width] under it.
class Laplacian {
 public:
  explicit Laplacian(const Graph& graph)
      : rows_(graph.fanins()), root_(detail::to_size(graph.nodes())) {
    for (Index v = 0; v < rows_.rows(); ++v)
      root_[detail::to_size(v)] =
          rows_[v].empty() ? 0 : 1 / std::sqrt(static_cast<double>(rows_[v].size()));
  }

  Index nodes() const { return rows_.rows(); }

  // out = a (L x) + b x + c out.
  void apply(const std::vector<double>& x, std::vector<double>& out, Index width, double a,
             double b, double c) const {
    parallel_for(nodes(), grain_for(24 * width), [&](Index begin, Index end) {
      std::vector<double> sum(detail::to_size(width));
      for (Index v = begin; v < end; ++v) {
        std::fill(sum.begin(), sum.end(), 0.0);
        for (const std::int32_t u : rows_[v]) {
          const double factor = root_[detail::to_size(u)];
          const double* in = x.data() + u * width;
          for (Index j = 0; j < width; ++j) sum[detail::to_size(j)] += factor * in[j];
        }
        const double own = rows_[v].empty() ? 0 : 1;
        const double scale = root_[detail::to_size(v)];
        const double* in = x.data() + v * width;
        double* to = out.data() + v * width;
        for (Index j = 0; j < width; ++j)
          to[j] = a * (own * in[j] - scale * sum[detail::to_size(j)]) + b * in[j] + c * to[j];
      }
    });
  }

 private:
  CsrView rows_;
  std::vector<double> root_;  // of the inverse degrees
};

// Columns of x [nodes, width] made orthonormal, one after the other, each twice; what is left of a
// dependent one is drawn anew.
inline void orthonormalize(std::vector<double>& x, Index nodes, Index width, Rng& rng) {
  const auto dot = [&](Index i, Index j) {
    double sum = 0;
    for (Index v = 0; v < nodes; ++v)
      sum += x[detail::to_size(v * width + i)] * x[detail::to_size(v * width + j)];
    return sum;
  };
  for (Index j = 0; j < width; ++j) {
    for (int attempt = 0; attempt < 4; ++attempt) {
      const double before = std::sqrt(dot(j, j));
      for (int pass = 0; pass < 2; ++pass)
        for (Index i = 0; i < j; ++i) {
          const double share = dot(i, j);
          for (Index v = 0; v < nodes; ++v)
            x[detail::to_size(v * width + j)] -= share * x[detail::to_size(v * width + i)];
        }
      const double norm = std::sqrt(dot(j, j));
      if (norm > 1e-10 * before && norm > 0) {
        for (Index v = 0; v < nodes; ++v) x[detail::to_size(v * width + j)] /= norm;
        break;
      }
      for (Index v = 0; v < nodes; ++v) x[detail::to_size(v * width + j)] = rng.normal();
    }
  }
}

// Rayleigh and Ritz: x becomes the eigenvectors of L within its span, values ascending.
inline std::vector<double> rotate_to_ritz(const Laplacian& laplacian, std::vector<double>& x,
                                          std::vector<double>& lx, Index width) {
  laplacian.apply(x, lx, width, 1, 0, 0);
  const auto n = detail::to_size(width);
  std::vector<double> small(n * n, 0);
  for (Index v = 0; v < laplacian.nodes(); ++v)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i; j < n; ++j)
        small[i * n + j] += x[detail::to_size(v) * n + i] * lx[detail::to_size(v) * n + j];
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) small[i * n + j] = small[j * n + i];
  std::vector<double> turn;
  std::vector<double> values = detail::symmetric_eigen(small, n, turn);
  std::vector<double> row(n);
  for (std::vector<double>* block : {&x, &lx})
    for (Index v = 0; v < laplacian.nodes(); ++v) {
      double* at = block->data() + v * width;
      std::fill(row.begin(), row.end(), 0.0);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) row[j] += at[i] * turn[i * n + j];
      std::copy(row.begin(), row.end(), at);
    }
  return values;
}

// The smallest eigenpairs by filtered subspace iteration: a Chebyshev polynomial of L that is small
// on [cut, 2] and grows below it.
inline std::vector<double> smallest_eigenpairs(const Laplacian& laplacian, std::vector<double>& x,
                                               Index width, const LaplacianOptions& options) {
  const Index nodes = laplacian.nodes();
  const auto size = detail::to_size(nodes * width);
  x.resize(size);
  Rng rng = options.rng;
  for (double& value : x) value = rng.normal();
  std::vector<double> lx(size), last(size), next(size);
  orthonormalize(x, nodes, width, rng);
  double worst = 0;
  for (Index round = 0; round < options.max_rounds; ++round) {
    const std::vector<double> values = rotate_to_ritz(laplacian, x, lx, width);
    worst = 0;
    for (Index j = 0; j < std::min(options.count, width); ++j) {
      double sum = 0;
      for (Index v = 0; v < nodes; ++v) {
        const auto at = detail::to_size(v * width + j);
        const double rest = lx[at] - values[detail::to_size(j)] * x[at];
        sum += rest * rest;
      }
      worst = std::max(worst, std::sqrt(sum));
    }
    if (worst <= options.tolerance) return values;
    // Amplifies eigenvalue 0 by about e^18 against the cut: more would drown the others. A lower
    // cut than this would take a higher degree than that.
    const double cut = std::min(std::max(values.back(), 1e-5), 1.9);
    const double middle = (cut + 2) / 2, radius = (2 - cut) / 2;
    const double growth = std::acosh(middle / radius);
    const auto degree = static_cast<Index>(std::min(4000.0, std::max(6.0, std::ceil(18 / growth))));
    // T0 = x, T1 = (L - middle) / radius x, T(k+1) = 2 (L - middle) / radius Tk - T(k-1), each
    // divided by its value at eigenvalue 0, so that nothing grows too large.
    double ratio = -radius / middle;
    const double first = ratio;
    last = x;
    next.assign(size, 0.0);
    laplacian.apply(x, next, width, first / radius, -first * middle / radius, 0);
    for (Index k = 2; k <= degree; ++k) {
      const double following = 1 / (2 / first - ratio);
      laplacian.apply(next, last, width, 2 * following / radius, -2 * following * middle / radius,
                      -ratio * following);
      last.swap(next);
      ratio = following;
    }
    x.swap(next);
    orthonormalize(x, nodes, width, rng);
  }
  throw_error<NumericError>("laplacian_eigenvectors: not converged: residual ", worst, " after ",
                            options.max_rounds, " rounds, wanted ", options.tolerance);
}

}  // namespace isa_detail

/// The eigenvectors of the smallest eigenvalues. Their signs are a convention, and within equal
/// eigenvalues any rotation serves as well: use them through what does not depend on it (SignNet,
/// absolute values, random flips while training).
/// Order:   the same bits for any number of threads.
/// Errors:  Error if options are out of range; NumericError if the iteration does not converge.
/// Cost:    nodes^3 below dense_below; else 2 count + 4 vectors of doubles, three times, and for
///          each round some hundred products with the adjacency.
/// Source:  the filter after Y. Zhou, Y. Saad, "A Chebyshev-Davidson algorithm", SIAM J. Matrix
///          Anal. Appl. 29 (2007); as an encoding V. Dwivedi et al., JMLR 24 (2023).
inline LaplacianEigenvectors laplacian_eigenvectors(const Graph& graph,
                                                    const LaplacianOptions& options = {}) {
  CFM_CHECK(options.count >= 0 && options.tolerance > 0 && options.max_rounds > 0,
            "laplacian_eigenvectors: count, tolerance and rounds", options.count, options.tolerance,
            options.max_rounds);
  const Graph both = undirected(graph);
  const isa_detail::Laplacian laplacian(both);
  const Index nodes = graph.nodes(), kept = std::min(options.count, nodes);
  LaplacianEigenvectors out{Tensor::zeros({options.count}, DType::f64),
                            Tensor::zeros({nodes, options.count})};
  if (kept == 0) return out;
  Index width = std::min(nodes, 2 * options.count + 4);
  std::vector<double> x, values;
  if (nodes < options.dense_below || width == nodes) {
    width = nodes;
    std::vector<double> identity(detail::to_size(nodes * nodes), 0), matrix(identity.size());
    for (Index v = 0; v < nodes; ++v) identity[detail::to_size(v * nodes + v)] = 1;
    laplacian.apply(identity, matrix, nodes, 1, 0, 0);
    values = detail::symmetric_eigen(matrix, detail::to_size(nodes), x);
  } else {
    values = isa_detail::smallest_eigenpairs(laplacian, x, width, options);
  }
  const auto vectors = out.vectors.span<float>();
  for (Index j = 0; j < kept; ++j) {
    out.values.span<double>()[detail::to_size(j)] =
        std::min(2.0, std::max(0.0, values[detail::to_size(j)]));
    double largest = 0;
    for (Index v = 0; v < nodes; ++v) {
      const double value = x[detail::to_size(v * width + j)];
      // Of elements that are equal but for rounding the first one decides.
      if (std::abs(value) > std::abs(largest) * (1 + 1e-6)) largest = value;
    }
    for (Index v = 0; v < nodes; ++v)
      vectors[detail::to_size(v * options.count + j)] =
          static_cast<float>(x[detail::to_size(v * width + j)] * (largest < 0 ? -1 : 1));
  }
  return out;
}

CFM_ISA_NAMESPACE_END
