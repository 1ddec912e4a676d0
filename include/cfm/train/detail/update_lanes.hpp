#pragma once
/// @file  An update rule over the elements of many tensors: whole batches, pieces of one size.

#include <array>
#include <utility>
#include <vector>

#include <cfm/exec/batch.hpp>
#include <cfm/exec/parallel.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// What happens to a gradient before the rule sees it: factor g, then to [-limit, limit].
struct GradientScale {
  double factor = 1;
  double limit = -1;  ///< below 0: none
};

/// Elements [begin, end) of a tensor, by the number of the tensor.
struct UpdatePiece {
  std::size_t tensor;
  Index begin, end;
};

/// Cuts tensors of these sizes into tasks of about `elements` each: large tensors are divided,
/// small ones share a task. Task t is the pieces [bounds[t], bounds[t + 1]).
struct UpdateTasks {
  std::vector<UpdatePiece> pieces;
  std::vector<std::size_t> bounds{0};

  template <class SizeOf>
  UpdateTasks(std::size_t tensors, Index elements, const SizeOf& size_of) {
    Index room = elements;
    for (std::size_t k = 0; k < tensors; ++k)
      for (Index begin = 0, n = size_of(k); begin < n; begin += elements) {
        pieces.push_back({k, begin, std::min(n, begin + elements)});
        room -= pieces.back().end - begin;
        if (room > 0) continue;
        bounds.push_back(pieces.size());
        room = elements;
      }
    if (bounds.back() < pieces.size()) bounds.push_back(pieces.size());
  }
};

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Whole batches. Not inlined, so that a tail runs the very same instructions as the rest. `at`
// holds null for states that the rule does not use.
template <class T, std::size_t K, class Step, std::size_t... S>
__attribute__((noinline)) void update_batches(Index n, const Step& rule,
                                              const detail::GradientScale& scale, T* p, const T* g,
                                              const std::array<T*, K>& at,
                                              std::index_sequence<S...>) {
  using V = Batch<T>;
  const Step step = rule;  // a copy of our own: stores to p cannot change it
  const std::array<T*, K> memory = at;
  const V factor(static_cast<T>(scale.factor)), high(static_cast<T>(scale.limit)), low = -high;
  const bool limited = scale.limit >= 0;
  for (Index i = 0; i < n; i += V::size) {
    V value = V::load_unaligned(p + i), gradient = factor * V::load_unaligned(g + i);
    if (limited)  // not min and max: NaN stays
      gradient = select(gradient > high, high, select(gradient < low, low, gradient));
    std::array<V, K> state;
    ((memory[S] != nullptr ? void(state[S] = V::load_unaligned(memory[S] + i)) : void()), ...);
    step(value, gradient, state);
    ((memory[S] != nullptr ? state[S].store_unaligned(memory[S] + i) : void()), ...);
    value.store_unaligned(p + i);
  }
}

// n elements; the last ones go through padded batches, so that an element never feels its place.
template <class T, std::size_t K, class Step>
void update_piece(Index n, const Step& step, const detail::GradientScale& scale, T* p, const T* g,
                  std::array<T*, K> at) {
  constexpr Index lanes = Batch<T>::size;
  const Index full = n - n % lanes;
  update_batches(full, step, scale, p, g, at, std::make_index_sequence<K>());
  if (full == n) return;
  std::array<std::array<T, Batch<T>::count>, K + 2> tail{};
  const auto copy_in = [&](std::size_t k, const T* from) {
    std::copy(from + full, from + n, tail[k].data());
  };
  std::array<T*, K> here{};
  copy_in(K, p);
  copy_in(K + 1, g);
  for (std::size_t k = 0; k < K; ++k)
    if (at[k] != nullptr) {
      copy_in(k, at[k]);
      here[k] = tail[k].data();
    }
  update_batches(lanes, step, scale, tail[K].data(), tail[K + 1].data(), here,
                 std::make_index_sequence<K>());
  std::copy_n(tail[K].data(), n - full, p + full);
  for (std::size_t k = 0; k < K; ++k)
    if (at[k] != nullptr) std::copy_n(tail[k].data(), n - full, at[k] + full);
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
