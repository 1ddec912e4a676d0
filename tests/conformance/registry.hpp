#pragma once
/// @file  Conformance cases: how a program adds one, and what it gets to see.
///
/// An operator sample is answered by a function from Sample to the outputs:
///   const Operators more({{"add", [](Sample& s) { return add(s.var(0), s.var(1)); }}});
/// A golden case is answered by a function that reads what it needs and hands in what it computed:
///   const Cases more({{"mlp_*", [](Case& c) { c.outputs({...}); }}});
/// Cases of other folders go into a file of their own here; nothing else has to change.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <cfm/autograd/tape.hpp>
#include <cfm/io/json.hpp>

namespace cfm::conformance {

/// Thrown by a function whose sample wants something that cfm does not offer.
struct Skip {
  std::string reason;
};

/// Thrown where results differ.
struct Mismatch {
  std::string text;
};

/// Throws unless `actual` is what was expected.
///
/// Integers, bools and everything marked exact: equal. Floats: NaN equals NaN, infinities equal
/// their like, else |a - e| <= atol + rtol |e| + 1e-6 S with rtol 1e-5 and atol 1e-6 (f32), 1e-8
/// and 1e-10 (f64). S is the largest |expected| of the tensor: an element that is a long sum with
/// cancellation has an error in proportion to its terms, not to itself. For f64 the third term is
/// 1e-9 S.
void compare(const std::string& what, const Tensor& actual, const Tensor& expected,
             double loosen = 1);

/// A tensor of a .bin file by its description.
Tensor read_tensor(const JsonRef& description, const Storage& bytes);

/// Outputs of an operator; a Tensor is a Var without gradient.
struct Outputs : std::vector<Var> {
  Outputs(Var one) : std::vector<Var>{std::move(one)} {}
  Outputs(Tensor one) : std::vector<Var>{Var(std::move(one))} {}
  Outputs(std::vector<Var> many) : std::vector<Var>(std::move(many)) {}
  Outputs(std::initializer_list<Var> many) : std::vector<Var>(many) {}
};

/// One call of an operator: its arguments by position and by name. What nobody asked for makes the
/// sample a skipped one, so that an argument is never ignored.
class Sample {
 public:
  Sample(JsonRef sample, const Storage& bytes, Tape& tape)
      : sample_(sample), bytes_(bytes), tape_(tape) {}

  Tape& tape() { return tape_; }

  std::size_t args() const { return sample_["args"].size(); }
  /// An argument: by position, or by name where the position is not there. null counts as missing.
  std::optional<JsonRef> find(std::size_t position, std::string_view name = {});
  bool has(std::size_t position, std::string_view name = {}) {
    return find(position, name).has_value();
  }
  std::optional<JsonRef> find(std::string_view name) { return find(no_position, name); }
  bool has(std::string_view name) { return find(name).has_value(); }

  /// A tensor argument: a leaf if its gradient is given, else a constant on the tape.
  Var var(std::size_t position, std::string_view name = {});
  Var var(std::string_view name) { return var(no_position, name); }
  Tensor tensor(std::size_t position, std::string_view name = {}) {
    return var(position, name).value();
  }
  Tensor tensor(std::string_view name) { return var(name).value(); }
  /// A list of tensors.
  std::vector<Var> vars(std::size_t position);

  double number(std::size_t position, std::string_view name, double otherwise);
  double number(std::string_view name, double otherwise) {
    return number(no_position, name, otherwise);
  }
  Index integer(std::size_t position, std::string_view name, Index otherwise);
  int dim(std::size_t position, std::string_view name, int otherwise) {
    return static_cast<int>(integer(position, name, otherwise));
  }
  bool flag(std::size_t position, std::string_view name, bool otherwise);
  std::string text(std::string_view name, std::string otherwise) {
    return text(no_position, name, std::move(otherwise));
  }
  std::string text(std::size_t position, std::string_view name, std::string otherwise);
  /// A number or a list of them; nothing if it is missing.
  Extents extents(std::size_t position, std::string_view name);
  std::optional<DType> dtype(std::string_view name);

  /// The leaves handed out, by the path of their argument.
  const std::map<std::string, Var>& leaves() const { return leaves_; }
  /// Arguments that nobody asked for.
  std::string unused() const;

  static constexpr std::size_t no_position = static_cast<std::size_t>(-1);

 private:
  Var make_var(const JsonRef& tensor);

  JsonRef sample_;
  const Storage& bytes_;
  Tape& tape_;
  std::set<std::size_t> seen_positions_;
  std::set<std::string, std::less<>> seen_names_;
  std::map<std::string, Var> leaves_;
};

/// One golden case: named tensors and numbers.
class Case {
 public:
  Case(JsonRef root, const Storage& bytes);

  /// Replaces the tape, before the first leaf: another mode, say.
  Tape& start(const TapeOptions& options);
  Tape& tape() { return *tape_; }

  bool has(std::string_view name) const { return root_["tensors"].find(name).has_value(); }
  Tensor tensor(std::string_view name) const;
  /// A leaf whose gradient is compared with "grad.<name>" if there is one.
  Var leaf(std::string_view name);
  /// A value for a parameter of a module: its gradient is looked up by this tensor.
  Tensor parameter(std::string_view name);
  double number(std::string_view name, double otherwise) const;
  JsonRef json() const { return root_; }

  /// Compares a tensor with the one of this name.
  void expect(std::string_view name, const Tensor& actual, double loosen = 1);
  /// Compares with out.0, out.1 ... and out64, replays with cot.0 ..., compares all gradients.
  void outputs(const std::vector<Var>& values, double loosen = 1);

  /// How many comparisons were made: a case without any did not pass.
  int comparisons() const { return comparisons_; }

 private:
  JsonRef root_;
  const Storage& bytes_;
  std::unique_ptr<Tape> tape_;
  std::map<std::string, Tensor> leaves_;
  int comparisons_ = 0;
};

/// Replays from several outputs with a gradient each; an undefined one counts as zero. Outputs that
/// depend on nothing are left out.   Returns false if there was nothing to replay.
bool replay(Tape& tape, const std::vector<Var>& outputs, const std::vector<Tensor>& cotangents);

using Operator = std::function<Outputs(Sample&)>;
using CaseFunction = std::function<void(Case&)>;

std::map<std::string, Operator>& operators();
std::map<std::string, CaseFunction>& cases();

/// Adds operators by the names of their files ("max.binary").
struct Operators {
  Operators(std::initializer_list<std::pair<const std::string, Operator>> list) {
    for (const auto& [name, f] : list) operators()[name] = f;
  }
};

/// Adds golden cases by name; a name that ends in `*` stands for all that begin so.
struct Cases {
  Cases(std::initializer_list<std::pair<const std::string, CaseFunction>> list) {
    for (const auto& [name, f] : list) cases()[name] = f;
  }
};

/// The same, one at a time.
inline void register_case(const std::string& name, CaseFunction f) { cases()[name] = std::move(f); }

}  // namespace cfm::conformance
