#pragma once
/// @file  Multi-head attention as a layer.

#include <array>
#include <optional>
#include <vector>

#include <cfm/autograd/ops_rope.hpp>
#include <cfm/nn/attention_kernel.hpp>
#include <cfm/nn/cached_attention.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// The names that configurations use in files.
constexpr std::array<std::string_view, 2> enum_names(RopeLayout) {
  return {"half_split", "interleaved"};
}

/// Rotary position embedding as a part of a configuration; see Rope.
struct RopeConfig {
  Index width = 0;  ///< elements of a head that turn; 0: all
  double base = 10000;
  RopeLayout layout = RopeLayout::half_split;
  double scale = 1;  ///< positions count as position / scale

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("base", self.base);
    v("layout", self.layout);
    v("scale", self.scale);
  }

  /// What rope() takes.
  Rope options() const { return {.width = width, .base = base, .layout = layout, .scale = scale}; }
};

/// Sizes and parts of MultiHeadAttention.
struct AttentionConfig {
  Index dim = 64;  ///< of queries, and of the result
  Index heads = 4;
  Index kv_heads = 0;    ///< heads of keys and values that groups of heads share; 0: one a head
  Index head_width = 0;  ///< 0: dim / heads
  Index kv_dim = 0;      ///< of what keys and values are made from; 0: dim
  bool bias = true;
  bool packed = true;                ///< one matrix for queries, keys and values; else three
  double dropout = 0;                ///< of weights, in training
  std::optional<RopeConfig> rope{};  ///< turns queries and keys of self attention

  static void visit(auto& self, auto&& v) {
    v("dim", self.dim);
    v("heads", self.heads);
    v("kv_heads", self.kv_heads);
    v("head_width", self.head_width);
    v("kv_dim", self.kv_dim);
    v("bias", self.bias);
    v("packed", self.packed);
    v("dropout", self.dropout);
    v("rope", self.rope);
  }
};

namespace detail {

// With what is 0 filled in.
inline AttentionConfig complete(AttentionConfig c) {
  constexpr Index most = Index{1} << 30;  // products of two fit
  for (const Index size : {c.dim - 1, c.heads - 1, c.kv_heads, c.head_width, c.kv_dim})
    CFM_CHECK(size >= 0 && size < most, "attention: sizes must be positive, and below 2^30", c.dim,
              c.heads, c.kv_heads, c.head_width, c.kv_dim);
  CFM_CHECK(c.head_width > 0 || c.dim % c.heads == 0,
            "attention: dim must be a multiple of heads, or head_width given", c.dim, c.heads);
  if (c.kv_heads == 0) c.kv_heads = c.heads;
  if (c.head_width == 0) c.head_width = c.dim / c.heads;
  if (c.kv_dim == 0) c.kv_dim = c.dim;
  CFM_CHECK(c.dropout >= 0 && c.dropout <= 1, "attention: dropout must be in [0, 1]", c.dropout);
  CFM_CHECK(c.heads % c.kv_heads == 0, "attention: heads must be a multiple of kv_heads", c.heads,
            c.kv_heads);
  CFM_CHECK(!c.packed || c.kv_dim == c.dim,
            "attention: packed projections need keys of the dim of queries", c.kv_dim, c.dim);
  return c;
}

// Lists the members of a part with `prefix` before their names: "in_proj_" + "weight".
template <class V>
struct PrefixedVisitor {
  std::string_view prefix;
  V& v;

  template <class T>
  void operator()(std::string_view name, T& member) const {
    using Plain = std::remove_const_t<T>;
    if constexpr (!is_tensor_member<Plain> && !is_optional<Plain> && !is_sequence<Plain>) {
      if (name.empty()) return Plain::visit(member, *this);
    }
    v(concat(prefix, name), member);
  }
};

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// Rows begin .. end of what a layer gives.
template <class LinearT>
Var linear_part(const LinearT& layer, const Var& x, Index begin, Index end) {
  if constexpr (std::same_as<LinearT, Linear<DenseMatrix>>) {
    const Var weight = slice(bind(x, layer.weight.value), 0, begin, end);
    return layer.bias ? linear(x, weight, slice(bind(x, *layer.bias), 0, begin, end))
                      : linear(x, weight);
  } else {
    if constexpr (requires { layer.weight.part(begin, end); })
      if (x.tape() == nullptr && layer.weight.has_part(begin, end)) {
        const Parameter bias{layer.bias ? layer.bias->value.slice(0, begin, end) : Tensor()};
        return linear(x, layer.weight.part(begin, end), layer.bias ? &bias : nullptr);
      }
    // a weight that has no parts: all of it
    return slice(layer(x), -1, begin, end);
  }
}

// inputs[i] times the i-th of consecutive blocks of rows of a layer's weight, and its biases.
template <class LinearT>
std::vector<Var> linear_parts(const LinearT& layer, const std::vector<Var>& inputs,
                              const std::vector<Index>& rows) {
  std::vector<Var> out;
  if constexpr (std::same_as<LinearT, Linear<DenseMatrix>>) {
    const std::vector<Var> weights = split(bind(inputs[0], layer.weight.value), rows);
    std::vector<Var> biases;
    if (layer.bias) biases = split(bind(inputs[0], *layer.bias), rows);
    for (std::size_t i = 0; i < rows.size(); ++i)
      out.push_back(layer.bias ? linear(inputs[i], weights[i], biases[i])
                               : linear(inputs[i], weights[i]));
  } else {
    Index begin = 0;
    for (std::size_t i = 0; i < rows.size(); begin += rows[i], ++i)
      out.push_back(linear_part(layer, inputs[i], begin, begin + rows[i]));
  }
  return out;
}

// [batch, positions, heads width] -> [batch, heads, positions, width], without a copy.
inline Var to_heads(const Var& x, Index heads) {
  return transpose(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), 1, 2);
}

// The reverse.
inline Var from_heads(const Var& x) {
  return reshape(transpose(x, 1, 2), {x.size(0), x.size(2), x.size(1) * x.size(3)});
}

}  // namespace isa_detail

/// out_proj(attention of heads over projections of queries, keys and values). Self attention takes
/// all three from x, cross attention keys and values from a memory. Masks and score policies are
/// those of flash_attention(); they must outlive the backward pass if they refer to memory.
///
///     const MultiHeadAttention<> attention({.dim = 64, .heads = 4}, Rng(1));
///     y = attention(x, Causal{});
///     y = attention(x, memory, KeyLengths{lengths});
///
/// Shapes:  x [batch, positions, dim] or [positions, dim] -> the same; keys and values [batch,
///          keys, kv_dim].
/// Names:   in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias as in PyTorch; not packed:
///          q_proj, k_proj, v_proj, out_proj.
/// Errors:  ShapeError.
template <class LinearT = Linear<>, class Kernel = FlashAttention>
class MultiHeadAttention {
 public:
  using Config = AttentionConfig;
  static constexpr std::string_view kind = "attention";

  /// Empty, to be assigned.
  MultiHeadAttention() = default;
  explicit MultiHeadAttention(const Config& config, Init init = {})
      : config_(detail::complete(config)) {
    const Config& c = config_;
    const LinearOptions options{.bias = c.bias};
    const Index q = c.heads * c.head_width, kv = c.kv_heads * c.head_width;
    if (c.packed) {
      in_proj.emplace(c.dim, q + 2 * kv, init.next(), options);
    } else {
      q_proj.emplace(c.dim, q, init.next(), options);
      k_proj.emplace(c.kv_dim, kv, init.next(), options);
      v_proj.emplace(c.kv_dim, kv, init.next(), options);
    }
    out_proj = LinearT(q, c.dim, init.next(), options);
  }

  /// Self attention.
  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& x, const Mask& mask = {}, const Score& score = {}) const {
    return batched(x, [&](const Var& in) {
      if constexpr (requires { requires Kernel::fused_rope; }) {
        check(in, config_.dim, "x");
        return attend(project(in), mask, score, config_.rope);
      } else {
        return attend(heads_of(in), mask, score);
      }
    });
  }

  /// Cross attention: keys and values are made from `memory`.
  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& x, const Var& memory, const Mask& mask = {},
                 const Score& score = {}) const {
    return (*this)(x, memory, memory, mask, score);
  }

  /// Keys and values are made from two tensors.
  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& query, const Var& key, const Var& value, const Mask& mask = {},
                 const Score& score = {}) const {
    return batched(query, [&](const Var& q) {
      return attend(heads_of(q, batched_input(key), batched_input(value)), mask, score);
    });
  }

  /// What cross attention makes of a memory: worth keeping where queries come one after the other.
  struct KeysValues {
    Var k, v;  ///< [batch, kv heads, keys, width]
  };
  KeysValues keys_values(const Var& memory) const {
    const Var in = batched_input(memory);
    check(in, config_.kv_dim, "a memory");
    const Index q = config_.heads * config_.head_width, kv = config_.kv_heads * config_.head_width;
    const auto part = [&](const std::optional<LinearT>& own, Index begin) {
      const Var y = in_proj ? isa_detail::linear_part(*in_proj, in, begin, begin + kv) : (*own)(in);
      return isa_detail::to_heads(y, config_.kv_heads);
    };
    return {part(k_proj, q), part(v_proj, q + kv)};
  }

  /// Cross attention over a memory that was prepared.
  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& x, const KeysValues& memory, const Mask& mask = {},
                 const Score& score = {}) const {
    return batched(x, [&](const Var& in) {
      check(in, config_.dim, "a query");
      const Var query = beside(memory.k, in);
      const Index rows = config_.heads * config_.head_width;
      const Var q = in_proj ? isa_detail::linear_part(*in_proj, query, 0, rows) : (*q_proj)(query);
      return attend({isa_detail::to_heads(q, config_.heads), memory.k, memory.v}, mask, score);
    });
  }

  /// Self attention of the last positions of sequences whose earlier ones are cached: appends keys
  /// and values, and looks at all. `cache.lengths` count the new positions already. Without
  /// gradients.
  /// Shapes:  x [batch, new positions, dim]  ->  the same; positions [batch, new positions] (i64)
  ///          for the rotary embedding of a tree, consecutive ones if undefined.
  /// Errors:  ShapeError; Error if there is no room, or for a tree without positions.
  template <KvCache Cache, AttentionMask Mask = Causal, class Score = PlainScores>
  Tensor operator()(const Tensor& x, const Cache& cache, const Mask& mask = {},
                    const Score& score = {}, const Tensor& positions = {}) const {
    check(x, config_.dim, "x");
    cache.check("attention");
    if constexpr (DetailedMask<Mask>)
      CFM_CHECK(!config_.rope || positions.defined(),
                "attention: the rotary embedding of a tree needs the positions of its nodes", x);
    CFM_CHECK(x.size(0) == cache.batch(), "attention: one sequence of the cache a sequence of x", x,
              cache.batch());
    const Heads h = project(x);
    Tensor q = h.q.value(), k = h.k.value();
    if (config_.rope) {
      const Tensor at = positions.defined()
                            ? positions
                            : isa_detail::cached_positions(cache.lengths, x.size(1));
      q = rope(q, config_.rope->options(), at);
      k = rope(k, config_.rope->options(), at);
    }
    return out_proj(isa_detail::from_heads(cached_attention(q, k, h.v.value(), cache, mask, score)))
        .value();
  }

  /// The weights that each head gives to the keys, as a tensor, with gradients: of self attention,
  /// and of cross attention, which has no positions.
  /// Shapes:  [batch, heads, queries, keys].
  template <AttentionMask Mask = AllKeys>
  Var weights(const Var& x, const Mask& mask = {}) const {
    const Heads h = heads_of(batched_input(x));
    return attention_weights(h.q, h.k, mask);
  }
  template <AttentionMask Mask = AllKeys>
  Var weights(const Var& query, const Var& key, const Mask& mask = {}) const {
    const Heads h = heads_of(batched_input(query), batched_input(key), batched_input(key));
    return attention_weights(h.q, h.k, mask);
  }

  /// As given, with what was 0 filled in.
  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    if (self.in_proj) {
      detail::PrefixedVisitor<std::remove_reference_t<decltype(v)>> prefixed{"in_proj_", v};
      prefixed("", *self.in_proj);
    }
    v("q_proj", self.q_proj);
    v("k_proj", self.k_proj);
    v("v_proj", self.v_proj);
    v("out_proj", self.out_proj);
  }

  std::optional<LinearT> in_proj;                 ///< packed: rows of queries, keys, values
  std::optional<LinearT> q_proj, k_proj, v_proj;  ///< not packed
  LinearT out_proj;
  Kernel kernel;

 private:
  struct Heads {
    Var q, k, v;  // [batch, heads, positions, width]
  };

  static Var batched_input(const Var& x) { return x.rank() == 2 ? unsqueeze(x, 0) : x; }

  // f of x as a batch.
  template <class F>
  Var batched(const Var& x, const F& f) const {
    return x.rank() == 2 ? squeeze(f(unsqueeze(x, 0)), 0) : f(x);
  }

  void check(const Var& x, Index dim, std::string_view what) const {
    CFM_CHECK(in_proj || q_proj, "attention: the layer is empty");
    CFM_CHECK(x.rank() == 3 && x.size(2) == dim,
              concat("attention: ", what, " must be [batch, positions, ", dim, "]"), x);
  }

  std::vector<Index> rows() const {
    const Config& c = config_;
    return {c.heads * c.head_width, c.kv_heads * c.head_width, c.kv_heads * c.head_width};
  }

  // Self attention, without positions.
  Heads project(const Var& x) const {
    if (!in_proj) return heads_of(x, x, x);
    const Config& c = config_;
    const Var all =
        reshape((*in_proj)(x), {x.size(0), x.size(1), c.heads + 2 * c.kv_heads, c.head_width});
    const std::vector<Var> parts = split(all, {c.heads, c.kv_heads, c.kv_heads}, 2);
    return {transpose(parts[0], 1, 2), transpose(parts[1], 1, 2), transpose(parts[2], 1, 2)};
  }

  Heads heads_of(const Var& x) const {
    check(x, config_.dim, "x");
    Heads h = project(x);
    if (config_.rope) {
      h.q = rope(h.q, config_.rope->options());
      h.k = rope(h.k, config_.rope->options());
    }
    return h;
  }

  Heads heads_of(const Var& query, const Var& key, const Var& value) const {
    const Config& c = config_;
    check(query, c.dim, "a query");
    check(key, c.kv_dim, "a key");
    check(value, c.kv_dim, "a value");
    CFM_CHECK(key.size(0) == query.size(0) && value.size(0) == query.size(0) &&
                  key.size(1) == value.size(1),
              "attention: queries, keys and values do not fit", query, key, value);
    // Constants go where the others are, or the parameters would get no gradient.
    const Var q = beside(key, beside(value, query)), k = beside(q, key), v = beside(q, value);
    const std::vector<Var> parts = in_proj
                                       ? isa_detail::linear_parts(*in_proj, {q, k, v}, rows())
                                       : std::vector<Var>{(*q_proj)(q), (*k_proj)(k), (*v_proj)(v)};
    return {isa_detail::to_heads(parts[0], c.heads), isa_detail::to_heads(parts[1], c.kv_heads),
            isa_detail::to_heads(parts[2], c.kv_heads)};
  }

  template <class Mask, class Score>
  Var attend(const Heads& h, const Mask& mask, const Score& score,
             const std::optional<RopeConfig>& rope = {}) const {
    AttentionVarOptions options{.dropout = config_.dropout};
    if (rope) options.rope = rope->options();
    return out_proj(isa_detail::from_heads(kernel(h.q, h.k, h.v, mask, score, options)));
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
