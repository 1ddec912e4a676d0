#include <cfm/core/dtype.hpp>

#include <string>
#include <typeinfo>

#include "../test.hpp"

using namespace cfm;

namespace {

struct Row {
  DType dtype;
  const char* name;
  Index size;
  bool floating, integer;
};

const Row rows[] = {
    {DType::f64, "f64", 8, true, false},
    {DType::f32, "f32", 4, true, false},
    {DType::bf16, "bf16", 2, true, false},
    {DType::f16, "f16", 2, true, false},
    {DType::f8_e4m3fn, "f8_e4m3fn", 1, true, false},
    {DType::f8_e5m2, "f8_e5m2", 1, true, false},
    {DType::f8_e4m3fnuz, "f8_e4m3fnuz", 1, true, false},
    {DType::f8_e5m2fnuz, "f8_e5m2fnuz", 1, true, false},
    {DType::boolean, "bool", 1, false, false},
    {DType::i8, "i8", 1, false, true},
    {DType::i16, "i16", 2, false, true},
    {DType::i32, "i32", 4, false, true},
    {DType::i64, "i64", 8, false, true},
    {DType::u8, "u8", 1, false, true},
    {DType::u16, "u16", 2, false, true},
    {DType::u32, "u32", 4, false, true},
    {DType::u64, "u64", 8, false, true},
};

}  // namespace

TEST_CASE("dtype: the table") {
  CHECK(std::size(rows) == detail::dtype_table.size());
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(name(row.dtype) == row.name);
    CHECK(size_of(row.dtype) == row.size);
    CHECK(is_floating(row.dtype) == row.floating);
    CHECK(is_integer(row.dtype) == row.integer);
  }
}

TEST_CASE("dtype: visiting goes to the C++ type that has this dtype and this size") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    visit_dtype(row.dtype, [&]<class T>(std::type_identity<T>) {
      CHECK(dtype_of<T> == row.dtype);
      CHECK(static_cast<Index>(sizeof(T)) == row.size);
    });
  }
  CHECK_THROWS_AS(visit_dtype(static_cast<DType>(17), [](auto) {}), TypeError);
}

TEST_CASE("dtype: kernels compute in f32 and f64, indices are i32 and i64") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const bool real = row.dtype == DType::f32 || row.dtype == DType::f64;
    const bool index = row.dtype == DType::i32 || row.dtype == DType::i64;
    const auto check = [&]<class T>(std::type_identity<T>) { CHECK(dtype_of<T> == row.dtype); };
    if (real)
      visit_real(row.dtype, "softmax", check);
    else
      CHECK_THROWS_WITH_AS(visit_real(row.dtype, "softmax", check),
                           ("softmax: needs f32 or f64, got " + std::string(row.name)).c_str(),
                           TypeError);
    if (index)
      visit_index(row.dtype, "gather", check);
    else
      CHECK_THROWS_WITH_AS(
          visit_index(row.dtype, "gather", check),
          ("gather: needs an index tensor of i32 or i64, got " + std::string(row.name)).c_str(),
          TypeError);
  }
}

TEST_CASE("visit_integer: the type of every integer, and no other") {
  for (const DType dtype : {DType::i8, DType::i16, DType::i32, DType::i64, DType::u8, DType::u16,
                            DType::u32, DType::u64})
    visit_integer(dtype, [&]<class T>(std::type_identity<T>) { CHECK(dtype_of<T> == dtype); });
  for (const DType dtype : {DType::f32, DType::bf16, DType::boolean})
    CHECK_THROWS_AS(visit_integer(dtype, [](auto) {}), TypeError);
}
