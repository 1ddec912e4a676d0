/// @file  Flash attention against the plain formula on our own products, one thread, in one
/// process.
#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/attention.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/softmax.hpp>

#include "probe.hpp"

namespace {

cfm::Tensor normals(cfm::Index n, cfm::Index width, std::uint64_t seed) {
  cfm::Tensor out = cfm::Tensor::empty({1, 1, n, width});
  cfm::Rng rng(seed);
  for (float& x : out.span<float>()) x = static_cast<float>(rng.normal());
  return out;
}

template <class Mask>
void compare(const char* name, cfm::Index n, cfm::Index width, const Mask& mask, double share) {
  const cfm::Tensor q = normals(n, width, 1), k = normals(n, width, 2), v = normals(n, width, 3);
  const cfm::Tensor visible = [&] {  // 0 or -infinity
    cfm::Tensor out = cfm::Tensor::zeros({n, n});
    for (cfm::Index i = 0; i < n; ++i) {
      const cfm::KeyRange range = mask(cfm::QueryPlace{0, i, n, n});
      for (cfm::Index j = 0; j < n; ++j)
        if (j < range.begin || j >= range.end)
          out.view<float, 2>()(i, j) = -std::numeric_limits<float>::infinity();
    }
    return out;
  }();
  cfm::Tensor ours = cfm::Tensor::empty({1, 1, n, width}), theirs;
  const auto run = [&] {
    cfm::flash_attention(q.view<float, 4>(), k.view<float, 4>(), v.view<float, 4>(),
                         ours.view<float, 4>(), mask);
  };
  const auto naive = [&] {
    cfm::Tensor s = cfm::matmul(q.reshape({n, width}), k.reshape({n, width}).transpose(0, 1));
    const float scale = 1 / std::sqrt(static_cast<float>(width));
    const auto scores = s.span<float>();
    const auto hidden = visible.span<float>();
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = scores[i] * scale + hidden[i];
    theirs = cfm::matmul(cfm::softmax(s, 1), v.reshape({n, width}));
  };
  run();
  naive();
  cfm::bench::verify(name, ours.span<float>().data(), theirs.span<float>().data(),
                     static_cast<std::size_t>(n * width), 1e-5f);
  const double flops = 4.0 * share * static_cast<double>(n * n * width);
  const int repeat = static_cast<int>(std::max(1.0, 2e8 / flops));
  const auto rate = [&](const auto& f) {
    return repeat * flops / cfm::bench::fastest(5, [&] {
             for (int i = 0; i < repeat; ++i) f();
           });
  };
  const double limit = cfm::bench::multiply_add_rate();
  cfm::bench::report(cfm::concat(name, " n ", n, " width ", width), rate(run), rate(naive), limit,
                     "GFLOP/s");
}

}  // namespace

int main() {
  cfm::ThreadLimit one(1);
  one.run([&] {
    for (cfm::Index width : {64, 128})
      for (cfm::Index n : {512, 1024, 2048, 4096}) {
        compare("all keys", n, width, cfm::AllKeys{}, 1);
        compare("causal", n, width, cfm::Causal{}, 0.5 + 0.5 / static_cast<double>(n));
      }
  });
}
