#pragma once
/// @file  The reductions of reduces.hpp on the lanes of one column block, forwards and backwards.

#include <array>
#include <utility>

#include <cfm/exec/dual.hpp>
#include <cfm/graph/neighbours.hpp>
#include <cfm/kernels/reduces.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// `count` numbers in a batch; what is missing repeats the last, so that lambdas meet no foreign
// value. A whole batch and a part go through the same code of the lambda.
template <Real T>
Batch<T> load_lanes(const T* p, Index count) {
  if (count == Batch<T>::size) return Batch<T>::load_unaligned(p);
  std::array<T, Batch<T>::count> padded;
  for (Index i = 0; i < Batch<T>::size; ++i)
    padded[static_cast<std::size_t>(i)] = p[std::min(i, count - 1)];
  return Batch<T>::load_unaligned(padded.data());
}

template <Real T>
void store_lanes(Batch<T> x, T* p, Index count) {
  if (count == Batch<T>::size) return x.store_unaligned(p);
  std::array<T, Batch<T>::count> padded;
  x.store_unaligned(padded.data());
  std::copy_n(padded.data(), count, p);
}

template <Real T>
T sum_lanes_of(Batch<T> x, Index count) {
  if (count == Batch<T>::size) return reduce_add(x);
  std::array<T, Batch<T>::count> lanes;
  x.store_unaligned(lanes.data());
  T sum = 0;
  for (Index i = 0; i < count; ++i) sum += lanes[static_cast<std::size_t>(i)];
  return sum;
}

// Where the results of one row and column block go, or come from in the backward pass.
template <class T, class Pick>
struct ReducePlace {
  T* out;       // [parts][width]
  T* saved;     // [saved of all parts][width]
  Pick* picks;  // [picks of all parts][width]
  Index width;
  Index count;   // columns of this block
  Index degree;  // messages of the row

  template <class Part>
  ReducePlace after() const {
    ReducePlace next = *this;
    next.out += Part::columns * width;
    if (saved != nullptr) next.saved += Part::saved * width;
    if (picks != nullptr) next.picks += Part::picks * width;
    return next;
  }
};
template <Real T>
using OutPlace = ReducePlace<T, std::int32_t>;
template <Real T>
using InPlace = ReducePlace<const T, const std::int32_t>;

// Sums in blocks: hubs with very many neighbours keep the rounding error of a short sum.
template <Real T>
struct BlockSum {
  Batch<T> part{T{0}}, total{T{0}};
  void add(Batch<T> m, Index k) {
    part += m;
    if ((k & 255) == 255) {
      total += part;
      part = Batch<T>(T{0});
    }
  }
  Batch<T> value() const { return total + part; }
};

// A specialisation for each reduction R. While messages come: add(reduce, message, operands, k).
// After the last: finish(reduce, place, edge_of) writes what came out. In the backward pass, a row:
// Slopes(reduce, place, dy), then slopes(message, operands, edge) is the derivative of the loss
// by the variable whose Dual slopes the message and the operands have.
template <class R, Real T>
struct ReduceLanes;

template <Real T>
struct ReduceLanes<Sum, T> {
  static constexpr Index columns = 1, saved = 0, picks = 0;
  BlockSum<T> sum;

  template <class Ops>
  void add(const Sum&, Batch<T> m, const Ops&, Index k) {
    sum.add(m, k);
  }
  template <class EdgeOf>
  void finish(const Sum&, const OutPlace<T>& at, const EdgeOf&) const {
    store_lanes(sum.value(), at.out, at.count);
  }

  struct Slopes {
    Batch<T> dy;
    Slopes(const Sum&, const InPlace<T>& at, const T* grad) : dy(load_lanes(grad, at.count)) {}
    template <class Ops>
    Batch<T> operator()(const Dual<T>& m, const Ops&, Index) const {
      return dy * m.slope;
    }
  };
};

template <Real T>
struct ReduceLanes<Mean, T> : ReduceLanes<Sum, T> {
  template <class Ops>
  void add(const Mean&, Batch<T> m, const Ops&, Index k) {
    this->sum.add(m, k);
  }
  template <class EdgeOf>
  void finish(const Mean&, const OutPlace<T>& at, const EdgeOf&) const {
    store_lanes(this->sum.value() * Batch<T>(share(at.degree)), at.out, at.count);
  }
  static T share(Index degree) { return degree == 0 ? T{0} : T{1} / static_cast<T>(degree); }

  struct Slopes {
    Batch<T> dy;
    Slopes(const Mean&, const InPlace<T>& at, const T* grad)
        : dy(load_lanes(grad, at.count) * Batch<T>(share(at.degree))) {}
    template <class Ops>
    Batch<T> operator()(const Dual<T>& m, const Ops&, Index) const {
      return dy * m.slope;
    }
  };
};

template <int Sign, Real T>
struct ExtremumLanes {
  static constexpr Index columns = 1, saved = 0, picks = 1;
  Batch<T> best{T{0}}, from{T{0}};  // and its place in the row

  void take(Batch<T> m, Index k) {
    const auto better = Sign > 0 ? m > best : m < best;
    const auto won = k == 0 ? m == m || is_nan(m) : better || (is_nan(m) && !is_nan(best));
    best = select(won, m, best);
    from = select(won, Batch<T>(static_cast<T>(k)), from);
  }
  template <class EdgeOf>
  void put(const OutPlace<T>& at, const EdgeOf& edge_of) const {
    store_lanes(best, at.out, at.count);
    if (at.picks == nullptr) return;
    std::array<T, Batch<T>::count> places;
    from.store_unaligned(places.data());
    for (Index i = 0; i < at.count; ++i)
      at.picks[i] = at.degree == 0
                        ? -1
                        : static_cast<std::int32_t>(edge_of(
                              static_cast<Index>(places[static_cast<std::size_t>(i)])));
  }

  struct Slopes {
    Batch<T> dy;
    const std::int32_t* picks;
    Index count;
    Slopes(const InPlace<T>& at, const T* grad)
        : dy(load_lanes(grad, at.count)), picks(at.picks), count(at.count) {}
    template <class Ops>
    Batch<T> operator()(const Dual<T>& m, const Ops&, Index edge) const {
      std::array<T, Batch<T>::count> chosen{};
      for (Index i = 0; i < count; ++i)
        chosen[static_cast<std::size_t>(i)] = picks[i] == edge ? T{1} : T{0};
      const Batch<T> zero(T{0});
      return select(Batch<T>::load_unaligned(chosen.data()) == zero, zero, dy * m.slope);
    }
  };
};

template <class R, int Sign, Real T>
struct NamedExtremum : ExtremumLanes<Sign, T> {
  template <class Ops>
  void add(const R&, Batch<T> m, const Ops&, Index k) {
    this->take(m, k);
  }
  template <class EdgeOf>
  void finish(const R&, const OutPlace<T>& at, const EdgeOf& edge_of) const {
    this->put(at, edge_of);
  }
  struct Slopes : ExtremumLanes<Sign, T>::Slopes {
    Slopes(const R&, const InPlace<T>& at, const T* grad)
        : ExtremumLanes<Sign, T>::Slopes(at, grad) {}
  };
};
template <Real T>
struct ReduceLanes<Max, T> : NamedExtremum<Max, 1, T> {};
template <Real T>
struct ReduceLanes<Min, T> : NamedExtremum<Min, -1, T> {};

template <Real T>
struct ReduceLanes<StdDev, T> {
  static constexpr Index columns = 1, saved = 1, picks = 0;
  Batch<T> mean{T{0}}, squares{T{0}};

  template <class Ops>
  void add(const StdDev&, Batch<T> m, const Ops&, Index k) {
    const Batch<T> before = m - mean;
    mean += before * Batch<T>(T{1} / static_cast<T>(k + 1));
    squares += before * (m - mean);
  }
  template <class EdgeOf>
  void finish(const StdDev& r, const OutPlace<T>& at, const EdgeOf&) const {
    const Batch<T> share(at.degree == 0 ? T{0} : T{1} / static_cast<T>(at.degree));
    const Batch<T> y = sqrt(squares * share + Batch<T>(static_cast<T>(r.epsilon)));
    store_lanes(at.degree == 0 ? Batch<T>(T{0}) : y, at.out, at.count);
    if (at.saved != nullptr) store_lanes(mean, at.saved, at.count);
  }

  struct Slopes {
    Batch<T> scale, mean;
    Slopes(const StdDev&, const InPlace<T>& at, const T* grad)
        : scale(T{0}), mean(load_lanes(at.saved, at.count)) {
      const Batch<T> y = load_lanes(at.out, at.count), zero(T{0});
      scale = select(y == zero, zero,
                     load_lanes(grad, at.count) / (y * Batch<T>(static_cast<T>(at.degree))));
    }
    template <class Ops>
    Batch<T> operator()(const Dual<T>& m, const Ops&, Index) const {
      return scale * (m.value - mean) * m.slope;
    }
  };
};

// The score of a message, over the temperature.
template <class Score, class V, std::size_t N>
V score_of(const SoftmaxSum<Score>& r, const V& m, const std::array<V, N>& operands) {
  using T = typename V::value_type;
  const V inverse(static_cast<T>(1 / r.temperature));
  if constexpr (std::is_same_v<Score, MessageScore>)
    return m * inverse;
  else
    return std::apply(r.score, operands) * inverse;
}

template <class Score, Real T>
struct ReduceLanes<SoftmaxSum<Score>, T> {
  static constexpr Index columns = 1, saved = 1, picks = 0;
  Batch<T> high{T{0}}, weights{T{0}}, sum{T{0}};

  template <class Ops>
  void add(const SoftmaxSum<Score>& r, Batch<T> m, const Ops& operands, Index k) {
    const Batch<T> s = score_of(r, m, operands);
    if (k == 0) {
      high = s;
      weights = Batch<T>(T{1});
      sum = m;
      return;
    }
    const Batch<T> top = max(high, s), keep = exp(high - top), weight = exp(s - top);
    weights = weights * keep + weight;
    sum = sum * keep + weight * m;
    high = top;
  }
  template <class EdgeOf>
  void finish(const SoftmaxSum<Score>&, const OutPlace<T>& at, const EdgeOf&) const {
    const bool none = at.degree == 0;
    store_lanes(none ? Batch<T>(T{0}) : sum / weights, at.out, at.count);
    if (at.saved != nullptr)
      store_lanes(none ? Batch<T>(T{0}) : high + log(weights), at.saved, at.count);
  }

  struct Slopes {
    const SoftmaxSum<Score>& reduce;
    Batch<T> dy, y, log_sum;
    Slopes(const SoftmaxSum<Score>& r, const InPlace<T>& at, const T* grad)
        : reduce(r), dy(load_lanes(grad, at.count)), y(load_lanes(at.out, at.count)),
          log_sum(load_lanes(at.saved, at.count)) {}
    template <class Ops>
    Batch<T> operator()(const Dual<T>& m, const Ops& operands, Index) const {
      const Dual<T> s = score_of(reduce, m, operands);
      const Batch<T> weight = exp(s.value - log_sum) * dy;
      return weight * (m.slope + (m.value - y) * s.slope);
    }
  };
};

template <class... R, Real T>
struct ReduceLanes<Multi<R...>, T> {
  static constexpr Index columns = (ReduceLanes<R, T>::columns + ...);
  static constexpr Index saved = (ReduceLanes<R, T>::saved + ...);
  static constexpr Index picks = (ReduceLanes<R, T>::picks + ...);
  static constexpr auto all = std::index_sequence_for<R...>();
  std::tuple<ReduceLanes<R, T>...> parts;

  template <class Ops>
  void add(const Multi<R...>& r, Batch<T> m, const Ops& operands, Index k) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (std::get<I>(parts).add(std::get<I>(r.parts), m, operands, k), ...);
    }(all);
  }
  template <class EdgeOf>
  void finish(const Multi<R...>& r, OutPlace<T> at, const EdgeOf& edge_of) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((std::get<I>(parts).finish(std::get<I>(r.parts), at, edge_of),
        at = at.template after<ReduceLanes<R, T>>()),
       ...);
    }(all);
  }

  struct Slopes {
    std::tuple<typename ReduceLanes<R, T>::Slopes...> parts;

    // Braces: the parts are made in order, each at its own place.
    Slopes(const Multi<R...>& r, InPlace<T> at, const T* grad)
        : parts(make(r, at, grad, std::index_sequence_for<R...>())) {}

    template <std::size_t... I>
    static auto make(const Multi<R...>& r, InPlace<T> at, const T* grad,
                     std::index_sequence<I...>) {
      const auto next = [&]<std::size_t J>(std::integral_constant<std::size_t, J>) {
        using Lanes = ReduceLanes<std::tuple_element_t<J, std::tuple<R...>>, T>;
        const typename Lanes::Slopes out(std::get<J>(r.parts), at, grad);
        at = at.template after<Lanes>();
        grad += Lanes::columns * at.width;
        return out;
      };
      return std::tuple<typename ReduceLanes<R, T>::Slopes...>{
          next(std::integral_constant<std::size_t, I>{})...};
    }
    template <class Ops>
    Batch<T> operator()(const Dual<T>& m, const Ops& operands, Index edge) const {
      return std::apply(
          [&](const auto&... part) { return (part(m, operands, edge) + ...); }, parts);
    }
  };
};

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
