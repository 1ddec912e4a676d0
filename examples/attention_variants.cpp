// Attention of one's own: a mask, a score with its gradient, and a conversation over a paged cache.

#include <cstdio>
#include <vector>

#include <cfm/autograd/ops_attention.hpp>
#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_rope.hpp>
#include <cfm/kernels/decode_attention.hpp>
#include <cfm/kernels/tree_mask.hpp>
#include <cfm/tensor/factories.hpp>

// [mask]
/// Sees the keys of its own group of `size` positions, and every key before the group's start that
/// is a multiple of `stride`.
struct LocalAndStrided {
  cfm::Index size = 64, stride = 16;

  cfm::KeyRange operator()(const cfm::QueryPlace& q) const { return {0, q.position() + 1, 0}; }
  cfm::Index first_hidden(const cfm::QueryPlace&) const { return 0; }
  bool hides_key(const cfm::QueryPlace& q, cfm::Index key) const {
    return key < q.position() / size * size && key % stride != 0;
  }
};
// [mask]

// [score]
/// Distant keys count less, and no score exceeds 20.
struct SoftDecay {
  float rate = 0;
  auto operator()(auto score, auto distance) const {
    return tanh((score - log1p(abs(distance)) * rate) / 20.0f) * 20.0f;
  }
};
// [score]

int main() {
  cfm::Rng rng(1);
  const cfm::Tensor q = cfm::normal({1, 4, 200, 32}, rng), k = cfm::normal({1, 2, 200, 32}, rng),
                    v = cfm::normal({1, 2, 200, 32}, rng);

  // [train]
  cfm::Tape tape({.training = true, .rng = cfm::Rng(7)});
  const cfm::Var queries = tape.leaf(q), keys = tape.leaf(k);
  const cfm::Var out = cfm::flash_attention(rope(queries), rope(keys), v, LocalAndStrided{},
                                            SoftDecay{0.5f}, {.dropout = 0.1});
  tape.backward(sum(out * out));
  // [train]
  std::printf("gradient of the first key: %.5f\n",
              static_cast<double>(tape.grad(keys).span<float>()[0]));

  // [paged]
  // 40 pages of 16 positions for two heads of keys; sequence 0 may use pages 7, 3 and 12.
  cfm::Tensor pages_k = cfm::Tensor::zeros({40, 2, 16, 32}, cfm::DType::bf16);
  cfm::Tensor pages_v = cfm::Tensor::zeros({40, 2, 16, 32}, cfm::DType::bf16);
  const cfm::Tensor table = cfm::Tensor::of<std::int32_t>({7, 3, 12}).reshape({1, 3});
  std::vector<cfm::Index> lengths{0};
  const cfm::PagedKvCacheView<cfm::bf16> cache{pages_k.view<cfm::bf16, 4>(),
                                               pages_v.view<cfm::bf16, 4>(),
                                               table.view<std::int32_t, 2>(), lengths};
  cfm::Tensor answer = cfm::Tensor::empty({1, 4, 1, 32});
  for (cfm::Index step = 0; step < 40; ++step) {
    const auto row = [&](const cfm::Tensor& t) { return t.slice(2, step, step + 1); };
    lengths[0] += 1;  // every layer then appends and attends with the same lengths
    const cfm::Tensor new_q = rope(row(q), {.first = step}), new_k = rope(row(k), {.first = step});
    cfm::kv_append<float>(cache, new_k.view<float, 4>(), row(v).view<float, 4>());
    cfm::decode_attention<float>(new_q.view<float, 4>(), cache, answer.view<float, 4>());
  }
  // [paged]
  const cfm::Tensor whole = cfm::flash_attention(rope(q), rope(k), v, cfm::Causal{});
  std::printf("position 39 by steps %.4f, at once %.4f\n",
              static_cast<double>(answer.span<float>()[0]),
              static_cast<double>(whole.view<float, 4>()(0, 0, 39, 0)));

  // [tree]
  // Four guesses for what comes next: 0 and its children 1 and 2, and 3 after 1.
  const cfm::Index parents[] = {-1, 0, 0, 1};
  const cfm::TreeMask tree(parents);
  lengths[0] += tree.nodes();
  const cfm::Tensor guess_q = q.slice(2, 40, 44), guess_k = k.slice(2, 40, 44);
  cfm::kv_append<float>(cache, guess_k.view<float, 4>(), v.slice(2, 40, 44).view<float, 4>());
  cfm::Tensor guesses = cfm::Tensor::empty({1, 4, 4, 32});
  cfm::decode_attention<float>(guess_q.view<float, 4>(), cache, guesses.view<float, 4>(), tree);
  // [tree]
  std::printf("guess 3: %.4f\n", static_cast<double>(guesses.view<float, 4>()(0, 0, 3, 0)));
}
