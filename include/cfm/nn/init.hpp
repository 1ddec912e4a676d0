#pragma once
/// @file  Initial values of parameters.

#include <cmath>
#include <memory>

#include <cfm/core/rng.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// Where a module gets its first tensors from. Constructors take it by value; an Rng stands for
/// one. A module hands next() to each of its parts, so that no part's values depend on the sizes
/// of the others:
///
///     Mlp(const Config& c, Init init) : first(c.in, c.width, init.next()) ...
class Init {
 public:
  Init(Rng rng = Rng(0), DType dtype = DType::f32) : rng_(rng), dtype_(dtype) {}

  /// Gives tensors of the right shapes that take no memory (every element is the same one), to be
  /// replaced: a model that is loaded needs no first values, and a file cannot ask for memory by a
  /// configuration alone. All copies together give at most `tensors` of them.
  static Init shapes_only(Index tensors, DType dtype = DType::f32) {
    Init out(Rng(0), dtype);
    out.left_ = std::make_shared<Index>(tensors);
    return out;
  }

  /// An independent source for a part; the next call gives another one.
  Init next() {
    Init out = *this;
    out.rng_ = rng_.split(parts_++);
    out.parts_ = 0;
    return out;
  }

  DType dtype() const { return dtype_; }

  /// Every element `value`.
  Tensor constant(const Shape& shape, double value) const { return constant(shape, value, dtype_); }
  /// The same in another element type, for counters.
  Tensor constant(const Shape& shape, double value, DType dtype) const {
    if (!left_) return Tensor::full(shape, value, dtype);
    CFM_CHECK((*left_)-- > 0, "init: the model has more tensors than the file it is made for");
    return Tensor::full({}, value, dtype).expand(shape);
  }
  /// Uniform in [low, high).
  Tensor uniform(const Shape& shape, double low, double high) {
    return draw(shape, [&] { return rng_.uniform(low, high); });
  }
  /// Normal with this mean and standard deviation.
  Tensor normal(const Shape& shape, double mean, double deviation) {
    return draw(shape, [&] { return mean + deviation * rng_.normal(); });
  }

 private:
  // The same numbers for f32 and f64, but for the rounding.
  template <class F>
  Tensor draw(const Shape& shape, const F& next_value) {
    if (left_) return constant(shape, 0);
    Tensor out = Tensor::empty(shape, dtype_);
    visit_real(dtype_, "init", [&]<class T>(std::type_identity<T>) {
      for (T& v : out.span<T>()) v = static_cast<T>(next_value());
    });
    return out;
  }

  Rng rng_;
  DType dtype_;
  std::uint64_t parts_ = 0;
  std::shared_ptr<Index> left_;  // set: shapes only, and how many more
};

/// How many inputs an output of a weight [out, in, ...] sums over, and the reverse.
struct Fans {
  double in = 1;
  double out = 1;
};

/// Shapes:  [out, in], or [out, in, k...] where the window counts too.
/// Errors:  ShapeError below rank 2.
inline Fans fans(const Shape& weight) {
  CFM_CHECK(weight.rank() >= 2, "fans: a weight has at least two dimensions", weight);
  double window = 1;
  for (int d = 2; d < weight.rank(); ++d) window *= static_cast<double>(weight[d]);
  return {static_cast<double>(weight[1]) * window, static_cast<double>(weight[0]) * window};
}

/// Uniform in +-sqrt(6 / (in + out)).
/// Source:  X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
///          networks", AISTATS 2010, eq. (16).
inline Tensor xavier_uniform(const Shape& weight, Init init) {
  const Fans f = fans(weight);
  const double bound = std::sqrt(6.0 / std::max(1.0, f.in + f.out));
  return init.uniform(weight, -bound, bound);
}

/// Normal with deviation gain / sqrt(in); gain sqrt(2) suits ReLU.
/// Source:  K. He et al., "Delving deep into rectifiers", ICCV 2015, eq. (10).
inline Tensor kaiming_normal(const Shape& weight, Init init, double gain = 1.4142135623730951) {
  return init.normal(weight, 0, gain / std::sqrt(std::max(1.0, fans(weight).in)));
}

/// Uniform in +-gain * sqrt(3 / in).
inline Tensor kaiming_uniform(const Shape& weight, Init init, double gain = 1.4142135623730951) {
  const double bound = gain * std::sqrt(3.0 / std::max(1.0, fans(weight).in));
  return init.uniform(weight, -bound, bound);
}

/// Uniform in +-1 / sqrt(fan_in): what linear and recurrent layers start with, weights and biases.
inline Tensor fan_in_uniform(const Shape& shape, Index fan_in, Init init) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<Index>(1, fan_in)));
  return init.uniform(shape, -bound, bound);
}

CFM_NAMESPACE_END
