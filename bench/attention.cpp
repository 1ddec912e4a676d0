/// @file  Flash attention, forward and with its backward pass, counted on the work that the mask
/// needs.
#include <memory>

#include <cfm/kernels/attention_backward.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/softmax.hpp>

#include "ggml.hpp"
#include "remote.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using cfm::bench::Race;
using cfm::bench::Races;

struct Operands {
  Tensor q, k, v, g, out, logsumexp, dq, dk, dv;

  Operands(Index heads, Index n, Index width) {
    cfm::Rng rng(1);
    for (Tensor* t : {&q, &k, &v, &g}) {
      *t = Tensor::empty({1, heads, n, width});
      for (float& x : t->span<float>()) x = static_cast<float>(rng.normal());
    }
    for (Tensor* t : {&out, &dq, &dk, &dv}) *t = Tensor::empty({1, heads, n, width});
    logsumexp = Tensor::empty({1, heads, n});
  }
  static cfm::View<const float, 4> in(const Tensor& t) { return t.view<float, 4>(); }

  template <class Mask>
  void forward(const Mask& mask) {
    cfm::flash_attention<float>(in(q), in(k), in(v), out.view<float, 4>(), mask, {},
                                {.logsumexp = logsumexp.view<float, 3>()});
  }
  template <class Mask>
  void backward(const Mask& mask) {
    const Tensor& lse = logsumexp;
    cfm::flash_attention_backward<float>(
        {in(q), in(k), in(v), in(out), lse.view<float, 3>(), in(g)}, dq.view<float, 4>(),
        dk.view<float, 4>(), dv.view<float, 4>(), mask);
  }

  // The first head by the formula.
  template <class Mask>
  void check(const Mask& mask) const {
    const Index n = q.size(2), width = q.size(3);
    const auto head = [](const Tensor& t) { return t.select(0, 0).select(0, 0); };
    Tensor s = cfm::matmul(head(q), head(k).transpose(0, 1));
    for (Index i = 0; i < n; ++i) {
      const cfm::KeyRange range = mask(cfm::QueryPlace{0, i, n, n});
      for (Index j = 0; j < n; ++j) {
        float& x = s.view<float, 2>()(i, j);
        x = j < range.begin || j >= range.end ? -std::numeric_limits<float>::infinity()
                                              : x / std::sqrt(static_cast<float>(width));
      }
    }
    const Tensor want = cfm::matmul(cfm::softmax(s, 1), head(v));
    cfm::bench::verify("attention", out.data<float>(), want.data<float>(),
                       static_cast<std::size_t>(n * width), 1e-5f);
  }
};

// The forward pass of ggml; its result is [n, heads, width].
std::shared_ptr<cfm::bench::GgmlTask> ggml(const Operands& o, bool causal) {
  const cfm::bench::Ggml* const g = cfm::bench::Ggml::library();
  if (g == nullptr) return nullptr;
  const Index heads = o.q.size(1), n = o.q.size(2), width = o.q.size(3);
  auto task = std::make_shared<cfm::bench::GgmlTask>(
      *g, static_cast<std::size_t>(4 * 4 * o.q.size() + 2 * n * n));
  cfm::bench::Ggml::Tensor mask = nullptr;
  if (causal) {
    Tensor hidden = Tensor::zeros({n, n});
    for (Index i = 0; i < n; ++i)
      for (Index j = i + 1; j < n; ++j)
        hidden.view<float, 2>()(i, j) = -std::numeric_limits<float>::infinity();
    mask = task->copy(hidden.to(cfm::DType::f16));
  }
  task->attention(task->copy(o.q), task->copy(o.k), task->copy(o.v), mask,
                  1 / std::sqrt(static_cast<float>(width)));
  task->run();
  const Tensor want = o.out.permute({0, 2, 1, 3}).contiguous();
  cfm::bench::verify("ggml", std::as_const(want).data<float>(), task->result(),
                     static_cast<std::size_t>(n * heads * width), 2e-3f);
  return task;
}

// Two products forward, five backward.
template <class Mask>
void attention(Races& races, Index n, Index width, const Mask& mask, bool causal, bool train) {
  constexpr Index heads = 4;
  const double share = causal ? 0.5 + 0.5 / static_cast<double>(n) : 1;
  const double flops = (train ? 14.0 : 4.0) * share * static_cast<double>(heads * n * n * width);
  const double bytes = (train ? 12.0 : 4.0) * 4 * static_cast<double>(heads * n * width);
  const std::string name = cfm::concat("attention", train ? " both" : "", causal ? " causal" : "");
  races.add({name, cfm::concat("n ", n, " width ", width), flops, bytes}, [&](Race& race) {
    auto o = std::make_shared<Operands>(heads, n, width);
    o->forward(mask);
    o->check(mask);
    race.ours([o, mask, train] {
      o->forward(mask);
      if (train) o->backward(mask);
    });
    if (!train)
      if (const auto task = ggml(*o, causal)) race.peer("ggml", [task] { task->run(); });
    cfm::Json request;
    request.set("workload", "attention");
    request.set("batch", 1);
    request.set("heads", heads);
    request.set("n", n);
    request.set("width", width);
    if (causal) request.set("causal", true);
    if (train) request.set("train", true);
    cfm::bench::add_remotes(race, request);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return cfm::bench::races(argc, argv, [](Races& races) {
    for (const bool train : {false, true})
      for (Index width : {64, 128})
        for (Index n : {512, 1024, 2048, 4096}) {
          attention(races, n, width, cfm::AllKeys{}, false, train);
          attention(races, n, width, cfm::Causal{}, true, train);
        }
  });
}
