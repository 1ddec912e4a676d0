#include <cfm/kernels/detail/past_cache.hpp>

#include <cfm/kernels/batch_norm.hpp>
#include <cfm/kernels/loss.hpp>
#include <cfm/kernels/softmax.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

constexpr Index far_rows = 8200, far_n = 1024;  // a little over 32 MiB

// run(first row, rows, out) on all rows at once and on the last ones alone: the same bits.
template <class F>
void check_same(const char* what, const F& run) {
  CAPTURE(what);
  Tensor far = Tensor::zeros({far_rows, far_n}), near = Tensor::zeros({40, far_n});
  REQUIRE(isa_detail::past_cache(far.data<float>(), far_rows, far_n, far_n));
  REQUIRE_FALSE(isa_detail::past_cache(near.data<float>(), 40, far_n, far_n));
  run(0, far_rows, far.data<float>());
  run(far_rows - 40, 40, near.data<float>());
  CHECK(std::memcmp(std::as_const(far).data<float>() + (far_rows - 40) * far_n,
                    std::as_const(near).data<float>(), 40 * far_n * sizeof(float)) == 0);
}

}  // namespace

TEST_CASE("past_cache: large outputs have the bits of small ones") {
  const Tensor x = Tensor::from(test::normals<float>(far_rows * far_n, 1), {far_rows, far_n});
  const float* const data = x.data<float>();
  const std::vector<float> gain = test::normals<float>(far_n, 2, 0.1, 1);
  const auto gv = vector_view(gain.data(), far_n);
  std::vector<float> s(far_rows), t(far_rows), dg(far_n), db(far_n);
  const auto matrix = [&](Index first, Index count) {
    return matrix_view(data + first * far_n, count, far_n);
  };
  check_same("map", [&](Index first, Index count, float* out) {
    map(ops::Gelu{}, vector_view(data + first * far_n, count * far_n),
        vector_view(out, count * far_n));
  });
  check_same("map of two", [&](Index first, Index count, float* out) {
    const auto v = vector_view(data + first * far_n, count * far_n);
    map(ops::Mul{}, v, v, vector_view(out, count * far_n));
  });
  check_same("softmax", [&](Index first, Index count, float* out) {
    softmax_rows(matrix(first, count), matrix_view(out, count, far_n));
  });
  check_same("log_softmax", [&](Index first, Index count, float* out) {
    log_softmax_rows(matrix(first, count), matrix_view(out, count, far_n));
  });
  check_same("softmax_rows_backward", [&](Index first, Index count, float* out) {
    softmax_rows_backward(matrix(first, count), matrix(first, count),
                          matrix_view(out, count, far_n));
  });
  check_same("layer_norm", [&](Index first, Index count, float* out) {
    layer_norm(matrix(first, count), gv, gv, matrix_view(out, count, far_n),
               vector_view(s.data(), count), vector_view(t.data(), count));
  });
  check_same("rms_norm", [&](Index first, Index count, float* out) {
    rms_norm(matrix(first, count), gv, matrix_view(out, count, far_n),
             vector_view(t.data(), count));
  });
  check_same("batch_norm", [&](Index first, Index count, float* out) {
    batch_norm(matrix(first, count), gv, gv, gv, gv, matrix_view(out, count, far_n));
  });
  check_same("layer_norm_backward", [&](Index first, Index count, float* out) {
    std::fill(s.begin(), s.end(), 0.1f);
    std::fill(t.begin(), t.end(), 0.9f);
    layer_norm_backward<float>(matrix(first, count), matrix(first, count), gv,
                               vector_view(s.data(), count), vector_view(t.data(), count),
                               matrix_view(out, count, far_n), vector_view(dg.data(), far_n),
                               vector_view(db.data(), far_n));
  });
  check_same("cross_entropy_rows_backward", [&](Index first, Index count, float* out) {
    const std::vector<std::int32_t> labels(static_cast<std::size_t>(count), 7);
    cross_entropy_rows_backward<float>(matrix(first, count), vector_view(labels.data(), count),
                                       vector_view(s.data(), count), vector_view(t.data(), count),
                                       matrix_view(out, count, far_n));
  });
}
