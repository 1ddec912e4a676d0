#include <cfm/models/deepcell_linformer.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("linformer: the identity as projection gives full attention") {
  const LinformerConfig config{.dim = 8, .heads = 2, .keys = 6, .positions = 6, .depth = 1};
  LinformerAttention<> attention(config, Init(Rng(1), DType::f64));
  Tensor identity = Tensor::zeros({6, 6}, DType::f64);
  for (Index i = 0; i < 6; ++i) identity.view<double, 2>()(i, i) = 1;
  attention.proj_k.value = identity;
  const Tensor x = Init(Rng(2), DType::f64).normal({6, 8}, 0, 1);
  const Tensor y = attention(Var(x)).value().contiguous();
  const Tensor q = attention.to_q(Var(x)).value().contiguous();
  const Tensor k = attention.to_k(Var(x)).value().contiguous();
  Tensor heads = Tensor::zeros({6, 8}, DType::f64);
  for (Index h = 0; h < 2; ++h)
    for (Index i = 0; i < 6; ++i) {
      double weights[6], sum = 0;
      for (Index j = 0; j < 6; ++j) {
        double dot = 0;
        for (Index c = 0; c < 4; ++c)
          dot += q.view<double, 2>()(i, 4 * h + c) * k.view<double, 2>()(j, c);
        sum += weights[j] = std::exp(dot / 2);
      }
      for (Index j = 0; j < 6; ++j)
        for (Index c = 0; c < 4; ++c)
          heads.view<double, 2>()(i, 4 * h + c) += weights[j] / sum * k.view<double, 2>()(j, c);
    }
  const Tensor want = attention.to_out(Var(heads)).value().contiguous();
  for (std::size_t i = 0; i < 48; ++i)
    CHECK(y.span<double>()[i] == doctest::Approx(want.span<double>()[i]).epsilon(1e-12));
}

TEST_CASE("linformer: gradients, shorter sequences, errors") {
  const Linformer<> model({.dim = 4, .heads = 2, .keys = 3, .positions = 5, .depth = 2},
                          Init(Rng(1), DType::f64));
  const auto report = gradcheck([&](const std::vector<Var>& in) { return model(in[0]); },
                                {Init(Rng(2), DType::f64).normal({4, 4}, 0, 1)});
  CHECK_MESSAGE(report.passed, concat(report));
  CHECK(test::error_of([&] {
          model(Var(Tensor::zeros({6, 4}, DType::f64)));
        }).find("more positions") != std::string::npos);
}
