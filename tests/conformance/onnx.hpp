#pragma once
/// @file  Operator cases of ONNX: how a program answers one, and what it gets to see.
///
/// An operator is answered by a function from Node to the outputs, a translation onto cfm's own:
///   const Nodes more({{"Add", [](Node& n) { return Results(add(n.in(0), n.in(1))); }}});

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <cfm/autograd/var.hpp>
#include <cfm/io/json.hpp>

#include "tally.hpp"

namespace cfm::conformance::onnx {

/// Outputs of a node. An undefined tensor stands for one that nobody compares.
struct Results : std::vector<Tensor> {
  Results(Tensor one) : std::vector<Tensor>{std::move(one)} {}
  Results(const Var& one) : std::vector<Tensor>{one.value()} {}
  Results(std::vector<Tensor> many) : std::vector<Tensor>(std::move(many)) {}
  Results(std::initializer_list<Tensor> many) : std::vector<Tensor>(many) {}
};

/// One case: attributes by name, inputs by position. What nobody asked for makes the case a skipped
/// one, so that an argument is never ignored.
class Node {
 public:
  Node(JsonRef json, std::filesystem::path folder) : json_(json), folder_(std::move(folder)) {}

  const std::string& op() const { return json_["op"].string(); }

  std::size_t inputs() const { return json_["inputs"].size(); }
  /// True unless the input is missing; asking does not count as reading it.
  bool has(std::size_t i) const { return i < inputs() && !json_["inputs"][i].is_null(); }
  Tensor in(std::size_t i);
  /// The input in a type that kernels compute in: f16 and bf16 as f32.
  Tensor real(std::size_t i);
  /// The input, or an undefined tensor where it is missing.
  Tensor in_or_none(std::size_t i) { return has(i) ? in(i) : no_tensor(); }
  Tensor real_or_none(std::size_t i) { return has(i) ? real(i) : no_tensor(); }
  /// Integers of an input of rank 0 or 1.
  Extents list(std::size_t i);
  /// The only number of an input.
  double scalar(std::size_t i) { return in(i).to(DType::f64).item<double>(); }

  bool has(std::string_view attribute) const {
    return json_["attributes"].find(attribute).has_value();
  }
  double number(std::string_view attribute, double otherwise);
  Index integer(std::string_view attribute, Index otherwise);
  int dim(std::string_view attribute, int otherwise) {
    return static_cast<int>(integer(attribute, otherwise));
  }
  std::string text(std::string_view attribute, std::string otherwise);
  Extents extents(std::string_view attribute);
  Tensor tensor(std::string_view attribute);

  std::size_t outputs() const { return json_["outputs"].size(); }
  bool wants(std::size_t k) const { return k < outputs() && !json_["outputs"][k].is_null(); }
  /// The type of output k.
  DType type(std::size_t k) const;
  Tensor wanted(std::size_t k) const;
  Shape wanted_shape(std::size_t k) const;

  /// Inputs and attributes that nobody asked for.
  std::string unused() const;

  static Tensor no_tensor() { return Tensor(Storage(), DType::f32, Shape{0}, Strides{1}); }

 private:
  Tensor read(const JsonRef& description) const;
  std::optional<JsonRef> find(std::string_view attribute);

  JsonRef json_;
  std::filesystem::path folder_;
  std::set<std::size_t> seen_;
  std::set<std::string, std::less<>> seen_names_;
};

/// The element type with ONNX's number.   Throws Skip for those that cfm does not have.
DType dtype_numbered(Index number);

/// How a function's outputs are compared.
///   exact: every bit, NaN with NaN. Casts and everything that only moves elements.
///   close: integers and bools equal; f32 and f64 as conformance::compare; f16 within two units of
///          the last place, 2^-9 |e| + 2^-23, as both sides round an f32 once.
enum class Agreement { exact, close };

struct NodeFunction {
  std::function<Results(Node&)> run;
  Agreement agreement;
};

std::map<std::string, NodeFunction>& nodes();

/// Adds operators by their names in ONNX.
struct Nodes {
  using List = std::initializer_list<std::pair<const std::string, std::function<Results(Node&)>>>;
  explicit Nodes(List list, Agreement agreement = Agreement::close) {
    for (const auto& [name, f] : list) nodes()[name] = {f, agreement};
  }
};

/// Runs all cases of a folder that is laid out <Op>/<case>/case.json.
void run_nodes(const std::filesystem::path& folder, Tally& tally);

}  // namespace cfm::conformance::onnx

namespace cfm::conformance {

/// Runs the tables of number formats: data/fp_golden and data/quant_golden.
void run_formats(const std::filesystem::path& data, Tally& tally);

}  // namespace cfm::conformance
