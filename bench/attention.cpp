/// @file  Flash attention against the plain formula on our own products, and its backward pass; one
///        thread, in one process.
#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/attention_backward.hpp>
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

// Both passes of two heads; five products count as the backward pass, two as the forward pass.
template <class Mask>
void both_passes(const char* name, cfm::Index n, cfm::Index width, const Mask& mask, double share) {
  const auto input = [&](std::uint64_t seed) {
    return normals(2 * n, width, seed).reshape({1, 2, n, width});
  };
  const cfm::Tensor q = input(1), k = input(2), v = input(3), g = input(4);
  cfm::AttentionResult r = cfm::flash_attention_result(q, k, v, mask);
  cfm::Tensor dq = cfm::Tensor::empty(q.shape()), dk = dq.clone(), dv = dq.clone();
  const cfm::AttentionSaved<float> saved{q.view<float, 4>(),
                                         k.view<float, 4>(),
                                         v.view<float, 4>(),
                                         std::as_const(r.out).view<float, 4>(),
                                         std::as_const(r.logsumexp).view<float, 3>(),
                                         g.view<float, 4>()};
  cfm::Tensor out = cfm::Tensor::empty(q.shape());
  double forward = 1e9, backward = 1e9, limit = 0;
  for (int round = 0; round < 4; ++round) {  // interleaved: the machine's speed drifts
    limit = std::max(limit, cfm::bench::multiply_add_rate());
    forward = std::min(forward, cfm::bench::fastest(2, [&] {
                         cfm::flash_attention(q.view<float, 4>(), k.view<float, 4>(),
                                              v.view<float, 4>(), out.view<float, 4>(), mask);
                       }));
    backward =
        std::min(backward, cfm::bench::fastest(2, [&] {
                   cfm::flash_attention_backward<float>(
                       saved, dq.view<float, 4>(), dk.view<float, 4>(), dv.view<float, 4>(), mask);
                 }));
  }
  const double flops = 8.0 * share * static_cast<double>(n * n * width);
  std::printf(
      "%s n %lld width %lld: forward %.1f GFLOP/s (%.0f %% of the limit), backward %.1f "
      "(%.0f %%), both %.2f ms\n",
      name, static_cast<long long>(n), static_cast<long long>(width), flops / forward / 1e9,
      100 * flops / forward / limit, 2.5 * flops / backward / 1e9, 250 * flops / backward / limit,
      1e3 * (forward + backward));
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
    for (cfm::Index width : {64, 128})
      for (cfm::Index n : {512, 1024, 2048}) {
        both_passes("all keys", n, width, cfm::AllKeys{}, 1);
        both_passes("causal", n, width, cfm::Causal{}, 0.5 + 0.5 / static_cast<double>(n));
      }
  });
}
