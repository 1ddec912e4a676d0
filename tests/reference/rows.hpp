#pragma once
/// @file  Softmax, norms and cross entropy of one row, in double.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace cfm::reference {

using Row = std::vector<double>;

inline double log_sum_exp(const Row& x) {
  const double high = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (double v : x) total += std::exp(v - high);
  return high + std::log(total);
}

inline Row log_softmax(const Row& x) {
  Row out;
  const double total = log_sum_exp(x);
  for (double v : x) out.push_back(v - total);
  return out;
}

inline Row softmax(const Row& x) {
  Row out = log_softmax(x);
  for (double& v : out) v = std::exp(v);
  return out;
}

inline double mean(const Row& x) {
  long double total = 0;  // or a mean far from zero would not be one
  for (double v : x) total += v;
  return static_cast<double>(total / static_cast<long double>(x.size()));
}

inline double variance(const Row& x) {
  const double m = mean(x);
  double total = 0;
  for (double v : x) total += (v - m) * (v - m);
  return total / static_cast<double>(x.size());
}

inline Row layer_norm(const Row& x, const Row& gain, const Row& bias, double eps) {
  const double m = mean(x), scale = 1 / std::sqrt(variance(x) + eps);
  Row out;
  for (std::size_t i = 0; i < x.size(); ++i) out.push_back((x[i] - m) * scale * gain[i] + bias[i]);
  return out;
}

inline Row rms_norm(const Row& x, const Row& gain, double eps) {
  double squares = 0;
  for (double v : x) squares += v * v;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
  Row out;
  for (std::size_t i = 0; i < x.size(); ++i) out.push_back(x[i] * scale * gain[i]);
  return out;
}

/// Weighted and smoothed cross entropy of one row.
inline double cross_entropy(const Row& x, std::size_t label, const Row& weight, double smoothing) {
  const Row p = log_softmax(x);
  double out = -(1 - smoothing) * weight[label] * p[label];
  for (std::size_t c = 0; c < x.size(); ++c)
    out -= smoothing / static_cast<double>(x.size()) * weight[c] * p[c];
  return out;
}

/// Gradient of f at x by central differences.
template <class F>
Row gradient(const F& f, Row x) {
  Row out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i], h = 1e-5 * std::max(1.0, std::abs(at));
    x[i] = at + h;
    const double above = f(x);
    x[i] = at - h;
    const double below = f(x);
    x[i] = at;
    out.push_back((above - below) / (2 * h));
  }
  return out;
}

}  // namespace cfm::reference
