#pragma once
/// @file  A block-sparse mask: which blocks of queries see which blocks of keys.

#include <cfm/kernels/attention_masks.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// Query i of head h sees key j where visible(h, i / query_block, j / key_block); other blocks are
/// not computed. Combine it with Causal for the diagonal: BothMasks{Causal{}, BlockMask{..}}.
///
///     BlockMask{bitmap.view<bool, 3>(), 64, 64}
///
/// Shapes:  visible [heads or 1, query blocks, key blocks], any strides.
/// Errors:  Error unless key_block is a multiple of 32 and the layout covers all queries and keys.
struct BlockMask {
  View<const bool, 3> visible;
  Index query_block = 64, key_block = 64;

  Index block() const { return key_block; }

  bool hides(const QueryPlace& q, Index i) const {
    return !visible(visible.extent[0] == 1 ? 0 : q.head, q.query / query_block, i);
  }

  /// From the first to the last visible block.
  KeyRange operator()(const QueryPlace& q) const {
    CFM_CHECK(query_block > 0 && key_block > 0 && key_block % 32 == 0,
              "block mask: blocks of keys are multiples of 32", query_block, key_block);
    const Index blocks = (q.keys + key_block - 1) / key_block;
    CFM_CHECK((visible.extent[0] == 1 || q.head < visible.extent[0]) &&
                  q.query / query_block < visible.extent[1] && blocks <= visible.extent[2],
              "block mask: the layout must be [heads or 1, query blocks, key blocks]", visible,
              q.head, q.query, q.keys);
    Index first = 0, last = blocks;
    while (first < last && hides(q, first)) ++first;
    while (last > first && hides(q, last - 1)) --last;
    return {first * key_block, std::min(q.keys, last * key_block), 0};
  }
};

CFM_NAMESPACE_END
