#pragma once
/// @file  Weights of losses by which each has an equal share in the gradient of what they share.

#include <cmath>
#include <span>
#include <vector>

#include <cfm/autograd/tape.hpp>

CFM_NAMESPACE_BEGIN

/// Keeps a moving average of the norm of each loss's gradient; a loss weighs its share over that.
/// Source:  A. Defossez et al., "High fidelity neural audio compression", 2022, section 3.4.
class GradientBalancer {
 public:
  explicit GradientBalancer(double decay = 0.999, double epsilon = 1e-12)
      : decay_(decay), epsilon_(epsilon) {
    CFM_CHECK(decay >= 0 && decay < 1, "gradient_balancer: the decay must be in [0, 1)", decay);
  }

  /// The weights of losses whose gradients have these norms now; a negative norm is a loss that is
  /// not there: its average stays, its weight is 0. Weights of the others times their average norms
  /// are 1 / their number.
  std::vector<double> operator()(std::span<const double> norms) {
    sums_.resize(norms.size(), 0);
    counts_.resize(norms.size(), 0);
    std::vector<double> out(norms.size(), 0);
    double present = 0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (norms[i] < 0) continue;
      sums_[i] = decay_ * sums_[i] + norms[i];
      counts_[i] = decay_ * counts_[i] + 1;
      present += 1;
    }
    for (std::size_t i = 0; i < norms.size(); ++i)
      if (norms[i] >= 0) out[i] = 1 / (present * (sums_[i] / counts_[i] + epsilon_));
    return out;
  }

 private:
  double decay_, epsilon_;
  std::vector<double> sums_, counts_;
};

namespace detail {

inline double squared_norm(const Tensor& x) {
  if (!x.defined()) return 0;
  double sum = 0;
  const Tensor dense = x.to(DType::f64).contiguous();
  for (double v : dense.span<double>()) sum += v * v;
  return sum;
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The norm of the gradient of each loss by `shared`; -1 for a loss that is undefined.
/// losses(std::span<const Var> shared) gives a range of Vars and is run once for each.
template <class F>
std::vector<double> gradient_norms(std::span<const Tensor> shared, const F& losses) {
  std::vector<double> out;
  for (std::size_t i = 0; i == 0 || i < out.size(); ++i) {
    Tape tape;
    std::vector<Var> leaves;
    for (const Tensor& t : shared) leaves.push_back(tape.leaf(t));
    const auto all = losses(std::span<const Var>(leaves));
    if (i == 0) out.assign(all.size(), -1);
    if (all.size() == 0) break;
    if (!all[i].value().defined()) continue;
    double sum = 0;
    if (all[i].needs_grad()) {
      tape.backward(all[i]);
      for (const Var& leaf : leaves) sum += detail::squared_norm(tape.grad(leaf));
    }
    out[i] = std::sqrt(sum);
  }
  return out;
}

CFM_ISA_NAMESPACE_END
