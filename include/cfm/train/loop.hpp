#pragma once
/// @file  The loop around training steps: reports, saves, stops, resumes.

#include <cmath>
#include <concepts>
#include <functional>
#include <string>

#include <cfm/core/error.hpp>
#include <cfm/core/progress.hpp>

CFM_NAMESPACE_BEGIN

/// What fit is told.
struct FitOptions {
  Index steps = 0;                         ///< runs until this many steps are done
  Index first = 0;                         ///< steps that were done before: TrainingState::step
  std::string stage = "training";          ///< what the reports call it
  Index save_every = 0;                    ///< 0: only at the end and when stopped
  std::function<void(Index step)> save{};  ///< called with the number of steps done
};

/// What fit reached.
struct FitResult {
  Index step = 0;        ///< steps done, those of earlier runs included
  double loss = 0;       ///< of the last step that ran
  bool stopped = false;  ///< the progress function asked for it
};

/// Runs `double loss = step(k)` for k = first, first + 1, ... and reports after each. If all that a
/// step draws and sets follows from k (Rng::split(k), schedule(k)) and what `save` keeps is loaded
/// before, a run in pieces gives the bits of a run in one.
/// Errors:  NumericError if a loss is not finite, before anything is saved; whatever a step throws.
template <std::invocable<Index> Step>
requires std::convertible_to < std::invoke_result_t<Step&, Index>,
double >
    FitResult fit(const FitOptions& options, Step&& step, const ProgressFunction& progress = {}) {
  CFM_CHECK(0 <= options.first && options.first <= options.steps,
            "fit: first lies between 0 and steps", options.first, options.steps);
  CFM_CHECK(options.save_every >= 0, "fit: save_every is not negative", options.save_every);
  FitResult result{.step = options.first};
  Index saved = options.first;
  const auto save = [&] {
    if (options.save && saved != result.step) options.save(result.step);
    saved = result.step;
  };
  while (result.step < options.steps) {
    result.loss = static_cast<double>(step(result.step));
    if (!std::isfinite(result.loss))
      throw_error<NumericError>("fit: the loss of step ", result.step, " is ", result.loss);
    ++result.step;
    if (options.save_every > 0 && result.step % options.save_every == 0) save();
    if (!report(progress, {options.stage, result.step, options.steps, result.loss})) {
      result.stopped = result.step < options.steps;
      break;
    }
  }
  save();
  return result;
}

CFM_NAMESPACE_END
