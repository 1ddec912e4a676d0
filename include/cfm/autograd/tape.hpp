#pragma once
/// @file  Reverse-mode differentiation: records operations, replays them backwards.

#include <array>
#include <limits>
#include <span>
#include <unordered_map>
#include <vector>

#include <cfm/autograd/arena.hpp>
#include <cfm/autograd/var.hpp>
#include <cfm/core/rng.hpp>

CFM_NAMESPACE_BEGIN

/// What a Tape is told at the start.
struct TapeOptions {
  bool training = false;  ///< dropout drops and batch norm uses the batch
  Rng rng{};              ///< source of all randomness on the tape
};

/// The gradients during a replay: what a backward step adds to.
class Gradients;

namespace detail {
class TapeSegment;
}

/// Records operations in the order in which they ran and replays them backwards. That order is
/// topological, so the replay is one loop: no sort, no recursion, any depth. One replay a tape;
/// what a step saved is released as the replay passes. Not for use by several threads at once.
class Tape {
 public:
  explicit Tape(const TapeOptions& options = {}) : options_(options) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  ~Tape() { forget_nodes(); }

  bool training() const { return options_.training; }

  /// An independent stream of random numbers; the next call gives another one.
  Rng next_rng() { return options_.rng.split(draws_++); }

  /// A constant on this tape: tells the operations on it that they are being recorded.
  Var input(Tensor value) { return Var(std::move(value), this, -1); }

  /// A value to be differentiated by. One leaf per tensor, known by the address of its elements:
  /// asking again gives the same one, whoever asks.
  /// Errors:  TypeError if its elements are not floats; Error for another view of a leaf's
  ///          elements: take the view of the Var instead, so that there is one gradient.
  Var leaf(const Tensor& value);

  /// Runs the replay from a scalar.   Errors:  Error if `loss` is not a scalar of this tape that
  /// depends on a leaf, or if the tape was replayed before.
  void backward(const Var& loss) {
    CFM_CHECK(loss.size() == 1, "backward: needs a scalar, or a gradient to start from", loss);
    backward(loss, Tensor::ones(loss.shape(), loss.dtype()));
  }

  /// Runs the replay from any value with a gradient of its shape. If a step throws, no gradient is
  /// left behind.
  void backward(const Var& output, Tensor grad);

  /// The gradient collected for a leaf; Tensor() if nothing reached it. The gradients of values in
  /// between are released as the replay passes.
  Tensor grad(const Var& v) const {
    CFM_CHECK(v.tape() == this, "grad: the value is not on this tape");
    return v.slot() < 0 ? Tensor() : grad_at(v.slot());
  }

  /// The gradient for a parameter that `leaf` was called with, found by its address; Tensor() if
  /// there is none.
  Tensor grad(const Tensor& parameter) const {
    const auto it = leaves_.find(parameter.address());
    return it == leaves_.end() ? Tensor() : grad_at(it->second.slot);
  }

  /// Replaces the collected gradient of a leaf; gradient clipping does this.
  /// Errors:  Error if it is not a leaf or before the replay; ShapeError, TypeError if the
  ///          gradient does not look like the leaf.
  void set_grad(const Tensor& parameter, Tensor grad);

  /// Asks for `target = value` when the step is accepted: statistics of batch norm.
  void write_on_commit(Tensor target, Tensor value) {
    commits_.push_back({std::move(target), std::move(value)});
  }

  /// Does the writes that were asked for. Optimizers call it once a step.
  void commit() {
    for (auto& [target, value] : commits_) target.copy_from(value);
    commits_.clear();
  }

  /// Number of recorded operations.
  std::size_t size() const { return nodes_.size(); }

  /// Adds one tensor to another. A kernel, so it comes from the unit that records; see record().
  using Accumulate = void (*)(Tensor& sum, const Tensor& grad);

  /// Appends a node whose outputs are `values` and returns the slot of the first; the others
  /// follow. With `single` the backward takes one gradient, else a span of them. For record()
  /// alone.
  template <bool single, class Backward>
  GradSlot append(std::span<const Tensor> values, Backward backward, Accumulate accumulate);

  /// False while checkpoint() runs a part for its values; then it learns that there was something
  /// to record. For record() alone.
  bool takes_nodes() noexcept {
    skipped_ = skipped_ || !recording_;
    return recording_;
  }

 private:
  friend class Gradients;
  friend class detail::TapeSegment;

  struct Node {
    void (*run)(void* closure, Gradients& gradients, GradSlot first, GradSlot outputs) = nullptr;
    void (*destroy)(void* closure) noexcept = nullptr;
    void* closure = nullptr;
    GradSlot first = 0;
    GradSlot outputs = 0;

    void forget() noexcept {
      if (closure) destroy(std::exchange(closure, nullptr));
    }
  };

  // What a gradient has to look like.
  struct Slot {
    Shape shape;
    DType dtype;
  };

  // Keeps the tensor, so that nobody else gets its address while the tape lives.
  struct Leaf {
    Tensor value;
    GradSlot slot;
  };

  GradSlot new_slots(std::span<const Tensor> values);
  void check_grad(GradSlot slot, const Tensor& grad) const;
  void replay(Gradients& gradients, std::size_t first);
  bool reached(const Node& node) const;

  Tensor grad_at(GradSlot slot) const {
    return replayed_ ? grads_[static_cast<std::size_t>(slot)] : Tensor();
  }

  void forget_nodes() noexcept {
    for (std::size_t i = nodes_.size(); i-- > 0;) nodes_[i].forget();
  }

  TapeOptions options_;
  std::uint64_t draws_ = 0;
  bool replayed_ = false;
  bool recording_ = true;        // false: a part runs for its values
  bool skipped_ = false;         // that part had something to record
  std::vector<Tensor> touched_;  // the leaves of that part
  Accumulate accumulate_ = nullptr;
  Arena arena_;
  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  std::vector<Tensor> grads_;  // empty before the replay, then one per slot
  std::unordered_map<const void*, Leaf> leaves_;
  std::vector<std::pair<Tensor, Tensor>> commits_;
};

class Gradients {
 public:
  explicit Gradients(Tape& tape) : tape_(tape) {}

  /// True if somebody wants the gradient for this slot: otherwise do not compute it.
  static bool wanted(GradSlot slot) { return slot >= 0; }

  /// Adds to the gradient of an input. The first one is taken as it is, later ones are added.
  /// Errors:  ShapeError, TypeError if the gradient does not look like the value.
  void add(GradSlot slot, Tensor grad);

 private:
  friend class Tape;

  // The gradient of an output, no longer held here: the step that gets it may pass it on.
  Tensor take(GradSlot slot) {
    return std::exchange(tape_.grads_[static_cast<std::size_t>(slot)], Tensor());
  }

  Tape& tape_;
};

CFM_NAMESPACE_END

#include <cfm/autograd/tape-inl.hpp>

#include <cfm/autograd/record.hpp>
