#pragma once
/// @file  Dropout of attention weights: a function of the place, so that no mask is stored.

#include <cfm/core/error.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/kernels/attention_dropout-inl.hpp>
#include <cfm/kernels/attention_masks.hpp>

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

// What decides about the row of one query, `heads` of them in a sequence.
inline detail::DropRow drop_row(const AttentionDropout& dropout, const QueryPlace& q, Index heads) {
  const std::uint64_t seed = dropout.rng.seed(), stream = dropout.rng.stream();
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const double threshold = std::min(dropout.probability * 0x1p32, 4294967295.0);
  const double kept = dropout.probability < 1 ? 1 / (1 - dropout.probability) : 0;
  return {{low(seed), low(seed >> 32)},
          {low(stream), low(stream >> 32)},
          low(static_cast<std::uint64_t>((q.batch * heads + q.head) * q.queries + q.query)),
          low(static_cast<std::uint64_t>(threshold)),
          kept};
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
