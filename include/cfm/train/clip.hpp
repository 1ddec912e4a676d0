#pragma once
/// @file  Limits on gradients.

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <cfm/exec/parallel.hpp>
#include <cfm/nn/module.hpp>

CFM_NAMESPACE_BEGIN

/// What gradients of this norm are multiplied by so that the norm becomes at most `limit`:
/// min(1, limit / (norm + 1e-6)).
inline double clip_factor(double norm, double limit) {
  return std::min(1.0, limit / (norm + 1e-6));
}

/// The L2 norm of all elements of all tensors together; undefined tensors count as nothing.
/// Order:   sums in double over fixed chunks: the same bits for any number of threads.
/// Errors:  TypeError if a tensor is neither f32 nor f64.
inline double gradient_norm(std::span<const Tensor> gradients) {
  double sum = 0;
  for (const Tensor& g : gradients) {
    if (!g.defined()) continue;
    visit_real(g.dtype(), "gradient_norm", [&]<class T>(std::type_identity<T>) {
      const Tensor dense = g.contiguous();
      const T* const x = dense.data<T>();
      sum = parallel_reduce(
          dense.size(), Index{1} << 14, sum,
          [x](Index begin, Index end) {
            double part = 0;
            for (Index i = begin; i < end; ++i)
              part += static_cast<double>(x[i]) * static_cast<double>(x[i]);
            return part;
          },
          [](double a, double b) { return a + b; });
    });
  }
  return std::sqrt(sum);
}

namespace detail {

// Replaces the gradient of every parameter that has one by f(gradient element).
template <Module M, class F>
void map_gradients(Tape& tape, const M& module, const F& f) {
  std::unordered_set<const void*> seen;
  for_each_parameter(module, [&](std::string_view, const Parameter& p) {
    const Tensor old = tape.grad(p.value);
    if (!old.defined() || !seen.insert(p.value.address()).second) return;
    Tensor fresh = old.clone();  // the old one may be the gradient of another value too
    visit_real(fresh.dtype(), "clip_grad", [&]<class T>(std::type_identity<T>) {
      for (T& g : fresh.span<T>()) g = f(g);
    });
    tape.set_grad(p.value, std::move(fresh));
  });
}

}  // namespace detail

/// Scales the gradients of a module's parameters on a tape so that their common L2 norm is at most
/// `limit`; returns the norm before. A norm that is not finite leaves the gradients alone.
template <Module M>
double clip_grad_norm(Tape& tape, const M& module, double limit) {
  std::vector<Tensor> gradients;
  std::unordered_set<const void*> seen;
  for_each_parameter(module, [&](std::string_view, const Parameter& p) {
    if (seen.insert(p.value.address()).second) gradients.push_back(tape.grad(p.value));
  });
  const double norm = gradient_norm(gradients);
  const double factor = clip_factor(norm, limit);
  if (factor < 1 && std::isfinite(norm))
    detail::map_gradients(tape, module, [factor](auto g) {
      return static_cast<decltype(g)>(factor) * g;
    });
  return norm;
}

/// Limits every element of the gradients of a module's parameters to [-limit, limit].
template <Module M>
void clip_grad_value(Tape& tape, const M& module, double limit) {
  detail::map_gradients(tape, module, [limit](auto g) {
    return std::clamp(g, static_cast<decltype(g)>(-limit), static_cast<decltype(g)>(limit));
  });
}

CFM_NAMESPACE_END
