/// @file  Attention of one and of a few queries over long caches that come from memory, one thread:
///        bytes of keys and values a second.
#include <memory>

#include <cfm/kernels/decode_attention.hpp>

#include "ggml.hpp"
#include "remote.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;

constexpr Index page = 16;

// Caches that are used in turn, so that each has left the processor's caches when it comes again.
template <class S>
struct Caches {
  Caches(Index count, Index heads, Index keys, Index width) : lengths{keys} {
    for (Index i = 0; i < count; ++i) {
      k.push_back(Tensor::full({1, heads, keys, width}, 0.01, cfm::dtype_of<S>));
      v.push_back(Tensor::full({1, heads, keys, width}, 0.5, cfm::dtype_of<S>));
    }
    const Index pages = keys / page;
    std::vector<std::int32_t> order;
    for (Index i = 0; i < pages; ++i) order.push_back(static_cast<std::int32_t>(i));
    cfm::Rng rng(1);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    table = Tensor::from(order, {1, pages});
  }
  cfm::KvCacheView<S> flat(std::size_t i) {
    return {k[i].template view<S, 4>(), v[i].template view<S, 4>(), lengths};
  }
  // The same memory, read as pages in random order.
  cfm::PagedKvCacheView<S> paged(std::size_t i) {
    const auto pages = [](Tensor& t) {
      return t.reshape({t.size(2) / page, t.size(1), page, t.size(3)});
    };
    Tensor a = pages(k[i]), b = pages(v[i]);
    return {a.view<S, 4>(), b.view<S, 4>(), std::as_const(table).view<std::int32_t, 2>(), lengths};
  }

  std::vector<Index> lengths;
  std::vector<Tensor> k, v;
  Tensor table;
};

// Bytes of keys and values a second. The peer has as many caches and takes turns too.
template <class S>
void decode(cfm::bench::Races& races, Index heads, Index kv_heads, Index queries, Index keys,
            Index width, bool paged) {
  const double bytes = static_cast<double>(2 * kv_heads * keys * width) * sizeof(S);
  const Index count = std::max<Index>(2, static_cast<Index>(256e6 / bytes));
  const std::string name =
      cfm::concat("decode ", cfm::name(cfm::dtype_of<S>), paged ? " pages" : "");
  const std::string shape =
      cfm::concat(heads, "/", kv_heads, " heads ", queries, " x ", keys, " x ", width);
  races.add({name, shape, 0, bytes}, [&](cfm::bench::Race& race) {
    struct State {
      Caches<S> caches;
      Tensor q, out;
      std::size_t next = 0;
    };
    const auto state = std::make_shared<State>(State{Caches<S>(count, kv_heads, keys, width),
                                                     Tensor::full({1, heads, queries, width}, 0.3),
                                                     Tensor::empty({1, heads, queries, width})});
    const auto ours = [=] {
      State& s = *state;
      const auto q = std::as_const(s.q).template view<float, 4>();
      const std::size_t i = s.next++ % static_cast<std::size_t>(count);
      if (paged)
        cfm::decode_attention<float>(q, s.caches.paged(i), s.out.template view<float, 4>());
      else
        cfm::decode_attention<float>(q, s.caches.flat(i), s.out.template view<float, 4>());
    };
    ours();
    const std::vector<float> want(static_cast<std::size_t>(state->out.size()), 0.5f);
    cfm::bench::verify("decode", std::as_const(state->out).template data<float>(), want.data(),
                       want.size(), 1e-5f);
    race.ours(ours);
    const cfm::bench::Ggml* const g = cfm::bench::Ggml::library();
    if (g != nullptr && !paged) {
      const auto task = std::make_shared<cfm::bench::GgmlTask>(
          *g, static_cast<std::size_t>((count + 1) * static_cast<Index>(bytes)));
      const auto q = task->copy(state->q);
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
        task->attention(q, task->copy(state->caches.k[i]), task->copy(state->caches.v[i]), nullptr,
                        1 / std::sqrt(static_cast<float>(width)));
      task->run();
      // It adds values of f16 in f16: a sum of 4096 equal weights stops growing on the way.
      if (!std::is_same_v<S, cfm::f16>)
        cfm::bench::verify("ggml", task->result(), want.data(), want.size(), 1e-2f);
      race.peer("ggml", [task] { task->run(); });
    }
    cfm::Json request;
    request.set("workload", "decode");
    request.set("heads", heads);
    request.set("kv_heads", kv_heads);
    request.set("queries", queries);
    request.set("keys", keys);
    request.set("width", width);
    request.set("dtype", cfm::name(cfm::dtype_of<S>));
    request.set("count", count);
    if (!paged) cfm::bench::add_remotes(race, request);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return cfm::bench::races(argc, argv, [](cfm::bench::Races& races) {
    for (const bool paged : {false, true})
      for (Index width : {64, 128}) {
        decode<float>(races, 8, 8, 1, 4096, width, paged);
        decode<float>(races, 32, 8, 1, 4096, width, paged);
        decode<cfm::bf16>(races, 8, 8, 1, 4096, width, paged);
        decode<cfm::f16>(races, 8, 8, 1, 4096, width, paged);
      }
    decode<float>(races, 8, 8, 8, 4096, 64, false);
  });
}
