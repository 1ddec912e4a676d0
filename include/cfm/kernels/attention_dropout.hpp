#pragma once
/// @file  Dropout of attention weights: a function of the place, so that no mask is stored.

#include <algorithm>
#include <cmath>

#include <cfm/core/error.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/kernels/attention_masks.hpp>
#include <cfm/kernels/dropout-inl.hpp>

CFM_NAMESPACE_BEGIN

/// Each weight is dropped with this probability, the others grow by 1 / (1 - probability). Who is
/// dropped depends on the generator, batch, head, query and key alone; its position is not used.
struct AttentionDropout {
  double probability = 0;
  Rng rng{};
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

inline void check_dropout(const AttentionDropout& dropout) {
  CFM_CHECK(dropout.probability >= 0 && dropout.probability <= 1,
            "attention dropout: the probability must be in [0, 1]", dropout.probability);
}

// x[i] becomes 0 or grows, for key first + i of a query; `heads` of them in a sequence. The weights
// of a query are elements row 2^32 + key of dropout (see there), row being the query's place in
// [batch, heads, queries].
template <class T>
void drop_weights(const AttentionDropout& dropout, const QueryPlace& q, Index heads, Index first,
                  Index n, T* x) {
  constexpr Index tile = 1024;  // keys, two to a word
  alignas(64) std::uint32_t words[tile / 2];
  const auto row = static_cast<std::uint64_t>((q.batch * heads + q.head) * q.queries + q.query);
  const auto limit = static_cast<std::uint32_t>(std::ceil(dropout.probability * 0x1p16));
  const T kept = dropout.probability < 1 ? static_cast<T>(1 / (1 - dropout.probability)) : T{0};
  for (Index i = 0; i < n;) {
    const Index begin = (first + i) % 8, count = std::min(n - i, tile - 8 - begin);
    CFM_CALL(random_words)(dropout.rng, (row << 29) + static_cast<std::uint64_t>((first + i) / 8),
                           (begin + count + 7) / 8, words);
    const Index odd = begin % 2;  // the first key has the upper half of a word
    if (odd != 0) x[i] = words[begin / 2] >> 16 < limit ? T{0} : kept * x[i];
    T* const rest = x + i + odd;
    CFM_CALL(drop_words)(rest, words + (begin + odd) / 2, limit, kept, rest, count - odd, false);
    i += count;
  }
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
