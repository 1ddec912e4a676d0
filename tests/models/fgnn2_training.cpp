#include <cfm/models/fgnn2_training.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/nn/init.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

double direct_contrast(const Tensor& a, const Tensor& b, const Tensor& w, double t) {
  const auto cosine = [&](Index i, Index j) {
    double dot = 0, x = 0, y = 0;
    for (Index c = 0; c < a.size(1); ++c) {
      const double p = a.view<double, 2>()(i, c), q = b.view<double, 2>()(j, c);
      dot += p * q;
      x += p * p;
      y += q * q;
    }
    return dot / std::sqrt(x * y);
  };
  double total = 0;
  const Index n = a.size(0);
  for (Index i = 0; i < n; ++i)
    for (const bool rows : {true, false}) {
      const double positive = std::exp(cosine(i, i) / t);
      double sum = positive;
      for (Index j = 0; j < n; ++j)
        if (i != j)
          sum += (w.defined() ? w.view<double, 2>()(rows ? i : j, rows ? j : i) : 1) *
                 std::exp((rows ? cosine(i, j) : cosine(j, i)) / t);
      total -= std::log(positive / sum);
    }
  return total / (2 * static_cast<double>(n));
}

}  // namespace

TEST_CASE("fgnn2 training: the loss equals a direct computation of 4 pairs") {
  Init init(Rng(1), DType::f64);
  const Tensor a = init.normal({4, 5}, 0, 1), b = init.normal({4, 5}, 0, 1);
  Tensor w = init.uniform({4, 4}, 0, 1);
  CHECK(contrastive_loss(Var(a), Var(b)).item<double>() ==
        doctest::Approx(direct_contrast(a, b, {}, 0.1)).epsilon(1e-9));
  w.view<double, 2>()(1, 2) = 0;
  CHECK(contrastive_loss(Var(a), Var(b), w, 0.5).item<double>() ==
        doctest::Approx(direct_contrast(a, b, w, 0.5)).epsilon(1e-9));
  const auto report = gradcheck(
      [&](const std::vector<Var>& in) { return contrastive_loss(in[0], in[1], w); }, {a, b});
  CHECK_MESSAGE(report.passed, concat(report));
}

TEST_CASE("fgnn2 training: codes of truth tables") {
  CHECK(truth_table_code({false, false, false, true}) == std::vector<double>{0, 0, 1});  // AND
  CHECK(truth_table_code({false, true, true, false}) == std::vector<double>{0, 1, 0});   // XOR
  CHECK(truth_table_code({false, true, false, true}) == std::vector<double>{0, .5, 1});  // a
  const std::vector<std::vector<double>> codes{{0, 0, 1}, {0, 1, 0}, {0, 0, .5}};
  const Tensor w = contrast_weights(codes);
  CHECK(w.view<float, 2>()(0, 1) == 1);
  CHECK(w.view<float, 2>()(0, 2) == 0);
  CHECK(test::error_of([] {
          truth_table_code({true, false, true});
        }).find("2^inputs") != std::string::npos);
}
