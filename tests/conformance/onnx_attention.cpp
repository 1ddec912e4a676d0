// ONNX: attention with masks, caches and what it may show of its scores; rotary embedding.

#include <cmath>
#include <limits>
#include <vector>

#include <cfm/kernels/attention.hpp>
#include <cfm/kernels/gather.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/rearrange.hpp>
#include <cfm/kernels/reduce.hpp>
#include <cfm/kernels/softmax.hpp>
#include <cfm/tensor/join.hpp>

#include "onnx.hpp"

namespace cfm::conformance::onnx {
namespace {

constexpr double hidden_score = -std::numeric_limits<double>::infinity();

// Query i of sequence b sees keys up to i + offsets[b], and none from lengths[b] on.
struct ShiftedCausal {
  std::vector<Index> offsets, lengths;
  bool causal = false;

  KeyRange operator()(const QueryPlace& q) const {
    const auto b = static_cast<std::size_t>(q.batch);
    const Index end = std::min(q.keys, lengths[b]);
    return {0, causal ? std::min(end, q.query + offsets[b] + 1) : end, 0};
  }

  // The same as a bias [batch, 1, queries, keys], for scores that are written out.
  Tensor bias(Index queries, Index keys) const {
    const auto batch = static_cast<Index>(offsets.size());
    Tensor out = Tensor::full({batch, 1, queries, keys}, hidden_score);
    for (Index b = 0; b < batch; ++b)
      for (Index q = 0; q < queries; ++q) {
        const KeyRange seen = (*this)({b, q, queries, keys});
        if (seen.end > 0) out.select(0, b).select(1, q).slice(1, 0, seen.end).fill(0);
      }
    return out;
  }
};

// Capped scores first, then the mask on top.
struct CappedAndBiased {
  double cap = 0;
  View<const float, 4> bias{};

  void operator()(const ScoreRow<float>& row) const {
    if (cap != 0) SoftCap{cap}(row);
    if (bias.data != nullptr) ScoreBias<float>{bias}(row);
  }
};

// Everything as [batch, heads, positions, width].
Tensor split_heads(const Tensor& x, Index heads) {
  if (x.rank() == 4) return x;
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

Tensor merge_heads(const Tensor& x) {
  return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});
}

// The mask as an additive bias [.., .., queries, keys]; keys that it does not reach are hidden.
Tensor additive_mask(Node& n, Index keys) {
  Tensor mask = n.real(3);
  if (mask.dtype() == DType::boolean)
    mask = where(mask, Tensor::zeros({}), Tensor::full({}, hidden_score));
  while (mask.rank() < 4) mask = mask.unsqueeze(0);
  if (mask.size(3) == 1 || mask.size(3) == keys) return mask.contiguous();
  return pad(mask, {0, 0, 0, 0}, {0, 0, 0, keys - mask.size(3)}, hidden_score);
}

// Heads of keys repeated for the heads of queries that share them.
Tensor for_query_heads(const Tensor& k, Index heads) {
  const Index group = heads / k.size(1);
  return k.unsqueeze(2)
      .expand({k.size(0), k.size(1), group, k.size(2), k.size(3)})
      .reshape({k.size(0), heads, k.size(2), k.size(3)});
}

struct AttentionCase {
  Tensor q, k, v, mask;
  double scale, cap;
  ShiftedCausal range;

  Tensor out() const {
    Tensor y = Tensor::empty({q.size(0), q.size(1), q.size(2), v.size(3)});
    CappedAndBiased score{cap};
    if (mask.defined()) score.bias = mask.view<float, 4>();
    flash_attention<float>(q.view<float, 4>(), k.view<float, 4>(), v.view<float, 4>(),
                           y.view<float, 4>(), range, score,
                           AttentionOptions<float>{.scale = static_cast<float>(scale)});
    return y;
  }

  // Scores as they stand after step `mode`: 0 the product, 1 capped, 2 masked, 3 softmaxed.
  Tensor scores(Index mode) const {
    const Tensor keys = for_query_heads(k, q.size(1));
    Tensor s = mul(matmul(q, keys.transpose(2, 3)), scale);
    if (mode >= 1 && cap != 0) s = mul(tanh(div(s, cap)), cap);
    if (mode >= 2) s = add(s, range.bias(q.size(2), k.size(2)));
    if (mode >= 2 && mask.defined()) s = add(s, mask);
    if (mode < 3) return s;
    const Tensor sees = greater(max(s, {3}, true), hidden_score);
    return where(sees, softmax(s, 3), Tensor::zeros({}));  // a query that sees nothing weighs 0
  }
};

std::vector<Index> filled(Index count, Index value) {
  return std::vector<Index>(static_cast<std::size_t>(count), value);
}

Results attended(Node& n) {
  const bool flat = n.in(0).rank() == 3;
  const Index heads = n.integer("q_num_heads", 1), kv_heads = n.integer("kv_num_heads", 1);
  n.integer("softmax_precision", 1);  // f32 is the least that cfm takes
  AttentionCase c;
  c.q = split_heads(n.real(0), heads).contiguous();
  c.k = split_heads(n.real(1), kv_heads).contiguous();
  c.v = split_heads(n.real(2), kv_heads).contiguous();
  const Index batch = c.q.size(0), queries = c.q.size(2);
  Index past = 0;
  if (n.has(4)) {
    past = n.in(4).size(2);
    c.k = cat({n.real(4), c.k}, 2);
    c.v = cat({n.real(5), c.v}, 2);
  }
  const Index keys = c.k.size(2);
  if (n.has(3)) c.mask = additive_mask(n, keys);
  c.cap = n.number("softcap", 0);
  c.scale = n.number("scale", 1 / std::sqrt(static_cast<double>(c.q.size(3))));
  c.range = {filled(batch, past), filled(batch, keys), n.integer("is_causal", 0) != 0};
  if (n.has(6)) {  // the queries end where the keys that are no padding end
    const Extents lengths = n.list(6);
    c.range.lengths.assign(lengths.begin(), lengths.end());
    for (std::size_t b = 0; b < c.range.lengths.size(); ++b)
      c.range.offsets[b] = c.range.lengths[b] - queries;
  }
  const DType dtype = n.type(0);
  const Tensor y = c.out();
  std::vector<Tensor> results{(flat ? merge_heads(y) : y).to(dtype)};
  if (n.outputs() > 1) {
    results.push_back(c.k.to(dtype));
    results.push_back(c.v.to(dtype));
  }
  const Index mode = n.integer("qk_matmul_output_mode", 0);
  if (n.wants(3)) results.push_back(c.scores(mode).to(dtype));
  return results;
}

Results flex_attended(Node& n) {
  const Tensor q = n.in(0).contiguous(), k = n.in(1).contiguous(), v = n.in(2).contiguous();
  Tensor y = Tensor::empty({q.size(0), q.size(1), q.size(2), v.size(3)});
  const float scale = static_cast<float>(n.number("scale", 0));
  flash_attention<float>(q.view<float, 4>(), k.view<float, 4>(), v.view<float, 4>(),
                         y.view<float, 4>(), AllKeys{}, PlainScores{},
                         AttentionOptions<float>{.scale = scale});
  return y;
}

// Given tables of cosines and sines, not angles: rope computes its own, so this is the formula.
Results rotated(Node& n) {
  const Tensor given = n.in(0), x = split_heads(given, n.integer("num_heads", 1));
  const bool interleaved = n.integer("interleaved", 0) != 0;
  const Index dim = n.integer("rotary_embedding_dim", 0), width = dim == 0 ? x.size(3) : dim;
  const auto table = [&](std::size_t i) {  // [batch, 1, positions, width / 2]
    const Tensor t = n.in(i);
    return (n.has(3) ? gather_rows(t, n.in(3)) : t).unsqueeze(1);
  };
  const Tensor cosine = table(1), sine = table(2), turned = x.slice(3, 0, width);
  const Index half = width / 2;
  const Tensor a = interleaved ? turned.slice(3, 0, width, 2) : turned.slice(3, 0, half);
  const Tensor b = interleaved ? turned.slice(3, 1, width, 2) : turned.slice(3, half, width);
  const Tensor first = sub(mul(a, cosine), mul(b, sine)),
               second = add(mul(a, sine), mul(b, cosine));
  const Tensor pairs =
      interleaved ? stack({first, second}, 4).reshape(turned.shape()) : cat({first, second}, 3);
  const Tensor y = cat({pairs, x.slice(3, width, x.size(3))}, 3);
  return given.rank() == 3 ? merge_heads(y) : y;
}

const Nodes onnx_attention({
    {"Attention", attended},
    {"FlexAttention", flex_attended},
    {"RotaryEmbedding", rotated},
});

}  // namespace
}  // namespace cfm::conformance::onnx
