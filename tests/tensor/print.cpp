#include <cfm/tensor/print.hpp>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("to_string: integers, bool, rank 0, no elements") {
  CHECK(to_string(arange(3)) == "[0, 1, 2]");
  CHECK(to_string(arange(8, 12).reshape({2, 2})) == "[[ 8,  9],\n [10, 11]]");
  CHECK(to_string(Tensor::of<bool>({true, false})) == "[ true, false]");
  CHECK(to_string(Tensor::of<std::uint64_t>({UINT64_MAX})) == "[18446744073709551615]");
  CHECK(to_string(Tensor::of<std::int8_t>({-128})) == "[-128]");
  CHECK(to_string(Tensor::scalar(2.5)) == "2.5");
  CHECK(to_string(Tensor::zeros({0})) == "[]");
  CHECK(to_string(Tensor::zeros({Index{1} << 40, 0})) == "[]");
}

TEST_CASE("to_string: floats share digits and width, as in NumPy") {
  CHECK(to_string(Tensor::of<float>({1, 2, 3})) == "[1., 2., 3.]");
  CHECK(to_string(Tensor::of<float>({0.5f, -1.25f})) == "[ 0.50, -1.25]");
  CHECK(to_string(Tensor::of<double>({1.0 / 3, 2}), {.precision = 3}) == "[0.333, 2.000]");
  CHECK(to_string(Tensor::of<double>({1e-9, 1})) == "[1.e-09, 1.e+00]");
  CHECK(to_string(Tensor::of<double>({1.5e10})) == "[1.5e+10]");
  CHECK(to_string(Tensor::of<float>({NAN, INFINITY, -INFINITY, 1})) == "[ nan,  inf, -inf,   1.]");
  CHECK(to_string(Tensor::of<bf16>({bf16(0.5f)})) == "[0.5]");
}

TEST_CASE("to_string: digits are enough to read the value back") {
  const Tensor t = uniform({50}, Rng(1), -3, 3, DType::f64);
  const std::string text = to_string(t, {.precision = 17});
  const char* at = text.c_str() + 1;
  for (double v : t.span<double>()) {
    char* end = nullptr;
    CHECK(std::strtod(at, &end) == doctest::Approx(v).epsilon(1e-15));
    at = end + 1;
  }
}

TEST_CASE("to_string: large tensors show their edges, long rows break") {
  CHECK(to_string(arange(2000), {.edge = 2}) == "[   0,    1, ..., 1998, 1999]");
  CHECK(to_string(arange(2000), {.edge = 0}) == "[...]");
  CHECK(to_string(arange(6), {.threshold = 5, .edge = 1}) == "[0, ..., 5]");
  CHECK(to_string(arange(6), {.threshold = 6, .edge = 1}) == "[0, 1, 2, 3, 4, 5]");
  CHECK(to_string(arange(16).reshape({4, 4}), {.threshold = 3, .edge = 1}) ==
        "[[ 0, ...,  3],\n ...,\n [12, ..., 15]]");
  CHECK(to_string(arange(8), {.line_width = 12}) == "[0, 1, 2, 3,\n 4, 5, 6, 7]");
  CHECK(to_string(Tensor::zeros({1, 2, 1})) == "[[[0.],\n  [0.]]]");
  CHECK(to_string(Tensor::zeros({2, 1, 1})) == "[[[0.]],\n\n [[0.]]]");
}

TEST_CASE("operator<<: any stream of text, with type and shape before the elements") {
  std::ostringstream out;
  out << Tensor::of<float>({1, 2}) << " and " << Tensor::scalar(Index{7});
  CHECK(out.str() == "f32[2]\n[1., 2.] and i64[] 7");
}
