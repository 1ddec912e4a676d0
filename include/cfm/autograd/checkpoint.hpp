#pragma once
/// @file  Activation checkpointing: memory of a part of a computation for a second run of it.

#include <concepts>
#include <optional>
#include <tuple>

#include <cfm/autograd/record.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// A part of a tape that is run once for its values and once more in the replay, where it records.
class TapeSegment {
 public:
  explicit TapeSegment(Tape& tape) : tape_(&tape), draws_(tape.draws_) {}

  static bool recording(const Tape& tape) { return tape.recording_; }

  // f() with nothing recorded. Leaves get their place on the tape.
  template <class F>
  auto values(const F& f) {
    const struct Pause {
      explicit Pause(Tape& t) : tape(t) {
        tape.recording_ = tape.skipped_ = false;
        tape.touched_.clear();
      }
      ~Pause() { tape.recording_ = true; }
      Tape& tape;
    } pause(*tape_);
    auto out = f();
    for (const Tensor& leaf : tape_->touched_) leaves_.emplace_back(leaf);
    tape_->touched_.clear();
    return out;
  }

  // Something in f() would have been recorded.
  bool skipped() const { return tape_->skipped_; }

  // Runs f() again at the end of the tape, with the random numbers of the first time, replays what
  // it recorded, and takes it off the tape. `f` gives the slots of the results.
  template <class F>
  void replay(Gradients& gradients, std::span<const Tensor> grads, const F& f) {
    for (const Saved& leaf : leaves_) static_cast<void>(*leaf);  // throws if it was written
    const Ends ends(*tape_);
    tape_->replayed_ = false;
    tape_->draws_ = draws_;
    const std::vector<GradSlot> slots = f();
    tape_->replayed_ = true;
    tape_->grads_.resize(tape_->slots_.size());
    CFM_CHECK(slots.size() == grads.size(),
              "checkpoint: the function gave another number of results the second time");
    for (std::size_t k = 0; k < slots.size(); ++k)
      if (grads[k].defined()) gradients.add(slots[k], grads[k]);
    tape_->replay(gradients, ends.nodes);
  }

  Tape& tape() const { return *tape_; }

 private:
  // Brings the tape back to where it was, also when a step throws.
  struct Ends {
    explicit Ends(Tape& t)
        : tape(t),
          nodes(t.nodes_.size()),
          slots(t.slots_.size()),
          leaves(t.leaves_.size()),
          commits(t.commits_.size()),
          draws(t.draws_) {}
    ~Ends() {
      tape.replayed_ = true;
      tape.draws_ = draws;
      while (tape.commits_.size() > commits) tape.commits_.pop_back();
      for (; tape.nodes_.size() > nodes; tape.nodes_.pop_back()) tape.nodes_.back().forget();
      if (tape.leaves_.size() == leaves)
        tape.slots_.erase(tape.slots_.begin() + at(slots), tape.slots_.end());
      if (tape.grads_.size() > tape.slots_.size())
        tape.grads_.erase(tape.grads_.begin() + at(tape.slots_.size()), tape.grads_.end());
    }
    static std::ptrdiff_t at(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

    Tape& tape;
    std::size_t nodes, slots, leaves, commits;
    std::uint64_t draws;
  };

  Tape* tape_;
  std::uint64_t draws_;        // streams of random numbers that were given out before
  std::vector<Saved> leaves_;  // parameters of the part
};

// An input of a part, kept for the second run.
struct SegmentInput {
  explicit SegmentInput(const Var& v) : value(v), tape(v.tape()), slot(v.slot()) {}
  Var var() const { return Var(*value, tape, slot); }

  Saved value;
  Tape* tape;
  GradSlot slot;
};

inline std::vector<GradSlot> slots_of(const Var& v) { return {v.slot()}; }
inline std::vector<GradSlot> slots_of(const std::vector<Var>& list) {
  std::vector<GradSlot> out;
  for (const Var& v : list) out.push_back(v.slot());
  return out;
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// f(inputs...), of which the tape keeps the inputs alone: the backward pass runs f a second time,
/// with the same random numbers, and then through what it recorded. Values and gradients are those
/// of f(inputs...) without it, bit for bit, also of parameters that f binds and of values on the
/// tape that f captures. May be nested.
///
///     h = checkpoint([layer](const Var& x) { return layer(x); }, h);
///
/// f is copied; what it refers to must live until the backward pass, and it must compute the same
/// both times. It takes one Var for each input and gives a Var or a std::vector<Var>. Without a
/// tape among the inputs this is f(inputs...).
/// Saved:   the inputs, and what f holds.
/// Errors:  those of f; the backward pass throws Error if an input or a parameter was written.
/// Cost:    one more forward pass of f.
/// Source:  T. Chen et al., "Training deep nets with sublinear memory cost", 2016.
template <class F, std::convertible_to<Var>... Inputs>
requires std::invocable < const F&, const std::conditional_t<true, Var, Inputs>
&... > auto checkpoint(F f, const Inputs&... inputs) {
  using Result = std::invoke_result_t<const F&, const std::conditional_t<true, Var, Inputs>&...>;
  static_assert(std::same_as<Result, Var> || std::same_as<Result, std::vector<Var>>,
                "checkpoint: the function must give a Var or a std::vector<Var>");
  const std::array<Var, sizeof...(Inputs)> vars{Var(inputs)...};
  std::array<const Var*, sizeof...(Inputs)> pointers;
  for (std::size_t i = 0; i < vars.size(); ++i) pointers[i] = &vars[i];
  const auto run = [](const F& g, const auto& args) {
    return std::apply([&g](const auto&... v) { return Result(g(v...)); }, args);
  };
  Tape* const tape = detail::common_tape(std::span<const Var* const>(pointers));
  if (tape == nullptr || !detail::TapeSegment::recording(*tape)) return run(f, vars);

  detail::TapeSegment segment(*tape);
  Result result = segment.values([&] { return run(f, vars); });
  if (!segment.skipped()) return result;
  std::vector<Tensor> values;
  if constexpr (std::same_as<Result, Var>)
    values.push_back(result.value());
  else
    for (const Var& v : result) values.push_back(v.value());

  auto kept = std::apply(
      [](const auto&... v) {
        return std::array<detail::SegmentInput, sizeof...(Inputs)>{detail::SegmentInput(v)...};
      },
      vars);
  GradSlot slot = tape->append<false>(
      values,
      [segment = std::move(segment), f = std::move(f), kept = std::move(kept), run](
          Gradients& gradients, std::span<const Tensor> grads) mutable {
        segment.replay(gradients, grads, [&] {
          std::array<Var, sizeof...(Inputs)> again;
          for (std::size_t i = 0; i < again.size(); ++i) again[i] = kept[i].var();
          return detail::slots_of(run(f, again));
        });
      },
      &isa_detail::add_gradient);
  if constexpr (std::same_as<Result, Var>)
    return Var(std::move(values[0]), tape, slot);
  else {
    Result out;
    for (Tensor& v : values) {  // indices have no gradient
      const bool floats = is_floating(v.dtype());
      out.emplace_back(std::move(v), tape, floats ? slot : -1);
      ++slot;
    }
    return out;
  }
}

CFM_ISA_NAMESPACE_END
