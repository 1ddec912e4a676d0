#include <cfm/core/error.hpp>

#include <cfm/core/dtype.hpp>
#include <cfm/tensor/tensor.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// The text of what f throws, and that it is exactly an E.
template <class E, class F>
std::string text_of(const F& f) {
  try {
    f();
  } catch (const E& e) {
    CHECK(typeid(e) == typeid(E));
    return e.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("concat writes numbers, text, bool and char as they are") {
  CHECK(concat("a", 1, ' ', -2, ' ', true, ' ', std::string("s"), ' ', 0.5) == "a1 -2 true s 0.5");
  CHECK(concat(UINT64_MAX, ' ', INT64_MIN) == "18446744073709551615 -9223372036854775808");
  CHECK(concat(std::uint8_t{65}) == "65");  // a number, not a letter
  CHECK(concat(DType::bf16, ' ', Shape{2, 3}, ' ', Shape{}) == "bf16 [2, 3] []");
  CHECK(concat(Tensor::zeros({2, 0}, DType::i8)) == "i8[2, 0]");
  CHECK(concat().empty());
}

TEST_CASE("a failed check names rule, operands and place") {
  const Index got = 7;
  const std::string text =
      text_of<Error>([&] { CFM_CHECK(got < 3, "pick: at most 2", got, true); });
  CHECK(text.starts_with("pick: at most 2: 7, true [error.cpp:"));
  CHECK(text.ends_with("]"));
}

TEST_CASE("a check without operands is the rule and the place") {
  CHECK(text_of<Error>([] { CFM_CHECK(false, "rule"); }).starts_with("rule [error.cpp:"));
}

TEST_CASE("a check that holds evaluates its condition once and throws nothing") {
  int calls = 0;
  CFM_CHECK(++calls == 1, "never");
  CHECK(calls == 1);
}

TEST_CASE("the operands choose the exception: type before shape before value") {
  const Shape shape{2};
  const Tensor t = Tensor::zeros({2, 2});
  const View<const float, 2> v = t.view<float, 2>();
  CHECK(text_of<Error>([] { CFM_CHECK(false, "r", 1, 2.0, "x"); }).starts_with("r: 1, 2, x ["));
  text_of<ShapeError>([&] { CFM_CHECK(false, "r", 1, shape); });
  text_of<ShapeError>([&] { CFM_CHECK(false, "r", Extents{1}); });
  text_of<ShapeError>([&] { CFM_CHECK(false, "r", t); });
  CHECK(text_of<ShapeError>([&] { CFM_CHECK(false, "r", v); }).starts_with("r: [2, 2] ["));
  text_of<TypeError>([&] { CFM_CHECK(false, "r", shape, DType::f32); });
}

TEST_CASE("every exception of cfm is an Error, and that a std::runtime_error") {
  CHECK_THROWS_AS(throw ShapeError("x"), Error);
  CHECK_THROWS_AS(throw TypeError("x"), Error);
  CHECK_THROWS_AS(throw FormatError("x"), Error);
  CHECK_THROWS_AS(throw IoError("x"), Error);
  CHECK_THROWS_AS(throw NumericError("x"), Error);
  CHECK_THROWS_AS(throw UnsupportedError("x"), Error);
  CHECK_THROWS_AS(throw Error("x"), std::runtime_error);
}
