#pragma once
/// @file  Rotary position embedding: pairs of elements turn by an angle that grows with the
/// position.

#include <cmath>
#include <vector>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/rope-inl.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// Which elements of a row make a pair.
enum class RopeLayout {
  half_split,  ///< i and i + width / 2: files of Hugging Face, GPT-NeoX
  interleaved  ///< 2i and 2i + 1: the published form
};

/// Pair i at position p turns by p frequency[i], frequency[i] = base^(-2i / width) / scale.
/// Source:  J. Su et al., "RoFormer: Enhanced transformer with rotary position embedding", 2021.
struct Rope {
  Index width = 0;  ///< elements of a row that turn, even; the rest stays. 0: the whole row
  double base = 10000;
  RopeLayout layout = RopeLayout::half_split;
  double scale = 1;                      ///< linear scaling: positions count as position / scale
  Index first = 0;                       ///< the position of the first row
  double magnitude = 1;                  ///< of what comes out ("attention factor" of YaRN)
  std::vector<double> frequencies = {};  ///< [width / 2] in place of the formula, before `scale`
};

namespace detail {

// Cosines and sines of a position. A position is 64 * block + rest; both angles come from the
// library, their sum from the product of complex numbers: neighbours share blocks, blocks share
// rests, and what comes out depends on the position alone. In double.
class RopeAngles {
 public:
  RopeAngles(const Rope& rope, Index width, bool inverse, Index rows)
      : pairs_(width / 2),
        interleaved_(rope.layout == RopeLayout::interleaved),
        magnitude_(rope.magnitude),
        sign_(inverse ? -1 : 1),
        known_(rows >= count),
        frequency_(pairs_),
        block_(2 * pairs_),
        rest_(2 * pairs_ * (known_ ? count : 1)) {
    for (Index i = 0; i < pairs_; ++i)
      frequency_.data()[i] =
          (rope.frequencies.empty()
               ? std::pow(rope.base, -2 * static_cast<double>(i) / static_cast<double>(width))
               : rope.frequencies[static_cast<std::size_t>(i)]) /
          rope.scale;
    if (known_)
      for (Index p = 0; p < count; ++p) angles(p, rest_.data() + 2 * pairs_ * p);
  }

  /// Elements of each table.
  Index size() const { return interleaved_ ? 2 * pairs_ : pairs_; }

  /// The tables that the kernels take.
  template <class T>
  void operator()(Index position, T* cosine, T* sine) {
    const Index rest = position & (count - 1), block = position - rest;
    if (block != at_ || !begun_) angles(block, block_.data());
    at_ = block;
    begun_ = true;
    double* const r = rest_.data() + (known_ ? 2 * pairs_ * rest : 0);
    if (!known_) angles(rest, r);
    for (Index i = 0; i < pairs_; ++i) {
      const double c0 = block_.data()[2 * i], s0 = block_.data()[2 * i + 1];
      const double c1 = r[2 * i], s1 = r[2 * i + 1];
      const T c = static_cast<T>((c0 * c1 - s0 * s1) * magnitude_);
      const T s = static_cast<T>((s0 * c1 + c0 * s1) * magnitude_ * sign_);
      if (interleaved_) {
        cosine[2 * i] = cosine[2 * i + 1] = c;
        sine[2 * i] = -s;
        sine[2 * i + 1] = s;
      } else {
        cosine[i] = c;
        sine[i] = s;
      }
    }
  }

 private:
  static constexpr Index count = 64;

  void angles(Index position, double* to) const {
    for (Index i = 0; i < pairs_; ++i) {
      const double angle = static_cast<double>(position) * frequency_.data()[i];
      to[2 * i] = std::cos(angle);
      to[2 * i + 1] = std::sin(angle);
    }
  }

  Index pairs_;
  bool interleaved_;
  double magnitude_, sign_;
  bool known_;  // the rests are worth a table
  Scratch<double> frequency_, block_, rest_;
  Index at_ = 0;
  bool begun_ = false;
};

// The elements of a row of `width` that turn.
inline Index check_rope(const Rope& options, Index width) {
  const Index turned = options.width == 0 ? width : options.width;
  CFM_CHECK(turned >= 0 && turned % 2 == 0 && turned <= width,
            concat("rope: turns an even number of elements of a row, not ", turned),
            Shape({width}));
  CFM_CHECK(options.scale > 0 && options.base > 0, "rope: base and scale must be positive",
            options.base, options.scale);
  CFM_CHECK(
      options.frequencies.empty() || static_cast<Index>(options.frequencies.size()) == turned / 2,
      "rope: one frequency a pair", options.frequencies.size(), turned / 2);
  return turned;
}

// Cosines and sines of positions options.first, options.first + 1, ... for kernels that turn rows
// while they read or write them.
template <class T>
class RopeTable {
 public:
  RopeTable(const Rope& options, Index width, Index rows, bool inverse = false)
      : width_(check_rope(options, width)),
        interleaved_(options.layout == RopeLayout::interleaved),
        size_(interleaved_ ? width_ : width_ / 2),
        tables_(2 * size_ * rows) {
    parallel_for(rows, 256, [&](Index begin, Index end) {
      RopeAngles angles(options, width_, inverse, end - begin);
      for (Index r = begin; r < end; ++r)
        angles(options.first + r, tables_.data() + 2 * size_ * r,
               tables_.data() + 2 * size_ * r + size_);
    });
  }

  bool interleaved() const { return interleaved_; }
  Index pairs() const { return width_ / 2; }
  const T* cosine(Index row) const { return tables_.data() + 2 * size_ * row; }
  const T* sine(Index row) const { return cosine(row) + size_; }

 private:
  Index width_;
  bool interleaved_;
  Index size_;
  Scratch<T> tables_;
};

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// One row of `width` elements, its table given. `to` may be `from`.
template <class T>
void turn_row(bool interleaved, Index pairs, Index width, const T* from, const T* cosine,
              const T* sine, T* to) {
  if (interleaved)
    CFM_CALL(rope_interleaved)(pairs, from, cosine, sine, to);
  else
    CFM_CALL(rope_half_split)(pairs, from, cosine, sine, to);
  if (to != from) std::copy(from + 2 * pairs, from + width, to + 2 * pairs);
}

template <class T>
void turn_row(const detail::RopeTable<T>& table, Index row, Index width, const T* from, T* to) {
  turn_row(table.interleaved(), table.pairs(), width, from, table.cosine(row), table.sine(row), to);
}

}  // namespace isa_detail

/// Every row of x turned to its position: options.first + row, or positions(batch, row). `inverse`
/// turns back, which is the gradient.
///
/// Shapes:  x, out [batch, heads, rows, width]; last strides 1; out may be x. positions, if it has
///          data, [batch or 1, rows].
/// Order:   a row depends on its position alone: same bits for any threads, alone or among others.
///          Angles are taken in double.
/// Errors:  ShapeError, Error for options that make no sense.
template <Real T>
void rope(In<T, 4> x, View<T, 4> out, const Rope& options, View<const Index, 2> positions = {},
          bool inverse = false) {
  const Index width = detail::check_rope(options, x.extent[3]), rows = x.extent[2];
  CFM_CHECK(x.shape() == out.shape(), "rope: out must be shaped like x", x, out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "rope: rows must be dense", x, out);
  CFM_CHECK(positions.data == nullptr ||
                (positions.extent[1] == rows &&
                 (positions.extent[0] == 1 || positions.extent[0] == x.extent[0])),
            "rope: positions must be [batch or 1, rows]", positions, x);
  if (x.size() == 0) return;
  const bool own = positions.data != nullptr && positions.extent[0] > 1;  // of each sequence
  const Index sequences = own ? x.extent[0] : 1;
  constexpr Index grain = 256;  // rows: their blocks of positions and their rests are shared
  const Index chunks = (rows - 1) / grain + 1;
  parallel_for(sequences * chunks, 1, [&](Index begin, Index end) {
    detail::RopeAngles angles(options, width, inverse, std::min(rows, grain));
    const detail::Scratch<T> cosine(angles.size()), sine(angles.size());
    for (Index c = begin; c < end; ++c) {
      const Index first = c % chunks * grain, last = std::min(rows, first + grain);
      const Index batch = own ? c / chunks : 0, batches = own ? batch + 1 : x.extent[0];
      for (Index r = first; r < last; ++r) {
        const Index position = positions.data != nullptr ? positions(batch, r) : options.first + r;
        angles(position, cosine.data(), sine.data());
        for (Index b = batch; b < batches; ++b)
          for (Index h = 0; h < x.extent[1]; ++h) {
            isa_detail::turn_row<T>(options.layout == RopeLayout::interleaved, width / 2,
                                    x.extent[3], &x(b, h, r, Index{0}), cosine.data(), sine.data(),
                                    &out(b, h, r, Index{0}));
          }
      }
    }
  });
}

namespace isa_detail {

inline Tensor rope_tensor(const Tensor& x, const Rope& options, const Tensor& positions,
                          bool inverse) {
  CFM_CHECK(x.rank() >= 2, "rope: wants [.., positions, width]", x);
  if (x.size() == 0) return Tensor::empty(x.shape(), x.dtype());
  const bool strided = x.rank() <= 4 && x.strides().back() == 1;
  Tensor in = strided ? x : x.contiguous();
  if (in.rank() == 2) in = in.unsqueeze(0);
  if (in.rank() == 3) in = in.unsqueeze(1);
  if (in.rank() > 4) in = in.reshape({in.size(0), -1, in.size(-2), in.size(-1)});
  Tensor at;
  if (positions.defined()) {
    visit_index(positions.dtype(), "rope", [](auto) {});
    CFM_CHECK(positions.rank() == 1 || positions.rank() == 2,
              "rope: positions must be [rows] or [batch, rows]", positions);
    at = positions.to(DType::i64).reshape({-1, positions.size(-1)});
  }
  return visit_real(x.dtype(), "rope", [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(in.shape(), x.dtype());
    rope<T>(std::as_const(in).template view<T, 4>(), out.view<T, 4>(), options,
            at.defined() ? std::as_const(at).view<Index, 2>() : View<const Index, 2>{}, inverse);
    return out.reshape(x.shape());
  });
}

}  // namespace isa_detail

/// The same for tensors [.., positions, width]; `positions`, i32 or i64, may be [positions] or
/// [batch, positions], where batch is the first dimension of x.
/// Errors:  TypeError unless x is f32 or f64 and positions are i32 or i64; ShapeError.
inline Tensor rope(const Tensor& x, const Rope& options = {}, const Tensor& positions = {}) {
  return isa_detail::rope_tensor(x, options, positions, false);
}

/// The gradient of rope: every row turned back.
inline Tensor rope_backward(const Tensor& dy, const Rope& options = {},
                            const Tensor& positions = {}) {
  return isa_detail::rope_tensor(dy, options, positions, true);
}

CFM_ISA_NAMESPACE_END
