#pragma once
/// @file  Comparing gradients with central differences, in double.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <cfm/autograd/tape.hpp>

CFM_NAMESPACE_BEGIN

/// How gradcheck works.
struct GradcheckOptions {
  double step = 1e-5;       ///< an element goes from x - step to x + step
  double tolerance = 1e-6;  ///< for |backward - difference| / max(1, |backward|, |difference|)
  bool training = false;    ///< the mode of the tapes that f runs on
  std::uint64_t seed = 1;   ///< of the tapes and of the weights of the outputs
};

/// What gradcheck found: the element whose two derivatives differ most.
struct GradcheckReport {
  bool passed = true;
  double error = 0;          ///< as in GradcheckOptions::tolerance
  std::size_t input = 0;     ///< which input
  Extents index;             ///< which element of it
  double backward = 0;       ///< the derivative from the replay
  double difference = 0;     ///< the derivative from central differences
  std::size_t elements = 0;  ///< how many were compared

  explicit operator bool() const { return passed; }
};

/// "input 1 at [2, 0]: backward 0.5, difference 0.25"
inline void append_text(std::string& out, const GradcheckReport& r) {
  out += concat("input ", r.input, " at ", r.index, ": backward ", r.backward, ", difference ",
                r.difference, ", error ", r.error);
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

inline std::vector<Var> as_list(Var v) { return {std::move(v)}; }
inline std::vector<Var> as_list(std::vector<Var> v) { return v; }
template <std::size_t N>
std::vector<Var> as_list(const std::array<Var, N>& v) {
  return {v.begin(), v.end()};
}

// Weights in [-1, 1], none near 0, so that no derivative is hidden.
inline Tensor gradcheck_weights(const Shape& shape, Rng rng) {
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& w : out.span<double>()) {
    const double u = rng.uniform(-1, 1);
    w = u < 0 ? u * 0.75 - 0.25 : u * 0.75 + 0.25;
  }
  return out;
}

// sum over outputs and their elements of weight * output.
inline double weighted_sum(const std::vector<Var>& outputs, const std::vector<Tensor>& weights) {
  double sum = 0;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const Tensor y = outputs[k].value().contiguous();
    const auto values = y.span<double>();
    const auto w = weights[k].span<double>();
    for (std::size_t i = 0; i < values.size(); ++i) sum += w[i] * values[i];
  }
  return sum;
}

// f behind one call, so that the check is compiled once and not for every f.
using GradcheckFunction = std::function<std::vector<Var>(const std::vector<Var>&)>;

// The backward derivatives of weighted_sum(f(inputs)).
inline std::vector<Tensor> gradcheck_replay(const GradcheckFunction& f,
                                            const std::vector<Tensor>& inputs,
                                     std::vector<Tensor>& weights,
                                     const GradcheckOptions& options) {
  Tape tape({.training = options.training, .rng = Rng(options.seed)});
  std::vector<Var> vars;
  for (const Tensor& t : inputs)
    vars.push_back(is_floating(t.dtype()) ? tape.leaf(t) : tape.input(t));
  const std::vector<Var> outputs = f(vars);
  std::vector<const Var*> pointers;
  for (const Var& y : outputs) {
    weights.push_back(gradcheck_weights(y.shape(), Rng(options.seed, weights.size() + 1)));
    pointers.push_back(&y);
  }
  const Var loss =
      record(std::span<const Var* const>(pointers), Tensor::scalar(weighted_sum(outputs, weights)),
             [outputs, weights](Gradients& gradients, const Tensor&) {
               for (std::size_t k = 0; k < outputs.size(); ++k)
                 gradients.add(outputs[k].slot(), weights[k]);
             });
  if (loss.needs_grad()) tape.backward(loss);
  std::vector<Tensor> grads;
  for (const Var& v : vars) grads.push_back(tape.grad(v));
  return grads;
}

inline Extents index_of(Index position, const Shape& shape) {
  Extents out = shape;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    out[d] = position % shape[d];
    position /= shape[d];
  }
  return out;
}

inline GradcheckReport run_gradcheck(const GradcheckFunction& f, const std::vector<Tensor>& inputs,
                                     const GradcheckOptions& options) {
  for (const Tensor& t : inputs)
    CFM_CHECK(!is_floating(t.dtype()) || t.dtype() == DType::f64, "gradcheck: needs f64",
              t.dtype());
  std::vector<Tensor> weights;
  const std::vector<Tensor> grads = gradcheck_replay(f, inputs, weights, options);
  std::vector<Tensor> dense;
  for (const Tensor& t : inputs) dense.push_back(t.clone());
  const auto value = [&] {
    Tape tape({.training = options.training, .rng = Rng(options.seed)});
    std::vector<Var> vars;
    for (const Tensor& t : dense) vars.push_back(tape.input(t));
    return weighted_sum(f(vars), weights);
  };
  GradcheckReport report;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (!is_floating(inputs[k].dtype())) continue;
    const Tensor grad =
        grads[k].defined() ? grads[k].contiguous() : Tensor::zeros(inputs[k].shape(), DType::f64);
    for (Index i = 0; i < dense[k].size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double x = dense[k].span<double>()[at];
      dense[k].span<double>()[at] = x + options.step;
      const double above = value();
      dense[k].span<double>()[at] = x - options.step;
      const double below = value();
      dense[k].span<double>()[at] = x;
      const double difference = (above - below) / (2 * options.step);
      const double backward = grad.span<double>()[at];
      const double error = std::abs(backward - difference) /
                           std::max({1.0, std::abs(backward), std::abs(difference)});
      ++report.elements;
      // A NaN is the worst error there is: it compares false, and nothing replaces it.
      if (error <= report.error || std::isnan(report.error)) continue;
      report.error = error;
      report.input = k;
      report.index = index_of(i, inputs[k].shape());
      report.backward = backward;
      report.difference = difference;
    }
  }
  report.passed = report.error <= options.tolerance;
  return report;
}

}  // namespace isa_detail

/// Compares the gradients of f with central differences of a weighted sum of its outputs. f takes a
/// std::vector<Var> and returns a Var, or a vector or array of them. Inputs that are not floats are
/// passed on as constants. Both sides run on tapes with the same random numbers.
/// Errors:  TypeError if a floating input or output is not f64.
/// Cost:    two evaluations of f per element.
template <class F>
GradcheckReport gradcheck(const F& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {}) {
  return isa_detail::run_gradcheck(
      [&f](const std::vector<Var>& in) { return isa_detail::as_list(f(in)); }, inputs, options);
}

CFM_ISA_NAMESPACE_END
