#pragma once
/// @file  Modules: types that list their members once, and everything that follows from the list.

#include <array>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <cfm/autograd/tape.hpp>

CFM_NAMESPACE_BEGIN

/// A tensor that training changes. Copies share the elements, so copies of a module do too.
struct Parameter {
  Tensor value{};
  bool frozen = false;  ///< binds as a constant: no gradient, no update
};

/// A tensor that belongs to a module and is saved with it, but has no gradient.
struct Buffer {
  Tensor value{};
};

namespace detail {

struct AnyVisitor {
  void operator()(std::string_view, auto&&) const {}
};

template <class T>
inline constexpr bool is_sequence = false;
template <class T, class A>
inline constexpr bool is_sequence<std::vector<T, A>> = true;
template <class T, std::size_t N>
inline constexpr bool is_sequence<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_tensor_member = std::same_as<T, Parameter> || std::same_as<T, Buffer>;

}  // namespace detail

/// A type that lists its members:
///
///     static void visit(auto& self, auto&& v) { v("weight", self.weight); v("bias", self.bias); }
///
/// A member is a Parameter, a Buffer, a module, or a std::vector, std::array or std::optional of
/// these. Names are joined by points, items of sequences are named by their index, and a member
/// named "" adds nothing to the name.
template <class M>
concept Module = requires(M& m, const M& c) {
  std::remove_const_t<M>::visit(m, detail::AnyVisitor{});
  std::remove_const_t<M>::visit(c, detail::AnyVisitor{});
};

namespace detail {

// Passed to visit(): keeps the name of the place and calls f(name, Parameter or Buffer).
template <class F>
struct ModuleWalker {
  std::string& path;
  F& f;

  template <class T>
  void operator()(std::string_view name, T& member) const {
    const std::size_t before = path.size();
    if (!path.empty() && !name.empty()) path += '.';
    path += name;
    walk(member);
    path.resize(before);
  }

  template <class T>
  void walk(T& member) const {
    using Plain = std::remove_const_t<T>;
    if constexpr (is_tensor_member<Plain>) {
      f(std::string_view(path), member);
    } else if constexpr (is_sequence<Plain>) {
      for (std::size_t i = 0; i < member.size(); ++i) (*this)(concat(i), member[i]);
    } else if constexpr (is_optional<Plain>) {
      if (member) walk(*member);
    } else {
      static_assert(Module<Plain>,
                    "visit: list Parameters, Buffers, modules, or vectors, arrays or optionals of "
                    "these");
      Plain::visit(member, *this);
    }
  }
};

}  // namespace detail

/// Calls f(std::string_view name, Parameter& or Buffer&) for every tensor, in the order in which
/// the module lists them; the references are const for a const module.
template <Module M, class F>
void for_each_tensor(M& module, F&& f) {
  std::string path;
  detail::ModuleWalker<std::remove_reference_t<F>> walker{path, f};
  walker.walk(module);
}

/// Calls f(std::string_view name, Parameter&) for every parameter.
template <Module M, class F>
void for_each_parameter(M& module, F&& f) {
  for_each_tensor(module, [&]<class T>(std::string_view name, T& tensor) {
    if constexpr (std::same_as<std::remove_const_t<T>, Parameter>) f(name, tensor);
  });
}

/// Calls f(std::string_view name, Buffer&) for every buffer.
template <Module M, class F>
void for_each_buffer(M& module, F&& f) {
  for_each_tensor(module, [&]<class T>(std::string_view name, T& tensor) {
    if constexpr (std::same_as<std::remove_const_t<T>, Buffer>) f(name, tensor);
  });
}

/// The parameter as an operand beside x: a leaf on the tape of x, or a constant if there is no
/// tape or the parameter is frozen. Writes nothing but the tape.
inline Var bind(const Var& x, const Parameter& parameter) {
  if (x.tape() == nullptr || parameter.frozen) return Var(parameter.value);
  return x.tape()->leaf(parameter.value);
}

/// `value` on the tape of `other` if it has none of its own: operands that parameters are bound to
/// must be on the tape, or the parameters get no gradient.
inline Var beside(const Var& other, const Var& value) {
  if (value.tape() != nullptr || other.tape() == nullptr) return value;
  return other.tape()->input(value.value());
}

/// A predicate on names that accepts all.
struct EveryName {
  constexpr bool operator()(std::string_view) const { return true; }
};

/// A predicate on names by a pattern in which `*` stands for any characters and `?` for one:
/// NamePattern("layers.*.bias").
class NamePattern {
 public:
  explicit NamePattern(std::string pattern) : pattern_(std::move(pattern)) {}

  bool operator()(std::string_view name) const {
    std::size_t p = 0, n = 0, star = std::string::npos, retry = 0;
    while (n < name.size()) {
      if (p < pattern_.size() && pattern_[p] == '*') {
        star = p++;
        retry = n;
      } else if (p < pattern_.size() && (pattern_[p] == '?' || pattern_[p] == name[n])) {
        ++p;
        ++n;
      } else if (star != std::string::npos) {  // let the last star take one character more
        p = star + 1;
        n = ++retry;
      } else {
        return false;
      }
    }
    while (p < pattern_.size() && pattern_[p] == '*') ++p;
    return p == pattern_.size();
  }

 private:
  std::string pattern_;
};

/// Freezes the parameters whose names the predicate accepts; returns how many tensors that were.
/// Copies of the module made before keep their own flags.
template <Module M, std::predicate<std::string_view> P = EveryName>
Index freeze(M& module, P&& accepts = {}) {
  Index count = 0;
  for_each_parameter(module, [&](std::string_view name, Parameter& p) {
    if (accepts(name)) p.frozen = true, ++count;
  });
  return count;
}

/// The opposite of freeze.
template <Module M, std::predicate<std::string_view> P = EveryName>
Index unfreeze(M& module, P&& accepts = {}) {
  Index count = 0;
  for_each_parameter(module, [&](std::string_view name, Parameter& p) {
    if (accepts(name)) p.frozen = false, ++count;
  });
  return count;
}

/// Which parameters to count.
enum class Counted { all, trainable };

/// Number of elements of all parameters. One that is listed twice counts once.
template <Module M>
Index parameter_count(const M& module, Counted counted = Counted::all) {
  Index count = 0;
  std::unordered_set<const void*> seen;
  for_each_parameter(module, [&](std::string_view, const Parameter& p) {
    if (counted == Counted::trainable && p.frozen) return;
    if (p.value.size() > 0 && seen.insert(p.value.address()).second) count += p.value.size();
  });
  return count;
}

namespace detail {

// A copy of the module with every tensor replaced by f(tensor). What was the same tensor under two
// names is one tensor in the copy as well.
template <Module M, class F>
M map_tensors(const M& module, const F& f) {
  M out = module;
  std::unordered_map<const void*, std::pair<Tensor, Tensor>> done;  // by address: old, new
  for_each_tensor(out, [&](std::string_view, auto& member) {
    const Tensor old = member.value;
    const auto found = done.find(old.address());
    if (old.size() > 0 && found != done.end() && found->second.first.shape() == old.shape() &&
        found->second.first.strides() == old.strides()) {
      member.value = found->second.second;
      return;
    }
    member.value = f(old);
    if (old.size() > 0) done.try_emplace(old.address(), old, member.value);
  });
  return out;
}

}  // namespace detail

/// A copy with tensors of its own. Tied parameters stay tied.
template <Module M>
M clone(const M& module) {
  return detail::map_tensors(module, [](const Tensor& t) { return t.clone(); });
}

/// A copy with tensors of its own whose floating-point elements are converted.
/// Errors:  TypeError if `dtype` is not a floating-point type.
template <Module M>
M to(const M& module, DType dtype) {
  CFM_CHECK(is_floating(dtype), "to: a module needs a floating-point type", dtype);
  return detail::map_tensors(module, [dtype](const Tensor& t) {
    return is_floating(t.dtype()) && t.dtype() != dtype ? t.to(dtype) : t.clone();
  });
}

/// A table with one line a tensor (name, type and shape, number of elements, what it is), and the
/// totals.
template <Module M>
std::string summary(const M& module) {
  struct Row {
    std::string name, shape, count, kind;
  };
  std::vector<Row> rows{{"name", "shape", "elements", ""}};
  for_each_tensor(module, [&]<class T>(std::string_view name, const T& t) {
    std::string kind = "buffer";
    if constexpr (std::same_as<T, Parameter>) kind = t.frozen ? "frozen" : "";
    rows.push_back({std::string(name), concat(t.value), concat(t.value.size()), kind});
  });
  std::size_t name = 0, shape = 0, count = 0;
  for (const Row& r : rows) {
    name = std::max(name, r.name.size());
    shape = std::max(shape, r.shape.size());
    count = std::max(count, r.count.size());
  }
  std::string out;
  for (const Row& r : rows) {
    out += concat(r.name, std::string(name - r.name.size() + 2, ' '), r.shape,
                  std::string(shape - r.shape.size() + count - r.count.size() + 2, ' '), r.count);
    if (!r.kind.empty()) out += concat("  ", r.kind);
    out += '\n';
  }
  const Index all = parameter_count(module);
  out += concat(all, " parameters, ", parameter_count(module, Counted::trainable), " trainable\n");
  return out;
}

CFM_NAMESPACE_END
