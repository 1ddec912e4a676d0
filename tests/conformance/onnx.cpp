#include "onnx.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <cfm/io/file.hpp>
#include <cfm/io/npy.hpp>

namespace cfm::conformance::onnx {

namespace fs = std::filesystem;

std::map<std::string, NodeFunction>& nodes() {
  static std::map<std::string, NodeFunction> all;
  return all;
}

namespace {

struct OnnxType {
  Index number;
  std::string_view name;
  std::optional<DType> dtype;
};

constexpr OnnxType onnx_types[] = {
    {1, "float32", DType::f32},
    {2, "uint8", DType::u8},
    {3, "int8", DType::i8},
    {4, "uint16", DType::u16},
    {5, "int16", DType::i16},
    {6, "int32", DType::i32},
    {7, "int64", DType::i64},
    {8, "string", {}},
    {9, "bool", DType::boolean},
    {10, "float16", DType::f16},
    {11, "float64", DType::f64},
    {12, "uint32", DType::u32},
    {13, "uint64", DType::u64},
    {16, "bfloat16", DType::bf16},
    {17, "float8e4m3fn", DType::f8_e4m3fn},
    {18, "float8e4m3fnuz", DType::f8_e4m3fnuz},
    {19, "float8e5m2", DType::f8_e5m2},
    {20, "float8e5m2fnuz", DType::f8_e5m2fnuz},
    {21, "uint4", {}},
    {22, "int4", {}},
    {23, "float4e2m1", {}},
    {24, "float8e8m0", {}},
    {25, "uint2", {}},
    {26, "int2", {}},
};

DType dtype_of(const OnnxType& type) {
  if (!type.dtype) throw Skip{concat("elements of type ", type.name)};
  return *type.dtype;
}

DType dtype_named(std::string_view name) {
  for (const OnnxType& type : onnx_types)
    if (type.name == name) return dtype_of(type);
  throw Skip{concat("elements of type ", name)};
}

Shape shape_of(const JsonRef& description) {
  Extents shape;
  const JsonRef extents = description["shape"];
  for (std::size_t i = 0; i < extents.size(); ++i) shape.push_back(extents[i].integer<Index>());
  return Shape(shape);
}

bool both_nan(const std::byte* a, const std::byte* b, DType dtype) {
  bool out = false;
  visit_dtype(dtype, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::same_as<T, double> || !std::is_arithmetic_v<T> || std::same_as<T, float>) {
      T x, y;
      std::memcpy(&x, a, sizeof x);
      std::memcpy(&y, b, sizeof y);
      out = std::isnan(static_cast<double>(x)) && std::isnan(static_cast<double>(y));
    }
  });
  return out;
}

void check_same_kind(const std::string& what, const Tensor& actual, const Tensor& expected) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape())
    throw Mismatch{concat(what, ": got ", actual, ", expected ", expected)};
}

void compare_bits(const std::string& what, const Tensor& actual, const Tensor& expected) {
  check_same_kind(what, actual, expected);
  const Tensor a = actual.contiguous(), e = expected.contiguous();
  const std::byte *p = std::as_const(a).bytes(), *q = std::as_const(e).bytes();
  const auto size = static_cast<std::size_t>(size_of(a.dtype()));
  for (Index i = 0; i < a.size(); ++i, p += size, q += size)
    if (std::memcmp(p, q, size) != 0 && !both_nan(p, q, a.dtype()))
      throw Mismatch{concat(what, " ", expected, " at ", i, ": bits differ, got ",
                            a.to(DType::f64).data<double>()[i], ", expected ",
                            e.to(DType::f64).data<double>()[i])};
}

void compare_half(const std::string& what, const Tensor& actual, const Tensor& expected) {
  check_same_kind(what, actual, expected);
  const Tensor a = actual.to(DType::f64).contiguous(), e = expected.to(DType::f64).contiguous();
  for (Index i = 0; i < a.size(); ++i) {
    const double got = a.data<double>()[i], want = e.data<double>()[i];
    if (got == want || (std::isnan(got) && std::isnan(want))) continue;
    if (std::isfinite(got) && std::abs(got - want) <= 0x1p-9 * std::abs(want) + 0x1p-23) continue;
    throw Mismatch{concat(what, " ", expected, " at ", i, ": got ", got, ", expected ", want)};
  }
}

void compare_output(const std::string& what, const Tensor& actual, const Tensor& expected,
                    Agreement agreement) {
  if (agreement == Agreement::exact || !is_floating(expected.dtype()) ||
      size_of(expected.dtype()) == 1)
    compare_bits(what, actual, expected);
  else if (expected.dtype() == DType::f16)
    compare_half(what, actual, expected);
  else
    compare(what, actual, expected);
}

void run_node(const NodeFunction& f, Node& node) {
  for (std::size_t k = 0; k < node.outputs(); ++k)
    if (node.wants(k)) node.type(k);  // types that cfm does not have are named first
  const Results results = f.run(node);
  if (const std::string unused = node.unused(); !unused.empty())
    throw Skip{"not offered: " + unused};
  int comparisons = 0;
  for (std::size_t k = 0; k < node.outputs(); ++k) {
    if (!node.wants(k)) continue;
    if (k >= results.size() || !results[k].defined())
      throw Mismatch{concat("output ", k, " was not computed")};
    compare_output(concat("output ", k), results[k], node.wanted(k), f.agreement);
    ++comparisons;
  }
  if (comparisons == 0) throw Mismatch{"nothing was compared"};
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> out;
  if (!fs::is_directory(folder)) return out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

DType dtype_numbered(Index number) {
  for (const OnnxType& type : onnx_types)
    if (type.number == number) return dtype_of(type);
  throw Skip{concat("elements of type number ", number)};
}

// Where there are raw bytes beside the .npy, that one holds decoded values. Rank 0 is stored as
// [1].
Tensor Node::read(const JsonRef& description) const {
  const DType dtype = dtype_named(description["dtype"].string());
  const Shape shape = shape_of(description);
  if (const auto raw = description.find("bin"))
    return Tensor(read_storage(folder_ / raw->string()), dtype, shape, row_major(shape)).clone();
  const Tensor out = read_npy(folder_ / description["npy"].string());
  if (out.dtype() != dtype || out.size() != shape.size())
    throw Mismatch{concat("case: ", description["npy"].string(), " is ", out)};
  return out.reshape(shape);
}

Tensor Node::in(std::size_t i) {
  seen_.insert(i);
  return read(json_["inputs"][i]);
}

Tensor Node::real(std::size_t i) {
  const Tensor x = in(i);
  return x.dtype() == DType::f16 || x.dtype() == DType::bf16 ? x.to(DType::f32) : x;
}

Extents Node::list(std::size_t i) {
  const Tensor x = in(i).to(DType::i64).contiguous();
  return Extents(x.span<std::int64_t>());
}

std::optional<JsonRef> Node::find(std::string_view attribute) {
  seen_names_.emplace(attribute);
  const auto found = json_["attributes"].find(attribute);
  return found ? std::optional((*found)["value"]) : std::nullopt;
}

double Node::number(std::string_view attribute, double otherwise) {
  const auto found = find(attribute);
  return found ? found->number() : otherwise;
}

Index Node::integer(std::string_view attribute, Index otherwise) {
  const auto found = find(attribute);
  return found ? found->integer<Index>() : otherwise;
}

std::string Node::text(std::string_view attribute, std::string otherwise) {
  const auto found = find(attribute);
  return found ? found->string() : otherwise;
}

Extents Node::extents(std::string_view attribute) {
  Extents out;
  if (const auto found = find(attribute))
    for (std::size_t i = 0; i < found->size(); ++i) out.push_back((*found)[i].integer<Index>());
  return out;
}

Tensor Node::tensor(std::string_view attribute) {
  const auto found = find(attribute);
  return found ? read(*found) : no_tensor();
}

DType Node::type(std::size_t k) const { return dtype_named(json_["outputs"][k]["dtype"].string()); }
Tensor Node::wanted(std::size_t k) const { return read(json_["outputs"][k]); }
Shape Node::wanted_shape(std::size_t k) const { return shape_of(json_["outputs"][k]); }

std::string Node::unused() const {
  std::string out;
  for (std::size_t i = 0; i < inputs(); ++i)
    if (has(i) && !seen_.contains(i)) out += concat(out.empty() ? "" : ", ", "input ", i);
  for (const auto& [name, value] : json_["attributes"].object())
    if (!seen_names_.contains(name)) out += concat(out.empty() ? "" : ", ", "attribute ", name);
  return out;
}

void run_nodes(const fs::path& folder, Tally& tally) {
  for (const fs::path& op : folders_in(folder)) {
    const std::string name = op.filename().string();
    const auto f = nodes().find(name);
    for (const fs::path& one : folders_in(op)) {
      const auto run = [&] {
        const JsonDocument document = read_json(one / "case.json");
        Node node(document.root(), one);
        if (f == nodes().end()) throw Skip{"cfm has no such operator"};
        run_node(f->second, node);
      };
      book(tally, "ONNX " + name, name + "/" + one.filename().string(), run);
    }
  }
}

}  // namespace cfm::conformance::onnx
