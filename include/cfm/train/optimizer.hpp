#pragma once
/// @file  What all optimizers share: groups, gradient accumulation, clipping, saved state.

#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cfm/io/safetensors.hpp>
#include <cfm/nn/module.hpp>
#include <cfm/train/clip.hpp>
#include <cfm/train/detail/update_lanes.hpp>

CFM_NAMESPACE_BEGIN

/// Settings of the parameters whose names a predicate accepts. What is left out is taken from the
/// optimizer's options.
struct ParameterGroup {
  std::function<bool(std::string_view)> parameters;  ///< NamePattern("*.bias"), say
  std::optional<double> learning_rate{};
  std::optional<double> weight_decay{};
};

/// How an optimizer collects gradients before it moves.
struct StepOptions {
  std::vector<ParameterGroup> groups{};  ///< the first group that accepts a name wins
  Index accumulate = 1;                  ///< tapes whose gradients make one update
  bool mean = true;                      ///< of these gradients; false: their sum
  std::optional<double> clip_norm{};     ///< limits the norm of all gradients together
  std::optional<double> clip_value{};    ///< limits every element of the gradients
};

/// What an update rule is told besides the elements.
struct UpdateContext {
  double learning_rate = 0;
  double weight_decay = 0;
  Index step = 1;  ///< 1 at the first update of this parameter
};

/// An update rule: options, the names of its per-element states, and Step<T>(options, context),
/// which updates a batch of elements: step(value, gradient, states) on Batch<T>, lane by lane. The
/// gradient is the one after accumulation and clipping; states start at initial_state(options,
/// which).
template <class R>
concept UpdateRule = requires(const typename R::Options& o) {
  { o.learning_rate } -> std::convertible_to<double>;
  { o.weight_decay } -> std::convertible_to<double>;
  {std::string_view(R::name)};
  { R::states.size() } -> std::convertible_to<std::size_t>;
  { R::uses(o, std::size_t{}) } -> std::same_as<bool>;
  R::check(o);
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Changes the parameters of a module by the gradients of a tape. Holds the tensors of the
/// parameters (which it shares with the module and its copies), never the module, so that models
/// may be moved and copied. Parameters that a tape has no gradient for stay as they are.
/// Order:  elementwise, so the same bits for any number of threads.
template <UpdateRule Rule>
class Optimizer {
 public:
  using Options = typename Rule::Options;

  /// A copy shares the parameters, and has a state of its own.
  Optimizer(const Optimizer& other)
      : options_(other.options_),
        steps_(other.steps_),
        slots_(other.slots_),
        updates_(other.updates_),
        pending_(other.pending_),
        factor_(other.factor_) {
    for (Slot& s : slots_) {
      for (Tensor& state : s.states) state = state.defined() ? state.clone() : state;
      if (s.accumulated.defined()) s.accumulated = s.accumulated.clone();
    }
  }
  Optimizer& operator=(const Optimizer& other) { return *this = Optimizer(other); }
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  /// Errors:  TypeError if a parameter is neither f32 nor f64, Error if its memory is read-only
  ///          (clone() the module), if a group accepts no parameter, or for bad options.
  template <Module M>
  explicit Optimizer(M& module, const Options& options = {}, StepOptions steps = {})
      : options_(options), steps_(std::move(steps)) {
    Rule::check(options_);
    CFM_CHECK(steps_.accumulate >= 1, "optimizer: accumulate is at least 1", steps_.accumulate);
    std::vector<bool> used(steps_.groups.size(), false);
    std::unordered_set<const void*> seen;
    for_each_parameter(module, [&](std::string_view name, Parameter& p) {
      if (p.value.size() == 0 || !seen.insert(p.value.address()).second) return;  // tied: once
      add_slot(name, p.value, used);
    });
    for (std::size_t g = 0; g < used.size(); ++g)
      CFM_CHECK(used[g], concat("optimizer: group ", g, " accepts no parameter"));
  }

  const Options& options() const { return options_; }
  const StepOptions& step_options() const { return steps_; }

  /// Takes the gradients of a tape and does what the tape was asked to write. Returns true if the
  /// parameters moved, false while gradients are still being accumulated.
  /// Errors:  NumericError if clip_norm is set and the norm is not finite: no parameter, state or
  ///          statistic has changed, and the gradients collected so far are dropped.
  bool step(Tape& tape) {
    std::vector<Tensor> gradients(slots_.size());
    for (std::size_t i = 0; i < slots_.size(); ++i) gradients[i] = tape.grad(slots_[i].value);
    const bool update = step_gradients(std::move(gradients));
    tape.commit();
    return update;
  }

  /// The same for gradients by position in names(); Tensor() where there is none. For training
  /// that computes its gradients elsewhere.
  /// Errors:  Error, ShapeError, TypeError if a gradient does not fit its parameter.
  bool step_gradients(std::vector<Tensor> gradients) {
    CFM_CHECK(gradients.size() == slots_.size(), "optimizer: as many gradients as parameters",
              gradients.size(), slots_.size());
    for (std::size_t i = 0; i < slots_.size(); ++i) check_gradient(slots_[i], gradients[i]);
    if (steps_.accumulate > 1) {
      for (std::size_t i = 0; i < slots_.size(); ++i) accumulate(slots_[i], gradients[i]);
      if (++pending_ < steps_.accumulate) return false;
      for (std::size_t i = 0; i < slots_.size(); ++i)
        gradients[i] = std::exchange(slots_[i].accumulated, Tensor());
    }
    double scale = steps_.mean ? 1.0 / static_cast<double>(steps_.accumulate) : 1.0;
    if (steps_.clip_norm) {
      const double norm = scale * gradient_norm(gradients);
      if (!std::isfinite(norm)) {
        pending_ = 0;
        throw_error<NumericError>("optimizer: the norm of the gradients is ", norm);
      }
      scale *= clip_factor(norm, *steps_.clip_norm);
    }
    pending_ = 0;
    update_all(gradients, scale);
    ++updates_;
    return true;
  }

  /// Updates done so far.
  Index updates() const { return updates_; }
  /// Tapes taken since the last update.
  Index pending() const { return pending_; }

  /// Multiplies the learning rates of all groups from now on; schedules give this factor.
  void scale_learning_rate(double factor) { factor_ = factor; }
  /// The factor that scale_learning_rate set.
  double learning_rate_scale() const { return factor_; }
  /// The learning rate of a parameter at the next update.
  double learning_rate(std::string_view name) const {
    for (const Slot& s : slots_)
      if (s.name == name) return factor_ * s.learning_rate;
    throw_error<Error>("optimizer: no parameter \"", name, "\"");
  }

  /// The names of the parameters, in the order of the module.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const Slot& s : slots_) out.push_back(s.name);
    return out;
  }

  /// All that another optimizer of the same kind and module needs to go on exactly here. The
  /// tensors are the optimizer's own: copy them if it moves on meanwhile.
  NamedTensors state() const {
    NamedTensors out;
    out.emplace_back("updates", Tensor::scalar<std::int64_t>(updates_));
    out.emplace_back("pending", Tensor::scalar<std::int64_t>(pending_));
    out.emplace_back("learning_rate_scale", Tensor::scalar<double>(factor_));
    for (const Slot& s : slots_) {
      if (s.steps > 0) out.emplace_back(s.name + ".steps", Tensor::scalar<std::int64_t>(s.steps));
      for (std::size_t k = 0; k < Rule::states.size(); ++k)
        if (s.states[k].defined()) out.emplace_back(state_name(s, k), s.states[k]);
      if (s.accumulated.defined()) out.emplace_back(s.name + ".accumulated", s.accumulated);
    }
    return out;
  }

  /// Goes on where the optimizer was whose state() this is.
  /// Errors:  FormatError naming what is missing, unknown or of another shape; nothing has changed.
  void set_state(const NamedTensors& state) {
    std::unordered_map<std::string_view, const Tensor*> by_name;
    for (const auto& [name, tensor] : state) by_name.emplace(name, &tensor);
    std::size_t taken = 0;
    const auto take = [&](const std::string& name) -> const Tensor* {
      const auto it = by_name.find(name);
      if (it == by_name.end()) return nullptr;
      ++taken;
      return it->second;
    };
    const auto need = [&](const std::string& name, DType dtype) {
      const Tensor* const t = take(name);
      if (t && t->dtype() == dtype && t->size() == 1) return t;
      throw_error<FormatError>("optimizer state: \"", name, "\" is missing or not one ", dtype);
    };
    const auto count = [&](const std::string& name) {
      const Index value = need(name, DType::i64)->template item<std::int64_t>();
      if (value < 0) throw_error<FormatError>("optimizer state: \"", name, "\" is negative");
      return value;
    };
    const Index updates = count("updates"), pending = count("pending");
    const double factor = need("learning_rate_scale", DType::f64)->template item<double>();
    if (pending >= steps_.accumulate)
      throw_error<FormatError>("optimizer state: ", pending, " gradients are waiting, but ",
                               steps_.accumulate, " make an update");
    std::vector<Slot> slots = slots_;
    for (Slot& s : slots) {
      s.steps = by_name.contains(s.name + ".steps") ? count(s.name + ".steps") : 0;
      for (std::size_t k = 0; k < Rule::states.size(); ++k)
        s.states[k] = copy_state(s, state_name(s, k), take(state_name(s, k)),
                                 s.steps > 0 && Rule::uses(options_, k));
      s.accumulated = copy_state(s, s.name + ".accumulated", take(s.name + ".accumulated"), false);
    }
    if (taken != by_name.size()) {
      throw_error<FormatError>("optimizer state: ", by_name.size() - taken,
                               " tensors belong to no parameter of this optimizer");
    }
    slots_ = std::move(slots);
    updates_ = updates;
    pending_ = pending;
    factor_ = factor;
  }

 private:
  struct Slot {
    std::string name;
    Tensor value;
    double learning_rate;
    double weight_decay;
    Index steps = 0;
    std::array<Tensor, Rule::states.size()> states{};
    Tensor accumulated = Tensor();
  };

  static std::string state_name(const Slot& s, std::size_t k) {
    return concat(s.name, ".", Rule::states[k]);
  }

  void add_slot(std::string_view name, const Tensor& value, std::vector<bool>& used) {
    visit_real(value.dtype(), concat("optimizer: parameter ", name), [](auto) {});
    CFM_CHECK(value.storage().writable() && value.is_contiguous(),
              concat("optimizer: ", name, " must be dense writable memory; clone() the module"),
              value);
    Slot s{std::string(name), value, options_.learning_rate, options_.weight_decay};
    for (std::size_t g = 0; g < steps_.groups.size(); ++g) {
      const ParameterGroup& group = steps_.groups[g];
      if (!group.parameters || !group.parameters(name)) continue;
      s.learning_rate = group.learning_rate.value_or(s.learning_rate);
      s.weight_decay = group.weight_decay.value_or(s.weight_decay);
      used[g] = true;
      break;
    }
    slots_.push_back(std::move(s));
  }

  static void check_gradient(const Slot& s, const Tensor& gradient) {
    if (!gradient.defined()) return;
    CFM_CHECK(gradient.dtype() == s.value.dtype(),
              concat("optimizer: the gradient of ", s.name, " has another type"), gradient.dtype(),
              s.value.dtype());
    CFM_CHECK(gradient.shape() == s.value.shape(),
              concat("optimizer: the gradient of ", s.name, " has another shape"), gradient,
              s.value);
  }

  static Tensor copy_state(const Slot& s, const std::string& name, const Tensor* t, bool wanted) {
    if (!t) {
      if (wanted) throw_error<FormatError>("optimizer state: \"", name, "\" is missing");
      return Tensor();
    }
    if (t->dtype() != s.value.dtype() || !(t->shape() == s.value.shape()))
      throw_error<FormatError>("optimizer state: \"", name, "\" is ", *t, ", but the parameter is ",
                               s.value);
    return t->clone();
  }

  void accumulate(Slot& s, const Tensor& gradient) {
    if (!gradient.defined()) return;
    if (!s.accumulated.defined()) {
      s.accumulated = gradient.clone();
      return;
    }
    visit_real(gradient.dtype(), "optimizer", [&]<class T>(std::type_identity<T>) {
      const Tensor dense = gradient.contiguous();
      const T* const in = dense.data<T>();
      T* const out = s.accumulated.template data<T>();
      parallel_for(dense.size(), grain_for(3 * sizeof(T)), [=](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) out[i] += in[i];
      });
    });
  }

  // A tensor on its way through an update.
  struct Job {
    Slot* slot;
    Tensor gradient;
    std::byte* value;
    std::array<std::byte*, Rule::states.size()> states{};
    UpdateContext context{};
  };

  Job make_job(Slot& s, const Tensor& gradient) {
    ++s.steps;
    Job job{&s, gradient.contiguous(), s.value.bytes(), {}, {}};
    for (std::size_t k = 0; k < Rule::states.size(); ++k) {
      if (Rule::uses(options_, k) && !s.states[k].defined())
        s.states[k] =
            Tensor::full(s.value.shape(), Rule::initial_state(options_, k), s.value.dtype());
      if (s.states[k].defined()) job.states[k] = s.states[k].bytes();
    }
    job.context = {factor_ * s.learning_rate, s.weight_decay, s.steps};
    return job;
  }

  void run_piece(const Job& job, Index begin, Index end, const detail::GradientScale& scale) {
    visit_real(job.gradient.dtype(), "optimizer", [&]<class T>(std::type_identity<T>) {
      std::array<T*, Rule::states.size()> states{};
      for (std::size_t k = 0; k < states.size(); ++k)
        if (job.states[k] != nullptr) states[k] = reinterpret_cast<T*>(job.states[k]) + begin;
      const typename Rule::template Step<T> step(options_, job.context);
      isa_detail::update_piece<T>(end - begin, step, scale, reinterpret_cast<T*>(job.value) + begin,
                                  std::as_const(job.gradient).template data<T>() + begin, states);
    });
  }

  // One parallel loop over all tensors together, each element read and written once.
  void update_all(const std::vector<Tensor>& gradients, double factor) {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (gradients[i].defined()) jobs.push_back(make_job(slots_[i], gradients[i]));
    const detail::GradientScale scale{factor, steps_.clip_value.value_or(-1)};
    const detail::UpdateTasks tasks(jobs.size(), Index{1} << 13,
                                    [&](std::size_t k) { return jobs[k].gradient.size(); });
    parallel_for(static_cast<Index>(tasks.bounds.size()) - 1, 1, [&](Index begin, Index end) {
      for (std::size_t i = tasks.bounds[static_cast<std::size_t>(begin)];
           i < tasks.bounds[static_cast<std::size_t>(end)]; ++i) {
        const detail::UpdatePiece& piece = tasks.pieces[i];
        run_piece(jobs[piece.tensor], piece.begin, piece.end, scale);
      }
    });
  }

  Options options_;
  StepOptions steps_;
  std::vector<Slot> slots_;
  Index updates_ = 0;
  Index pending_ = 0;
  double factor_ = 1;
};

CFM_ISA_NAMESPACE_END
