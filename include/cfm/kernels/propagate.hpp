#pragma once
/// @file  Message passing with a lambda: messages of neighbours, reduced node by node.

#include <tuple>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/reduce_lanes.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// Which row of an operand a message reads: that of the node that sends, of the node that hears,
/// of the edge, or the only one.
enum class Role : std::uint8_t { source, target, edge, shared };

/// An operand of messages.   Shapes:  one row each, of all columns or of one that serves them all.
template <Role R, class V>
struct Operand {
  static constexpr Role role = R;
  V value;
};

/// x[u] of the node that sends.   Shapes:  [nodes, width or 1].
template <class V>
Operand<Role::source, V> at_source(V x) {
  return {std::move(x)};
}
/// x[v] of the node that hears.   Shapes:  [nodes, width or 1].
template <class V>
Operand<Role::target, V> at_target(V x) {
  return {std::move(x)};
}
/// x[e] of the edge.   Shapes:  [edges, width or 1], in the order of Graph::fanins().
template <class V>
Operand<Role::edge, V> at_edge(V x) {
  return {std::move(x)};
}
/// The same for all edges.   Shapes:  [1, width or 1].
template <class V>
Operand<Role::shared, V> everywhere(V x) {
  return {std::move(x)};
}

namespace detail {
template <class V>
inline constexpr bool is_operand = false;
template <Role R, class V>
inline constexpr bool is_operand<Operand<R, V>> = true;
}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class, std::size_t I>
using Same = std::integral_constant<std::size_t, I>;

template <class T, class F, std::size_t... I>
concept MessageOf = requires(const F& f, Batch<T> b) {
  { f(Same<T, I>::value == I ? b : b...) } -> std::same_as<Batch<T>>;
};
template <class F, class T, class Sequence>
inline constexpr bool takes_batches = false;
template <class F, class T, std::size_t... I>
inline constexpr bool takes_batches<F, T, std::index_sequence<I...>> = MessageOf<T, F, I...>;

// An operand as loops read it.
template <Role R, Real T>
struct LaneOperand {
  static constexpr Role role = R;
  const T* data;
  Index stride;
  Index columns;  // 1 serves them all

  const T* row(Index u, Index v, Index e) const {
    const Index at = R == Role::source ? u : R == Role::target ? v : R == Role::edge ? e : 0;
    return data + at * stride;
  }
  Batch<T> load(Index u, Index v, Index e, Index c, Index count) const {
    const T* const p = row(u, v, e);
    return columns == 1 ? Batch<T>(*p) : load_lanes(p + c, count);
  }
};

// Entries to look ahead, and the lines of a row that are asked for.
inline constexpr Index message_ahead = 14;
template <Role R, Real T>
void prefetch_operand(const LaneOperand<R, T>& x, Index row) {
  constexpr Index line = 64 / Index{sizeof(T)};
  const T* const p = x.data + row * x.stride;
  for (Index i = 0; i < std::min<Index>(x.columns, 8 * line); i += line) __builtin_prefetch(p + i);
}

// f(c, count) for the column blocks of a row.
template <Real T, class F>
void column_blocks(Index width, const F& f) {
  for (Index c = 0; c < width; c += Batch<T>::size) f(c, std::min(Batch<T>::size, width - c));
}

// What forward and backward share: the rows, the lambdas and their operands.
template <class Message, class Reduce, Real T, Role... R>
struct Propagation {
  using Lanes = ReduceLanes<Reduce, T>;
  static constexpr std::size_t count = sizeof...(R);
  static constexpr std::array<Role, count> roles{R...};

  EdgeRows rows;
  Index sources;  // columns of the rows
  Index width;
  const Message& message;
  const Reduce& reduce;
  std::tuple<LaneOperand<R, T>...> operands;

  // Operands that are the same for all entries of a row, and then those of an entry.
  std::array<Batch<T>, count> load(Index u, Index v, Index e, Index c, Index lanes) const {
    return std::apply(
        [&](const auto&... x) {
          return std::array<Batch<T>, count>{x.load(u, v, e, c, lanes)...};
        },
        operands);
  }
  // All but those of role Fixed and the shared ones, which stay.
  template <Role Fixed>
  void reload(std::array<Batch<T>, count>& out, Index u, Index v, Index e, Index c,
              Index lanes) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (
          [&] {
            if constexpr (roles[I] != Fixed && roles[I] != Role::shared)
              out[I] = std::get<I>(operands).load(u, v, e, c, lanes);
          }(),
          ...);
    }(std::make_index_sequence<count>());
  }
  template <Role Moving>
  void prefetch(Index row) const {
    std::apply(
        [&](const auto&... x) {
          ((x.role == Moving ? prefetch_operand(x, row) : static_cast<void>(0)), ...);
        },
        operands);
  }
  Index grain() const {
    const Index average = rows.rows.edges() / std::max<Index>(1, rows.rows.rows()) + 1;
    return grain_for((average + 2) * width * Index{sizeof(T)}, Index{1} << 18);
  }

  void forward(View<T, 2> out, View<T, 2> saved, View<std::int32_t, 2> picks, Index begin,
               Index end) const {
    const auto& [offsets, columns] = rows.rows;
    const Index ahead_end = rows.rows.edges() - message_ahead;
    for (Index v = begin; v < end; ++v) {
      const Index from = offsets[static_cast<std::size_t>(v)],
                  to = offsets[static_cast<std::size_t>(v) + 1];
      for (Index i = from; i < std::min(to, ahead_end); ++i)
        prefetch<Role::source>(columns[static_cast<std::size_t>(i + message_ahead)]);
      column_blocks<T>(width, [&, columns = columns](Index c, Index lanes) {
        Lanes state;
        std::array<Batch<T>, count> x;
        for (Index i = from; i < to; ++i) {
          const Index u = columns[static_cast<std::size_t>(i)];
          if (i == from)
            x = load(u, v, rows.edge(i), c, lanes);
          else
            reload<Role::target>(x, u, v, rows.edge(i), c, lanes);
          state.add(reduce, std::apply(message, x), x, i - from);
        }
        const OutPlace<T> place{out.row(v) + c,
                                saved.data == nullptr ? nullptr : saved.row(v) + c,
                                picks.data == nullptr ? nullptr : picks.row(v) + c,
                                width,
                                lanes,
                                to - from};
        state.finish(reduce, place, [&](Index k) { return rows.edge(from + k); });
      });
    }
  }
};

template <Real T, class Message, class Reduce, Role... R, class... V>
auto propagation(std::string_view op, const EdgeRows& rows, Index sources, const Message& message,
                 const Reduce& reduce, const Operand<R, V>&... operands) {
  static_assert(sizeof...(R) > 0, "propagate: needs an operand");
  const Index widths[] = {operands.value.cols()...};
  const Index width = *std::max_element(std::begin(widths), std::end(widths));
  const auto lanes = [&]<Role A>(Operand<A, View<const T, 2>> x) {
    const Index wanted = A == Role::source   ? sources
                         : A == Role::target ? rows.rows.rows()
                         : A == Role::edge   ? rows.rows.edges()
                                             : 1;
    CFM_CHECK(x.value.rows() == wanted && (x.value.cols() == width || x.value.cols() == 1),
              concat(op, ": operands need a row for each of ", sources, " sources, ",
                     rows.rows.rows(), " targets, ", rows.rows.edges(), " edges, or one row, of ",
                     width, " columns or 1"),
              x.value);
    CFM_CHECK(x.value.last_contiguous(), concat(op, ": rows must be dense"), x.value);
    return LaneOperand<A, T>{x.value.data, x.value.stride[0], x.value.cols()};
  };
  return Propagation<Message, Reduce, T, R...>{
      rows,   sources, width, message, reduce,
      {lanes(Operand<R, View<const T, 2>>{operands.value})...}};
}

template <Real T, class P>
void check_propagate_out(const P& p, const View<T, 2>& out, const View<T, 2>& saved,
                         const View<std::int32_t, 2>& picks) {
  using Lanes = typename P::Lanes;
  const Index rows = p.rows.rows.rows();
  CFM_CHECK(out.rows() == rows && out.cols() == Lanes::columns * p.width && out.last_contiguous(),
            concat("propagate: out must be [", rows, ", ", Lanes::columns * p.width, "]"), out);
  CFM_CHECK(saved.data == nullptr || (saved.rows() == rows && saved.last_contiguous() &&
                                      saved.cols() == Lanes::saved * p.width),
            concat("propagate: saved must be [", rows, ", ", Lanes::saved * p.width, "]"), saved);
  CFM_CHECK(picks.data == nullptr || (picks.rows() == rows && picks.last_contiguous() &&
                                      picks.cols() == Lanes::picks * p.width),
            concat("propagate: picks must be [", rows, ", ", Lanes::picks * p.width, "]"), picks);
  CFM_CHECK(Lanes::picks == 0 || p.rows.rows.edges() <= (sizeof(T) == 4 ? 1 << 24 : INT32_MAX),
            "propagate: too many edges for an extremum", p.rows.rows.edges());
}

}  // namespace isa_detail

/// Columns that a reduction makes of one, and what its backward pass wants saved for a column:
/// numbers, and edges that were picked.
template <class Reduce>
inline constexpr Index reduced_columns = isa_detail::ReduceLanes<Reduce, float>::columns;
template <class Reduce>
inline constexpr Index saved_columns = isa_detail::ReduceLanes<Reduce, float>::saved;
template <class Reduce>
inline constexpr Index picked_columns = isa_detail::ReduceLanes<Reduce, float>::picks;

/// out[v] = reduce over the entries of row v of message(operands ...), column by column.
///
///     propagate<float>(graph, nodes, out, [](auto s, auto t) { return relu(s - t); }, Mean{},
///                      at_source(x), at_target(x));
///
/// The message is lane-wise and pure: it takes a batch for each operand, in their order.
/// Shapes:  sources: rows of operands at_source; out [rows, width], Multi: [rows, parts * width].
/// Saved:   where given: saved [rows, saved_columns * width], picks [rows, picked_columns * width].
/// Order:   messages in the order of the rows: the same bits for any number of threads.
/// Errors:  ShapeError; Error for an extremum over more than 2^24 (f32) or 2^31 - 1 (f64) edges.
/// Cost:    reads each neighbour's row once; nothing of size edges x width exists.
template <Real T, class Message, class Reduce, Role... R, class... V>
void propagate(const EdgeRows& rows, Index sources, View<T, 2> out, const Message& message,
               const Reduce& reduce, const std::tuple<Operand<R, V>...>& operands,
               View<T, 2> saved = {}, View<std::int32_t, 2> picks = {}) {
  static_assert(isa_detail::takes_batches<Message, T, std::index_sequence_for<V...>>,
                "propagate: the message must give a Batch of one Batch for each operand");
  const auto p = std::apply(
      [&](const auto&... x) {
        return isa_detail::propagation<T>("propagate", rows, sources, message, reduce, x...);
      },
      operands);
  isa_detail::check_propagate_out<T>(p, out, saved, picks);
  parallel_for(rows.rows.rows(), p.grain(),
               [&](Index begin, Index end) { p.forward(out, saved, picks, begin, end); });
}
template <Real T, class Message, class Reduce, class... Operands>
  requires(detail::is_operand<Operands> && ...)
void propagate(const EdgeRows& rows, Index sources, View<T, 2> out, const Message& message,
               const Reduce& reduce, const Operands&... operands) {
  propagate<T>(rows, sources, out, message, reduce, std::tuple(operands...));
}

/// The usual case: message(source) or message(source, target) of the same x.
template <Real T, class Message, class Reduce = Sum>
void propagate(const EdgeRows& rows, In<T, 2> x, View<T, 2> out, const Message& message,
               const Reduce& reduce = {}) {
  if constexpr (isa_detail::takes_batches<Message, T, std::index_sequence<0, 1>>)
    propagate<T>(rows, x.rows(), out, message, reduce, at_source(x), at_target(x));
  else
    propagate<T>(rows, x.rows(), out, message, reduce, at_source(x));
}

CFM_ISA_NAMESPACE_END
