#include "registry.hpp"

#include <cmath>

namespace cfm::conformance {

std::map<std::string, Operator>& operators() {
  static std::map<std::string, Operator> all;
  return all;
}

std::map<std::string, CaseFunction>& cases() {
  static std::map<std::string, CaseFunction> all;
  return all;
}

namespace {

DType dtype_named(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  static constexpr std::pair<std::string_view, DType> names[] = {
      {"float64", DType::f64}, {"float32", DType::f32},  {"bfloat16", DType::bf16},
      {"float16", DType::f16}, {"bool", DType::boolean}, {"int8", DType::i8},
      {"int16", DType::i16},   {"int32", DType::i32},    {"int64", DType::i64},
      {"uint8", DType::u8}};
  for (const auto& [key, dtype] : names)
    if (key == name) return dtype;
  throw Skip{concat("element type ", name)};
}

// The same values with gaps between them and the last two dimensions in the other order.
Tensor not_contiguous(const Tensor& x) {
  if (x.rank() == 0 || x.size() == 0) return x;
  const Tensor turned = x.rank() >= 2 ? x.transpose(-2, -1) : x;
  Extents wide = turned.shape();
  wide[turned.rank() - 1] *= 2;
  Tensor view = Tensor::full(Shape(wide), 77, x.dtype()).slice(-1, 0, wide.back(), 2);
  view.copy_from(turned);
  return x.rank() >= 2 ? view.transpose(-2, -1) : view;
}

bool is_tensor(const JsonRef& value) {
  return value.kind() == JsonKind::object && value.find("tensor").has_value();
}

double number_of(const JsonRef& value) {
  if (is_tensor(value)) throw Skip{"a tensor where cfm takes a number"};
  if (value.kind() == JsonKind::object)  // infinities and NaN, which JSON has not
    return std::stod(value["float"].string());
  if (value.kind() == JsonKind::boolean) return value.boolean() ? 1 : 0;
  return value.number();
}

}  // namespace

Tensor read_tensor(const JsonRef& description, const Storage& bytes) {
  Extents shape;
  const JsonRef extents = description["s"];
  for (std::size_t i = 0; i < extents.size(); ++i) shape.push_back(extents[i].integer<Index>());
  return Tensor(bytes, dtype_named(description["t"].string()), Shape(shape),
                row_major(Shape(shape)), description["o"].integer<Index>())
      .clone();
}

void compare(const std::string& what, const Tensor& actual, const Tensor& expected, double loosen) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape())
    throw Mismatch{concat(what, ": got ", actual, ", expected ", expected)};
  const Tensor a = actual.to(DType::f64).contiguous(), e = expected.to(DType::f64).contiguous();
  const auto got = a.span<double>(), want = e.span<double>();
  const bool exact = !is_floating(actual.dtype()), wide = actual.dtype() == DType::f64;
  double largest = 0;
  for (double w : want)
    if (std::isfinite(w)) largest = std::max(largest, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) continue;
    const double allowed = wide ? 1e-10 + 1e-8 * std::abs(want[i]) + 1e-9 * largest
                                : 1e-6 + 1e-5 * std::abs(want[i]) + 1e-6 * largest;
    if (!exact && std::abs(got[i] - want[i]) <= allowed * loosen) continue;
    throw Mismatch{
        concat(what, " ", expected, " at ", i, ": got ", got[i], ", expected ", want[i])};
  }
}

std::optional<JsonRef> Sample::find(std::size_t position, std::string_view name) {
  const JsonRef list = sample_["args"];
  if (position < list.size()) {
    seen_positions_.insert(position);
    return list[position].is_null() ? std::nullopt : std::optional(list[position]);
  }
  if (name.empty()) return std::nullopt;
  seen_names_.emplace(name);
  const auto found = sample_["kwargs"].find(name);
  return found && !found->is_null() ? found : std::nullopt;
}

Var Sample::make_var(const JsonRef& argument) {
  if (!is_tensor(argument)) throw Skip{"a number where cfm takes a tensor"};
  const JsonRef description = argument["tensor"];
  Tensor value = read_tensor(description, bytes_);
  if (!description["contig"].boolean()) value = not_contiguous(value);
  if (const auto wanted = description.find("rg"); !wanted || !wanted->boolean())
    return tape_.input(value);
  const std::string& path = description["path"].string();
  if (const auto known = leaves_.find(path); known != leaves_.end()) return known->second;
  return leaves_.emplace(path, tape_.leaf(value)).first->second;
}

Var Sample::var(std::size_t position, std::string_view name) {
  const auto argument = find(position, name);
  return argument ? make_var(*argument) : Var();
}

std::vector<Var> Sample::vars(std::size_t position) {
  std::vector<Var> out;
  if (const auto argument = find(position))
    for (std::size_t i = 0; i < argument->size(); ++i) out.push_back(make_var((*argument)[i]));
  return out;
}

double Sample::number(std::size_t position, std::string_view name, double otherwise) {
  const auto argument = find(position, name);
  return argument ? number_of(*argument) : otherwise;
}

Index Sample::integer(std::size_t position, std::string_view name, Index otherwise) {
  const auto argument = find(position, name);
  if (!argument) return otherwise;
  if (is_tensor(*argument)) return make_var(*argument).value().to(DType::i64).item<std::int64_t>();
  if (argument->kind() == JsonKind::array && argument->size() == 1)
    return (*argument)[0].integer<Index>();
  if (argument->kind() == JsonKind::array) throw Skip{"a list where cfm takes one number"};
  return argument->integer<Index>();
}

bool Sample::flag(std::size_t position, std::string_view name, bool otherwise) {
  const auto argument = find(position, name);
  return argument ? argument->boolean() : otherwise;
}

std::string Sample::text(std::size_t position, std::string_view name, std::string otherwise) {
  const auto argument = find(position, name);
  return argument ? argument->string() : otherwise;
}

Extents Sample::extents(std::size_t position, std::string_view name) {
  Extents out;
  const auto argument = find(position, name);
  if (!argument) return out;
  if (argument->kind() != JsonKind::array) {
    out.push_back(argument->integer<Index>());
    return out;
  }
  for (std::size_t i = 0; i < argument->size(); ++i) out.push_back((*argument)[i].integer<Index>());
  return out;
}

std::optional<DType> Sample::dtype(std::string_view name) {
  const auto argument = find(name);
  if (!argument) return std::nullopt;
  return dtype_named((*argument)["dtype"].string());
}

std::string Sample::unused() const {
  std::string out;
  for (std::size_t i = 0; i < args(); ++i)
    if (!seen_positions_.contains(i) && !sample_["args"][i].is_null())
      out += concat(out.empty() ? "" : ", ", "argument ", i);
  for (const auto& [name, value] : sample_["kwargs"].object())
    if (!seen_names_.contains(name) && name != "device" && value.kind() != JsonKind::null)
      out += concat(out.empty() ? "" : ", ", "keyword ", name);
  return out;
}

bool replay(Tape& tape, const std::vector<Var>& outputs, const std::vector<Tensor>& cotangents) {
  std::vector<const Var*> used;
  std::vector<Tensor> grads;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].needs_grad() || k >= cotangents.size() || !cotangents[k].defined()) continue;
    used.push_back(&outputs[k]);
    grads.push_back(cotangents[k]);
  }
  if (used.empty()) return false;
  std::vector<GradSlot> slots;
  for (const Var* v : used) slots.push_back(v->slot());
  const Var seed = record(std::span<const Var* const>(used), Tensor::scalar(0.0),
                          [slots, grads](Gradients& gradients, const Tensor&) {
                            for (std::size_t k = 0; k < slots.size(); ++k)
                              gradients.add(slots[k], grads[k]);
                          });
  tape.backward(seed);
  return true;
}

Case::Case(JsonRef root, const Storage& bytes)
    : root_(root), bytes_(bytes), tape_(std::make_unique<Tape>()) {}

Tape& Case::start(const TapeOptions& options) {
  CFM_CHECK(leaves_.empty(), "case: start the tape before the first leaf");
  tape_ = std::make_unique<Tape>(options);
  return *tape_;
}

Tensor Case::tensor(std::string_view name) const {
  return read_tensor(root_["tensors"][name], bytes_);
}

Tensor Case::parameter(std::string_view name) {
  if (const auto known = leaves_.find(std::string(name)); known != leaves_.end())
    return known->second;
  return leaves_.emplace(std::string(name), tensor(name)).first->second;
}

Var Case::leaf(std::string_view name) { return tape_->leaf(parameter(name)); }

double Case::number(std::string_view name, double otherwise) const {
  const auto found = root_["params"].find(name);
  return found ? number_of(*found) : otherwise;
}

void Case::expect(std::string_view name, const Tensor& actual, double loosen) {
  compare(std::string(name), actual, tensor(name), loosen);
  ++comparisons_;
}

void Case::outputs(const std::vector<Var>& values, double loosen) {
  std::vector<Tensor> cotangents;
  for (std::size_t k = 0; k < values.size(); ++k) {
    const std::string number = concat(k);
    expect("out." + number, values[k].value(), loosen);
    if (has("out64." + number))
      compare("out64." + number, values[k].value(), tensor("out64." + number).to(DType::f32),
              loosen);
    cotangents.push_back(has("cot." + number) ? tensor("cot." + number) : Tensor());
  }
  if (!replay(*tape_, values, cotangents)) return;
  for (const auto& [name, value] : leaves_) {
    if (!has("grad." + name)) continue;
    const Tensor grad = tape_->grad(value);
    expect("grad." + name, grad.defined() ? grad : Tensor::zeros(value.shape(), value.dtype()),
           loosen);
  }
}

}  // namespace cfm::conformance
