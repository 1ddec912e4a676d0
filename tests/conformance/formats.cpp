// Number formats: every code of the small floats, their hard roundings, and blocks of weights.

#include <cmath>

#include <cfm/io/file.hpp>

#include "onnx.hpp"

namespace cfm::conformance {
namespace {

namespace fs = std::filesystem;

// NaN equals NaN, everything else has to have the same bits but for the sign of zero.
void same_values(const std::string& what, const Tensor& actual, const Tensor& expected) {
  const Tensor a = actual.to(DType::f64).contiguous(), e = expected.to(DType::f64).contiguous();
  if (a.shape() != e.shape()) throw Mismatch{concat(what, ": got ", a, ", expected ", e)};
  for (Index i = 0; i < a.size(); ++i) {
    const double got = a.data<double>()[i], want = e.data<double>()[i];
    if (got == want || (std::isnan(got) && std::isnan(want))) continue;
    throw Mismatch{concat(what, " at ", i, ": got ", got, ", expected ", want)};
  }
}

std::optional<DType> format_named(std::string_view name) {
  if (name == "e4m3fn") return DType::f8_e4m3fn;
  if (name == "e4m3fnuz") return DType::f8_e4m3fnuz;
  if (name == "e5m2") return DType::f8_e5m2;
  if (name == "e5m2fnuz") return DType::f8_e5m2fnuz;
  if (name == "float16" || name == "f16") return DType::f16;
  if (name == "bf16") return DType::bf16;
  if (name == "f32") return DType::f32;
  return std::nullopt;
}

// Codes 0, 1, 2 ... as elements of a type.
Tensor all_codes(DType dtype) {
  const Index size = size_of(dtype), count = Index{1} << (8 * size);
  Tensor out = Tensor::empty({count}, dtype);
  std::byte* const memory = out.bytes();
  for (Index code = 0; code < count; ++code)
    for (Index b = 0; b < size; ++b)
      memory[code * size + b] = static_cast<std::byte>(code >> (8 * b) & 255);
  return out;
}

// Bytes seen as elements of another type.
Tensor as_elements(const Tensor& bytes, DType dtype) {
  const Shape shape{bytes.size() / size_of(dtype)};
  return Tensor(bytes.storage(), dtype, shape, row_major(shape));
}

void run_float_tables(const fs::path& folder, Tally& tally) {
  if (!fs::exists(folder / "fp_tables.json")) return;
  const JsonDocument document = read_json(folder / "fp_tables.json");
  const Storage bytes = read_storage(folder / "fp_tables.bin");
  for (const auto& [name, value] : document.root()["formats"].object()) {
    const JsonRef format = document.root()["formats"].child(value);
    const std::string label = "fp_golden " + name;
    book(tally, label, label + " decode", [&, &name = name] {
      const auto dtype = format_named(name);
      if (!dtype) throw Skip{"formats that are no element type yet"};
      same_values("value of code", all_codes(*dtype), read_tensor(format["decode"], bytes));
    });
    if (!format.find("x")) continue;
    book(tally, label, label + " round", [&, &name = name] {
      const auto dtype = format_named(name);
      if (!dtype) throw Skip{"formats that are no element type yet"};
      same_values("rounded", read_tensor(format["x"], bytes).to(*dtype),
                  read_tensor(format["rne"], bytes));
    });
  }
}

void run_scaled_blocks(const fs::path& folder, Tally& tally) {
  if (!fs::exists(folder / "mx.json")) return;
  const JsonDocument document = read_json(folder / "mx.json");
  tally.skip("fp_golden mx", "formats of blocks with a shared scale",
             static_cast<int>(document.root()["cases"].size()));
}

void run_weight_blocks(const fs::path& folder, Tally& tally) {
  if (!fs::exists(folder / "ggml_quants.json")) return;
  const JsonDocument document = read_json(folder / "ggml_quants.json");
  const Storage bytes = read_storage(folder / "ggml_quants.bin");
  const JsonRef types = document.root()["types"];
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::string name = types[i]["name"].string();
    const auto run = [&](const char* part, const auto& f) {
      const auto given = types[i].find(part);
      if (!given || given->is_null()) return;
      book(tally, "quant_golden " + name, concat("quant_golden ", name, " ", part), [&] {
        const auto dtype = format_named(name);
        if (!dtype) throw Skip{"packed formats of blocks of weights"};
        f(*dtype, *given);
      });
    };
    run("quantize", [&](DType dtype, const JsonRef& given) {
      const Tensor stored = read_tensor(given["x"], bytes).to(dtype);
      same_values("stored", stored, as_elements(read_tensor(given["blocks"], bytes), dtype));
      same_values("read back", stored, read_tensor(given["y"], bytes));
    });
    run("decode_random", [&](DType dtype, const JsonRef& given) {
      same_values("decoded", as_elements(read_tensor(given["blocks"], bytes), dtype),
                  read_tensor(given["y"], bytes));
    });
  }
}

}  // namespace

void run_formats(const fs::path& data, Tally& tally) {
  run_float_tables(data / "fp_golden", tally);
  run_scaled_blocks(data / "fp_golden", tally);
  run_weight_blocks(data / "quant_golden", tally);
}

}  // namespace cfm::conformance
