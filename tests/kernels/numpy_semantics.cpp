#include <cfm/kernels/reduce.hpp>

#include <cfm/io/json.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/matmul.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

const Json::Array& items(const Json& value) { return *value.get_if<Json::Array>(); }

std::int64_t integer(const Json& value) {
  return std::get<std::int64_t>(*value.get_if<JsonNumber>());
}

Shape shape_of(const Json& value) {
  Extents out;
  for (const Json& item : items(value)) out.push_back(integer(item));
  return Shape(out);
}

std::vector<std::int64_t> values_of(const Json& value) {
  std::vector<std::int64_t> out;
  for (const Json& item : items(value)) out.push_back(integer(item));
  return out;
}

std::optional<JsonDocument> rows() {
  const auto folder = test::data_dir("numpy_semantics");
  if (!folder) return std::nullopt;
  return read_json(*folder / "shared.json");
}

template <class F>
void check_shapes(const char* table, const F& f) {
  const auto document = rows();
  if (!document) return;
  for (const Json& row : items(*document->value.get_if<JsonObject>()->find(table))) {
    const Tensor a = Tensor::ones(shape_of(items(row)[0])),
                 b = Tensor::ones(shape_of(items(row)[1]));
    CAPTURE(concat(a, b));
    if (items(row)[2].kind() == JsonKind::null)
      CHECK_THROWS_AS(f(a, b), ShapeError);
    else
      CHECK(f(a, b).shape() == shape_of(items(row)[2]));
  }
}

}  // namespace

TEST_CASE("NumPy: shapes of broadcasts") {
  check_shapes("broadcast", [](const Tensor& a, const Tensor& b) { return a + b; });
}

TEST_CASE("NumPy: shapes of matrix products") {
  check_shapes("matmul_shape", [](const Tensor& a, const Tensor& b) { return matmul(a, b); });
}

TEST_CASE("NumPy: reductions of integers") {
  const auto document = rows();
  if (!document) return;
  for (const Json& row : items(*document->value.get_if<JsonObject>()->find("reduce_int"))) {
    const std::string op = *items(row)[0].get_if<std::string>();
    const Tensor x = Tensor::from(values_of(items(row)[2]), shape_of(items(row)[1]));
    Extents dims;
    if (items(row)[3].kind() != JsonKind::null) dims.push_back(integer(items(row)[3]));
    const bool* flag = items(row)[4].get_if<bool>();
    const bool keep = flag != nullptr && *flag;
    const Tensor y = op == "sum"      ? sum(x, dims, keep)
                     : op == "prod"   ? prod(x, dims, keep)
                     : op == "max"    ? max(x, dims, keep)
                     : op == "min"    ? min(x, dims, keep)
                     : op == "argmax" ? argmax(x, dims, keep)
                                      : argmin(x, dims, keep);
    CAPTURE(op);
    CAPTURE(concat(x));
    REQUIRE(y.shape() == shape_of(items(row)[5]));
    const auto want = values_of(items(row)[6]);
    const auto got = y.span<std::int64_t>();
    CHECK(std::equal(got.begin(), got.end(), want.begin(), want.end()));
    if (dims.rank() == 1 && x.rank() > 1) {  // the same on another memory order
      Tensor flipped = x.transpose(0, -1).clone().transpose(0, -1);
      const Tensor again = op == "sum"      ? sum(flipped, dims, keep)
                           : op == "argmax" ? argmax(flipped, dims, keep)
                                            : max(flipped, dims, keep);
      const Tensor first = op == "sum" || op == "argmax" ? y : max(x, dims, keep);
      CHECK(all(equal(again, first)).item<bool>());
    }
  }
}
