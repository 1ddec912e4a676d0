#pragma once
/// @file  The transformers of DeepGate3: over the gates of a circuit, and over the gates of hops.

#include <span>
#include <vector>

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_segment.hpp>
#include <cfm/nn/embedding.hpp>
#include <cfm/nn/transformer.hpp>
#include <cfm/models/gate_states.hpp>

CFM_NAMESPACE_BEGIN

/// A mask of attention from a tensor: key j is seen by query i where it is not 0, and j = i always.
/// Shapes:  u8 [batch, positions, positions].
struct RelationMask {
  Tensor relation;

  explicit RelationMask(const Tensor& r) : relation(r.clone()) {
    CFM_CHECK(relation.dtype() == DType::u8, "relation mask: needs u8", relation.dtype());
    CFM_CHECK(relation.rank() == 3 && relation.size(1) == relation.size(2),
              "relation mask: needs [batch, positions, positions]", relation);
    // Here and not in hides_key, which shall be a load of one byte.
    const View<std::uint8_t, 3> related = relation.view<std::uint8_t, 3>();
    for (Index b = 0; b < relation.size(0); ++b)
      for (Index i = 0; i < relation.size(1); ++i) related(b, i, i) = 1;
    data_ = related.data;
  }

  KeyRange operator()(const QueryPlace& q) const { return {0, q.keys, 0}; }
  Index first_hidden(const QueryPlace&) const { return 0; }
  bool hides_key(const QueryPlace& q, Index key) const {
    return data_[(q.batch * q.keys + q.query) * q.keys + key] == 0;
  }

 private:
  const std::uint8_t* data_ = nullptr;
};

/// A mask that hides keys of each sequence from all its queries.
/// Shapes:  hidden u8 [batch, positions], 1 where a key is hidden.
struct HiddenKeys {
  Tensor hidden;

  explicit HiddenKeys(Tensor h) : hidden(h.contiguous()) {
    CFM_CHECK(hidden.dtype() == DType::u8 && hidden.rank() == 2,
              "hidden keys: needs u8 [batch, positions]", hidden);
    data_ = std::as_const(hidden).span<std::uint8_t>().data();
  }

  KeyRange operator()(const QueryPlace& q) const { return {0, q.keys, 0}; }
  Index first_hidden(const QueryPlace&) const { return 0; }
  bool hides_key(const QueryPlace& q, Index key) const {
    return data_[q.batch * q.keys + key] != 0;
  }

 private:
  const std::uint8_t* data_ = nullptr;
};

/// A part of a circuit that is refined at once: a whole circuit, or one of overlapping areas.
struct RefinePart {
  Tensor nodes;     ///< i64 [n], different ones
  Tensor relation;  ///< u8 [n, n]: not 0 where two nodes see each other; see cone_relation()
};

/// Hops as the models take them; hop_tensors() makes the first three and the roots are its last
/// nodes.
struct HopInputs {
  Tensor leaves;  ///< i32 or i64 [hops, slots]: nodes; whatever where the code is not 2
  Tensor codes;   ///< i32 or i64 [hops, slots]: 2 the node varies, 1 and 0 constants, -1 anything,
                  ///< -2 no leaf
  Tensor nodes;   ///< i32 or i64 [hops, up to 31]: nodes, negative: none
  Tensor roots;   ///< i32 or i64 [hops]
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Two stacks of transformer layers over the same tokens, function + structure; what they give is
/// added to function and to structure. A gate sees what lies in its cones. A node in several parts
/// gets the mean, one in none keeps its states.
/// Source:  Z. Shi et al., "DeepGate3: towards scalable circuit representation learning", ICCAD
///          2024, section III, with the details of its public code ("plain").
template <class LinearT = Linear<>>
class DeepGate3Refine {
 public:
  explicit DeepGate3Refine(const TransformerConfig& config, Init init = {})
      : function_transformer(config, init.next()), structure_transformer(config, init.next()) {}

  /// `length`: positions of every part, padding included; 0: those of the longest part.
  GateStates operator()(const GateStates& states, std::span<const RefinePart> parts,
                        Index length = 0) const {
    const Index nodes = states.function.size(0), width = states.function.size(1);
    CFM_CHECK(states.structure.shape() == states.function.shape(),
              "deepgate3: states differ in shape", states.function, states.structure);
    if (parts.empty()) return states;
    for (const RefinePart& p : parts) {
      const Index n = p.nodes.size();
      CFM_CHECK(p.relation.shape() == Shape({n, n}) && p.relation.dtype() == DType::u8,
                "deepgate3: a part needs a relation u8 [n, n] of its n nodes", p.relation, n);
      length = std::max(length, n);
    }
    const auto count = static_cast<Index>(parts.size());
    Tensor relation = Tensor::zeros({count, length, length}, DType::u8);
    std::vector<std::int64_t> gather(static_cast<std::size_t>(count * length), 0), real, keys;
    for (Index p = 0; p < count; ++p) {
      const RefinePart& part = parts[static_cast<std::size_t>(p)];
      const Index n = part.nodes.size();
      relation.select(0, p).slice(0, 0, n).slice(1, 0, n).copy_from(part.relation);
      const Tensor list = part.nodes.to(DType::i64).contiguous();
      for (Index i = 0; i < n; ++i) {
        const std::int64_t node = list.span<std::int64_t>()[static_cast<std::size_t>(i)];
        CFM_CHECK(node >= 0 && node < nodes, "deepgate3: a node of a part does not exist", node);
        gather[static_cast<std::size_t>(p * length + i)] = node;
        real.push_back(p * length + i);
        keys.push_back(node);
      }
    }
    const auto list = [](const std::vector<std::int64_t>& v) {
      return Tensor::from(std::span<const std::int64_t>(v), {static_cast<Index>(v.size())});
    };
    const RelationMask mask(relation);
    const Segments owners(list(keys), nodes);
    const Tensor rows = list(real);
    const Var tokens = reshape(index_select(states.function + states.structure, 0, list(gather)),
                               {count, length, width});
    const auto spread = [&](const TransformerEncoder<LinearT>& transformer) {
      const Var y = reshape(transformer(tokens, mask), {count * length, width});
      return segment_mean(index_select(y, 0, rows), owners);
    };
    return {.structure = states.structure + spread(structure_transformer),
            .function = states.function + spread(function_transformer)};
  }

  static void visit(auto& self, auto&& v) {
    v("function_transformer", self.function_transformer);
    v("structure_transformer", self.structure_transformer);
  }

  TransformerEncoder<LinearT> function_transformer, structure_transformer;
};

/// Two transformers that make one vector each of a hop: of its function, from the leaves and the
/// root, and of its structure, from all of its nodes. The vector is the output of a learned first
/// token.
/// Source:  as DeepGate3Refine.
template <class LinearT = Linear<>>
class HopPooling {
 public:
  HopPooling(const TransformerConfig& config, bool released_mask, Init init = {})
      : hop_func_tf(config, init.next()),
        hop_struc_tf(config, init.next()),
        position(33, config.dim, init.next()),
        released_mask_(released_mask) {
    const auto token = [&] { return Parameter{init.next().normal({1, config.dim}, 0, 1)}; };
    cls_token_hf = token();
    cls_token_hs = token();
    one_token = token();
    zero_token = token();
    dc_token = token();
  }

  /// Shapes:  states [nodes, width]  ->  function and structure [hops, width].
  /// Errors:  ShapeError; Error for a code outside -2 ... 2 or a node that does not exist.
  GateStates operator()(const GateStates& states, const HopInputs& hops) const {
    const Tensor codes = hops.codes.to(DType::i64).contiguous(),
                 leaves = hops.leaves.to(DType::i64).contiguous(),
                 nodes = hops.nodes.to(DType::i64).contiguous(),
                 roots = hops.roots.to(DType::i64).contiguous();
    CFM_CHECK(codes.rank() == 2 && leaves.shape() == codes.shape() && nodes.rank() == 2 &&
                  nodes.size(0) == codes.size(0) && roots.shape() == Shape({codes.size(0)}),
              "hop pooling: one row of leaves, codes and nodes, and a root, for each hop", leaves,
              codes, nodes, roots);
    CFM_CHECK(codes.size(1) + 2 <= 33, "hop pooling: at most 31 leaves", codes);
    return {.structure = structure(states.structure, nodes),
            .function = function(states.function, codes, leaves, roots)};
  }

  static void visit(auto& self, auto&& v) {
    v("hop_func_tf", self.hop_func_tf);
    v("hop_struc_tf", self.hop_struc_tf);
    v("position", self.position);
    v("cls_token_hf", self.cls_token_hf);
    v("cls_token_hs", self.cls_token_hs);
    v("one_token", self.one_token);
    v("zero_token", self.zero_token);
    v("dc_token", self.dc_token);
  }

  TransformerEncoder<LinearT> hop_func_tf, hop_struc_tf;
  Embedding position;
  Parameter cls_token_hf, cls_token_hs, one_token, zero_token, dc_token;

 private:
  // Tokens: the first, the leaves, the root. All are rows of one table.
  Var function(const Var& h, const Tensor& codes, const Tensor& leaves, const Tensor& roots) const {
    const Index hops = codes.size(0), slots = codes.size(1), nodes = h.size(0), width = h.size(1);
    const Var table = cat({h, bind(h, zero_token), bind(h, one_token), bind(h, dc_token),
                           Var(Tensor::zeros({1, width}, h.dtype())), bind(h, cls_token_hf)},
                          0);
    Tensor ids = Tensor::full({hops, slots + 2}, static_cast<double>(nodes + 4), DType::i64);
    Tensor hidden = Tensor::zeros({hops, slots + 2}, DType::u8);
    const auto id = ids.view<std::int64_t, 2>();
    const auto hide = hidden.view<std::uint8_t, 2>();
    const auto code = codes.view<std::int64_t, 2>(), leaf = leaves.view<std::int64_t, 2>();
    for (Index i = 0; i < hops; ++i) {
      for (Index s = 0; s < slots; ++s) {
        const std::int64_t c = code(i, s);
        CFM_CHECK(c >= -2 && c <= 2, "hop pooling: codes of leaves are -2 ... 2", c);
        id(i, s + 1) = c == 2 ? leaf(i, s) : c >= 0 ? nodes + c : c == -1 ? nodes + 2 : nodes + 3;
        hide(i, s + 1) = (released_mask_ ? c == 1 : c == -2) ? 1 : 0;
        check_node(id(i, s + 1), c == 2 ? nodes : nodes + 4);
      }
      id(i, slots + 1) = roots.span<std::int64_t>()[static_cast<std::size_t>(i)];
      check_node(id(i, slots + 1), nodes);
    }
    const Var places = slice(bind(h, position.weight), 0, 0, slots + 2);
    return select(hop_func_tf(embedding(table, ids) + places, HiddenKeys(hidden)), 1, 0);
  }

  Var structure(const Var& h, const Tensor& list) const {
    const Index hops = list.size(0), slots = list.size(1), nodes = h.size(0);
    const Var table = cat({h, bind(h, cls_token_hs)}, 0);
    Tensor ids = Tensor::full({hops, slots + 1}, static_cast<double>(nodes), DType::i64);
    Tensor hidden = Tensor::zeros({hops, slots + 1}, DType::u8);
    const auto from = list.view<std::int64_t, 2>();
    for (Index i = 0; i < hops; ++i)
      for (Index s = 0; s < slots; ++s) {
        if (from(i, s) >= 0) check_node(from(i, s), nodes);
        ids.view<std::int64_t, 2>()(i, s + 1) = from(i, s) < 0 ? nodes : from(i, s);
        hidden.view<std::uint8_t, 2>()(i, s + 1) = from(i, s) < 0 ? 1 : 0;
      }
    return select(hop_struc_tf(embedding(table, ids), HiddenKeys(hidden)), 1, 0);
  }

  static void check_node(std::int64_t node, Index nodes) {
    CFM_CHECK(node >= 0 && node < nodes, "hop pooling: a node does not exist", node, nodes);
  }

  bool released_mask_ = true;
};

CFM_ISA_NAMESPACE_END
