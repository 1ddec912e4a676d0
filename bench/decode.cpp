/// @file  Attention of one and of a few queries over long caches that come from memory, one thread:
///        bytes of keys and values a second beside the rate at which they can be read.
#include <memory>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/decode_attention.hpp>

#include "probe.hpp"

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

template <class S>
void measure(Index heads, Index kv_heads, Index queries, Index keys, Index width) {
  const double bytes = static_cast<double>(2 * kv_heads * keys * width) * sizeof(S);
  const Index count = std::max<Index>(2, static_cast<Index>(256e6 / bytes));
  Caches<S> caches(count, kv_heads, keys, width);
  const Tensor q = Tensor::full({1, heads, queries, width}, 0.3);
  Tensor out = Tensor::empty({1, heads, queries, width});
  const auto rate = [&](const auto& cache_of) {
    const double seconds = cfm::bench::fastest(5, [&] {
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
        cfm::decode_attention<float>(q.view<float, 4>(), cache_of(i), out.view<float, 4>());
    });
    const std::vector<float> want(static_cast<std::size_t>(out.size()), 0.5f);
    cfm::bench::verify("decode", out.span<float>().data(), want.data(), want.size(), 1e-5f);
    return static_cast<double>(count) * bytes / seconds;
  };
  double flat = 0, paged = 0, limit = 0;
  for (int round = 0; round < 3; ++round) {  // interleaved: the machine's speed drifts
    limit = std::max(limit, cfm::bench::stream_rate());
    flat = std::max(flat, rate([&](std::size_t i) { return caches.flat(i); }));
    paged = std::max(paged, rate([&](std::size_t i) { return caches.paged(i); }));
  }
  std::printf(
      "%-4s heads %2lld of %2lld queries %lld keys %5lld width %3lld: %6.2f GB/s, pages of "
      "%lld %6.2f, read limit %6.2f: %3.0f %% and %3.0f %%\n",
      cfm::name(cfm::dtype_of<S>).data(), static_cast<long long>(heads),
      static_cast<long long>(kv_heads), static_cast<long long>(queries),
      static_cast<long long>(keys), static_cast<long long>(width), flat / 1e9,
      static_cast<long long>(page), paged / 1e9, limit / 1e9, 100 * flat / limit,
      100 * paged / limit);
}

}  // namespace

int main() {
  cfm::ThreadLimit one(1);
  one.run([&] {
    for (Index width : {64, 128}) {
      measure<float>(8, 8, 1, 4096, width);
      measure<float>(32, 8, 1, 4096, width);
      measure<float>(8, 8, 8, 4096, width);
      measure<cfm::bf16>(8, 8, 1, 4096, width);
      measure<cfm::f16>(8, 8, 1, 4096, width);
      measure<cfm::f16>(32, 8, 1, 4096, width);
    }
    measure<cfm::f16>(8, 8, 1, 65536, 128);
  });
}
