#pragma once
/// @file  Products and sums of tensors by named dimensions.

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/reduce.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// A dimension's name: 0 .. 51 for a .. z and A .. Z, from 52 on for those that an ellipsis stands
// for, counted from the last.
inline constexpr int einsum_letters = 52;
inline constexpr int einsum_labels = einsum_letters + max_rank;
using Labels = std::vector<int>;

inline bool holds(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

inline int letter_label(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 26;
  return -1;
}

// The labels of one term. `hidden` is how many dimensions an ellipsis stands for.
inline Labels parse_term(std::string_view equation, std::string_view term, int hidden) {
  Labels out;
  bool seen = false;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (term[i] == ' ') continue;
    if (term.substr(i, 3) == "..." && !seen) {
      for (int h = hidden - 1; h >= 0; --h) out.push_back(einsum_letters + h);
      seen = true;
      i += 2;
      continue;
    }
    const int label = letter_label(term[i]);
    if (label < 0)
      throw_error<Error>("einsum: \"", equation, "\" has \"", term.substr(i, 1),
                         "\" where a letter or one ... a term belongs");
    out.push_back(label);
  }
  return out;
}

inline int count_letters(std::string_view term) {
  int out = 0;
  for (char c : term) out += letter_label(c) >= 0;
  return out;
}

inline std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t comma = text.find(',');
    out.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

// A tensor with names: each stands once, in order of the dimensions.
struct Labelled {
  Tensor tensor;
  Labels labels;

  int dim(int label) const {
    return static_cast<int>(std::find(labels.begin(), labels.end(), label) - labels.begin());
  }
};

// Dimensions with one name become their diagonal: no copy, the strides add up.
inline Labelled take_diagonals(const Tensor& x, const Labels& labels) {
  Labelled out;
  Extents shape, strides;
  for (int d = 0; d < x.rank(); ++d) {
    const int label = labels[static_cast<std::size_t>(d)], at = out.dim(label);
    if (at == static_cast<int>(out.labels.size())) {
      out.labels.push_back(label);
      shape.push_back(x.shape()[d]);
      strides.push_back(x.strides()[d]);
      continue;
    }
    CFM_CHECK(shape[at] == x.shape()[d], "einsum: a diagonal needs equal extents", x);
    strides[at] += x.strides()[d];
  }
  const Index offset = static_cast<const std::byte*>(x.address()) - x.storage().data();
  out.tensor = Tensor(x.storage(), x.dtype(), Shape(shape), strides, offset);
  return out;
}

// The dimensions in this order; those that are missing have an extent of 1.
inline Tensor in_order(const Labelled& x, const Labels& order) {
  Extents places;
  for (int label : order)
    if (holds(x.labels, label)) places.push_back(x.dim(label));
  Tensor out = x.tensor.permute(places);
  for (std::size_t d = 0; d < order.size(); ++d)
    if (!holds(x.labels, order[d])) out = out.unsqueeze(static_cast<int>(d));
  return out;
}

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Sums over the dimensions that nobody needs any more.
inline detail::Labelled sum_out(const detail::Labelled& x, const detail::Labels& needed) {
  detail::Labelled out;
  Extents dims;
  for (std::size_t d = 0; d < x.labels.size(); ++d)
    if (detail::holds(needed, x.labels[d]))
      out.labels.push_back(x.labels[d]);
    else
      dims.push_back(static_cast<Index>(d));
  out.tensor = dims.rank() == 0 ? x.tensor : sum(x.tensor, dims);
  return out;
}

// Without the extents of 1 that the other operand has more of.
inline detail::Labelled without_stretched(detail::Labelled x, const detail::Labelled& other) {
  for (std::size_t d = x.labels.size(); d-- > 0;) {
    const int dim = static_cast<int>(d), label = x.labels[d];
    if (x.tensor.size(dim) != 1 || !detail::holds(other.labels, label)) continue;
    if (other.tensor.size(other.dim(label)) == 1) continue;
    x.tensor = x.tensor.squeeze(dim);
    x.labels.erase(x.labels.begin() + dim);
  }
  return x;
}

// The product of two, summed over what nobody needs: one batch of matrix products.
inline detail::Labelled contract(const detail::Labelled& first, const detail::Labelled& second,
                                 const detail::Labels& needed) {
  const detail::Labelled x = without_stretched(first, second), y = without_stretched(second, first);
  const auto join = [](detail::Labels labels, const detail::Labels& more) {
    labels.insert(labels.end(), more.begin(), more.end());
    return labels;
  };
  const detail::Labelled a = sum_out(x, join(needed, y.labels));
  const detail::Labelled b = sum_out(y, join(needed, x.labels));
  detail::Labels batch, inner, left, right;
  for (int label : a.labels)
    (!detail::holds(b.labels, label) ? left
     : detail::holds(needed, label)  ? batch
                                     : inner)
        .push_back(label);
  for (int label : b.labels)
    if (!detail::holds(a.labels, label)) right.push_back(label);
  const Tensor pa = detail::in_order(a, join(join(batch, left), inner));
  const Tensor pb = detail::in_order(b, join(join(batch, inner), right));
  const auto extents = [](const Tensor& t, std::size_t begin, std::size_t count) {
    return Shape(t.shape().span().subspan(begin, count));
  };
  const Shape shared = extents(pa, batch.size() + left.size(), inner.size());
  CFM_CHECK(extents(pa, 0, batch.size()) == extents(pb, 0, batch.size()) &&
                shared == extents(pb, batch.size(), inner.size()),
            "einsum: a name stands for different extents", x.tensor, y.tensor);
  const Shape rows = extents(pa, batch.size(), left.size());
  const Shape cols = extents(pb, batch.size() + inner.size(), right.size());
  const Index count = extents(pa, 0, batch.size()).size();
  const Tensor product = matmul(pa.reshape({count, rows.size(), shared.size()}),
                                pb.reshape({count, shared.size(), cols.size()}));
  Extents shape = extents(pa, 0, batch.size());
  for (Index e : rows) shape.push_back(e);
  for (Index e : cols) shape.push_back(e);
  return {product.reshape(shape), join(join(batch, left), right)};
}

// The operands with their names, each name once, and the names of the result.
struct EinsumPlan {
  std::vector<detail::Labelled> inputs;
  std::vector<detail::Labels> terms;  // as they were written
  detail::Labels result;
};

inline EinsumPlan plan_einsum(std::string_view equation, std::span<const Tensor> operands) {
  const std::size_t arrow = equation.find("->");
  const auto terms = detail::split_terms(equation.substr(0, arrow));
  if (terms.size() != operands.size())
    throw_error<Error>("einsum: \"", equation, "\" has ", terms.size(), " terms for ",
                       operands.size(), " operands");
  int count[detail::einsum_labels] = {}, widest = 0;
  EinsumPlan plan;
  std::vector<detail::Labels> names;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Tensor& x = operands[i];
    const bool hides = terms[i].find("...") != std::string_view::npos;
    const int hidden = hides ? x.rank() - detail::count_letters(terms[i]) : 0;
    CFM_CHECK(hidden >= 0, "einsum: a term names more dimensions than there are", x, i);
    widest = std::max(widest, hidden);
    const detail::Labels labels = detail::parse_term(equation, terms[i], hidden);
    CFM_CHECK(static_cast<int>(labels.size()) == x.rank(),
              "einsum: a term must name every dimension", x, i);
    for (int label : labels) ++count[label];
    plan.inputs.push_back(detail::take_diagonals(x, labels));
    plan.terms.push_back(labels);
  }
  detail::Labels& result = plan.result;
  if (arrow != std::string_view::npos) {
    result = detail::parse_term(equation, equation.substr(arrow + 2), widest);
  } else {
    for (int h = widest - 1; h >= 0; --h) result.push_back(detail::einsum_letters + h);
    for (int c = 0; c < detail::einsum_letters; ++c)  // A .. Z before a .. z
      if (count[(c + 26) % 52] == 1) result.push_back((c + 26) % 52);
  }
  for (std::size_t d = 0; d < result.size(); ++d) {
    const bool once = std::count(result.begin(), result.end(), result[d]) == 1;
    if (!once || count[result[d]] == 0)
      throw_error<Error>("einsum: \"", equation,
                         "\": the result may name a dimension once, and one that there is");
  }
  return plan;
}

// The product of all, summed over what the result does not name. Joined from left to right.
inline detail::Labelled join_einsum(const std::vector<detail::Labelled>& inputs,
                                    const detail::Labels& result) {
  detail::Labelled all = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    detail::Labels needed = result;
    for (std::size_t later = i + 1; later < inputs.size(); ++later)
      needed.insert(needed.end(), inputs[later].labels.begin(), inputs[later].labels.end());
    all = contract(all, inputs[i], needed);
  }
  return sum_out(all, result);
}

}  // namespace isa_detail

/// Einstein's sum: each term names the dimensions of an operand by letters, the part behind `->`
/// those of the result; names that are missing there are summed over. A name twice in a term takes
/// the diagonal, `...` stands for any dimensions before or between. Without `->` the result has the
/// names that stand once, in alphabetical order, behind those of the ellipsis.
///
///     einsum("bij, bjk -> bik", {a, b});   // products of matrices
///     einsum("...ii -> ...i", {a});        // diagonals
///
/// Operands are joined from left to right, each step one batched product of matrices.
/// Errors:  Error for an equation that does not fit, ShapeError for extents that differ where
///          none is 1, TypeError unless the operands are all f32 or all f64 (one operand that is
///          not summed: any type).
inline Tensor einsum(std::string_view equation, std::span<const Tensor> operands) {
  const isa_detail::EinsumPlan plan = isa_detail::plan_einsum(equation, operands);
  const detail::Labelled all = isa_detail::join_einsum(plan.inputs, plan.result);
  return detail::in_order(all, plan.result).contiguous();
}
inline Tensor einsum(std::string_view equation, std::initializer_list<Tensor> operands) {
  return einsum(equation, std::span<const Tensor>(operands.begin(), operands.size()));
}

CFM_ISA_NAMESPACE_END
