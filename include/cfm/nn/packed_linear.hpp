#pragma once
/// @file  Linear layers whose weights are packed once for products: for inference.

#include <limits>
#include <string>
#include <unordered_map>

#include <cfm/kernels/matmul_packed.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// A weight matrix in the order in which products read it, as f32, f64, or 16 bits that become f32
/// on the way into registers. It is saved as its panels, under "packed", and has no gradient.
/// Shapes:  [out, in].
template <WeightElement S = float>
class PackedWeight {
 public:
  /// Empty, to be assigned.
  PackedWeight() = default;

  /// From a dense tensor of floats, whose numbers round to S.   Errors:  ShapeError, TypeError.
  static PackedWeight encode(const Tensor& dense) {
    CFM_CHECK(dense.rank() == 2, "packed weight: needs weights [out, in]", dense);
    PackedWeight out;
    out.outputs_ = dense.size(0);
    // Shapes only (see Init): room for the values comes with the values.
    if (dense.size() > 1 && dense.strides()[0] == 0 && dense.strides()[1] == 0) {
      constexpr Index width = PackedMatrix<S>::width;
      const Index panels = dense.size(0) / width + (dense.size(0) % width != 0 ? 1 : 0);
      const Tensor zero = Tensor::zeros({}, dtype_of<S>);
      out.panels_.value = zero.expand({panels, dense.size(1), width});
    } else {
      out.panels_.value = PackedMatrix<S>::pack(dense).tensor();
    }
    return out;
  }

  /// As a dense tensor again, of S.
  Tensor decode() const { return matrix().unpack(); }
  /// As products take it; shares the elements.
  PackedMatrix<S> matrix() const { return PackedMatrix<S>(panels_.value, outputs_); }

  Index rows() const { return outputs_; }
  Index cols() const { return panels_.value.defined() ? panels_.value.size(1) : 0; }

  /// True if part(begin, end) exists: whole panels, but for the last one of the matrix.
  bool has_part(Index begin, Index end) const {
    constexpr Index width = PackedMatrix<S>::width;
    return 0 <= begin && begin <= end && end <= outputs_ && begin % width == 0 &&
           (end % width == 0 || end == outputs_);
  }
  /// Rows begin .. end; shares the elements.
  PackedWeight part(Index begin, Index end) const {
    constexpr Index width = PackedMatrix<S>::width;
    CFM_CHECK(has_part(begin, end), "packed weight: a part is whole panels", begin, end, width);
    PackedWeight out;
    out.outputs_ = end - begin;
    out.panels_.value = panels_.value.slice(0, begin / width, (end + width - 1) / width);
    return out;
  }

  static void visit(auto& self, auto&& v) { v("packed", self.panels_); }

 private:
  Buffer panels_;
  Index outputs_ = 0;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// activation(x weight^T + bias) with packed weights, in one pass; without a bias if it is null.
/// The weights are constants; x and the bias have gradients.
/// Shapes:  x [.., in], f32, or f64 for f64 weights; bias in the type of x.
/// Errors:  TypeError, ShapeError.
/// Cost:    the gradient of x unpacks the weights.
template <WeightElement S>
Var linear(const Var& x, const PackedWeight<S>& weight, const Parameter* bias,
           Activation activation = Activation::none) {
  using T = compute_type<S>;
  const PackedMatrix<S> w = weight.matrix();
  const Var b = bias ? bind(x, *bias) : Var();
  isa_detail::check_linear(x.value(), w.outputs(), w.inputs(), dtype_of<T>, b.value());
  const bool keep = x.needs_grad() || b.needs_grad();
  isa_detail::ActivatedLinear made(
      x.value(), w.outputs(), b.value(), activation, keep,
      [&]<class X>(View<const X, 2> rows, View<X, 2> to, const auto& end) {
        if constexpr (std::same_as<X, T>) matmul(rows, w, to, end);
      });
  Saved saved = made.saved.defined() ? Saved(std::move(made.saved)) : Saved();
  return record({&x, &b}, std::move(made.y),
                [to_x = x.slot(), to_b = b.slot(), like = x.shape(), w, activation,
                 saved = std::move(saved)](Gradients& gradients, const Tensor& dy) {
                  const Tensor flat = isa_detail::as_rows(
                      activation == Activation::none
                          ? dy
                          : isa_detail::activation_gradient(activation, dy, *saved));
                  if (gradients.wanted(to_x))
                    gradients.add(to_x, matmul(flat, w.unpack().to(dtype_of<T>)).reshape(like));
                  if (gradients.wanted(to_b)) gradients.add(to_b, sum(flat, {0}));
                });
}

/// A linear layer with packed weights.
template <WeightElement S = float>
using PackedLinear = Linear<PackedWeight<S>>;

namespace isa_detail {

// Fills a module from the tensors of another one whose linear layers are dense.
struct PackingWalker {
  const std::unordered_map<std::string, const Parameter*>& parameters;
  const std::unordered_map<std::string, Tensor>& buffers;
  std::string& path;

  template <class T>
  void operator()(std::string_view name, T& member) const {
    const std::size_t before = path.size();
    if (!path.empty() && !name.empty()) path += '.';
    path += name;
    walk(member);
    path.resize(before);
  }

  const Parameter& parameter() const {
    const auto found = parameters.find(path);
    CFM_CHECK(found != parameters.end(), concat("pack: the dense model has no \"", path, "\""));
    return *found->second;
  }

  template <class T>
  void walk(T& member) const {
    if constexpr (std::same_as<T, Parameter>) {
      member = parameter();
    } else if constexpr (std::same_as<T, Buffer>) {
      const auto found = buffers.find(path);
      CFM_CHECK(found != buffers.end(), concat("pack: the dense model has no \"", path, "\""));
      member.value = found->second;
    } else if constexpr (detail::is_sequence<T>) {
      for (std::size_t i = 0; i < member.size(); ++i) (*this)(concat(i), member[i]);
    } else if constexpr (detail::is_optional<T>) {
      if (member) walk(*member);
    } else if constexpr (requires { member = T::encode(Tensor()); }) {
      member = T::encode(parameter().value);
    } else {
      T::visit(member, *this);
    }
  }
};

}  // namespace isa_detail

/// Gives `to`, whose linear layers are packed, the values of `from`, the same model with dense
/// ones: weights are packed, all other tensors are shared. Both list the same names.
/// Errors:  Error if `from` lacks a name; ShapeError if the weight of a layer is not a matrix.
template <Module To, Module From>
void pack_into(To& to, const From& from) {
  std::unordered_map<std::string, const Parameter*> parameters;
  std::unordered_map<std::string, Tensor> buffers;
  for_each_tensor(from, [&]<class T>(std::string_view name, const T& t) {
    if constexpr (std::same_as<T, Parameter>)
      parameters.emplace(std::string(name), &t);
    else
      buffers.emplace(std::string(name), t.value);
  });
  std::string path;
  isa_detail::PackingWalker{parameters, buffers, path}.walk(to);
}

/// A linear layer with its weights packed as S; the bias is shared.
template <WeightElement S = float>
PackedLinear<S> pack(const Linear<>& layer) {
  PackedLinear<S> out;
  pack_into(out, layer);
  if (layer.bias) out.bias = layer.bias;
  return out;
}

/// The model with all linear layers packed, for any module that is a template on its linear layer,
/// listed first, and has a config():
///
///     const auto fast = pack(model);              // TransformerEncoder<PackedLinear<>>
///     const auto half = pack<cfm::bf16>(model);   // weights of 16 bits
///
/// Results have the same bits as those of the dense model, but for weights that were rounded.
template <WeightElement S = float, template <class...> class M, class... Rest>
M<PackedLinear<S>, Rest...> pack(const M<Linear<>, Rest...>& model) {
  M<PackedLinear<S>, Rest...> out(model.config(),
                                  Init::shapes_only(std::numeric_limits<Index>::max()));
  pack_into(out, model);
  return out;
}

CFM_ISA_NAMESPACE_END
