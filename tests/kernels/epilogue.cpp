#include <cfm/kernels/epilogue.hpp>

#include "support.hpp"

using namespace cfm;
using test::normals;

namespace {

// x through an epilogue, a row of 37 numbers that are columns 5 .. 41 of row 2.
constexpr Index row_columns = 37, first_column = 5, row_at = 2, whole_width = 50;

template <class T, class E>
std::vector<T> through(const E& e, const std::vector<T>& x) {
  test::Guarded<T> out(row_columns, 3);
  out.fill(x);
  const auto finish = isa_detail::finish_of<T>(e);
  finish(out.data(), row_columns, row_at, 1, first_column, row_columns);
  CHECK(out.intact());
  return out.values();
}

struct AddPlace {
  void operator()(const OutputRow<float>& row) const {
    for (Index c = 0; c < row.columns; ++c)
      row.values[c] += static_cast<float>(100 * row.row + row.first_column + c);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("epilogue: each part is its formula, at its place in the result", T, float,
                   double) {
  const auto x = normals<T>(row_columns, 1), bias = normals<T>(whole_width, 2),
             other = normals<T>(4 * whole_width, 3);
  const auto b = vector_view(bias.data(), whole_width);
  const auto o = matrix_view(other.data(), 4, whole_width);
  const auto biased = through(Bias<T>{b}, x);
  const auto residual = through(Residual<T>{o}, x), times = through(Times<T>{o}, x);
  const auto gated = through(SwiGlu<T>{o}, x), silu = through(ops::Silu{}, x);
  const auto relu_of = through(ops::Relu{}, x), gelu_of = through(ops::Gelu{}, x);
  const auto mine = through([](auto v) { return v * v - 1; }, x);
  CHECK(test::same_bits(through(epilogue(), x), x));
  for (Index i = 0; i < row_columns; ++i) {
    const auto u = static_cast<std::size_t>(i);
    CHECK(biased[u] == x[u] + b(first_column + i));
    CHECK(residual[u] == x[u] + o(row_at, first_column + i));
    CHECK(times[u] == x[u] * o(row_at, first_column + i));
    CHECK(gated[u] == silu[u] * o(row_at, first_column + i));
    CHECK(relu_of[u] == (x[u] > 0 ? x[u] : 0));
    CHECK(gelu_of[u] == test::value_of<T>(ops::Gelu{}, static_cast<double>(x[u])));
    CHECK(mine[u] == doctest::Approx(x[u] * x[u] - 1).epsilon(1e-6));
  }
}

TEST_CASE("epilogue: parts apply from left to right, row parts of a user among them") {
  const auto x = normals<float>(row_columns, 4), bias = normals<float>(whole_width, 5);
  const auto b = vector_view(bias.data(), whole_width);
  const auto got = through(
      epilogue(Bias<float>{b}, ops::Relu{}, AddPlace{}, [](auto v) { return v * 2.0f; }), x);
  for (Index i = 0; i < row_columns; ++i) {
    const float biased = x[static_cast<std::size_t>(i)] + b(first_column + i);
    const float place = static_cast<float>(100 * row_at + first_column + i);
    CHECK(got[static_cast<std::size_t>(i)] == ((biased > 0 ? biased : 0) + place) * 2);
  }
  // A part may itself be an epilogue.
  const auto inner = epilogue(ops::Relu{}, AddPlace{});
  CHECK(test::same_bits(
      through(epilogue(Bias<float>{b}, inner, [](auto v) { return v * 2.0f; }), x), got));
}

TEST_CASE("epilogue: operands of the wrong size are reported") {
  const auto x = normals<float>(20, 6);
  const auto e = epilogue(ops::Relu{}, Bias<float>{vector_view(x.data(), 4)});
  CHECK_THROWS_WITH_AS(
      e.check("matmul_nn", 3, 5),
      doctest::Contains("matmul_nn: the bias needs one dense number a column: [4]"), ShapeError);
  CHECK_NOTHROW(e.check("matmul_nn", 3, 4));
  const Times<float> gate{matrix_view(x.data(), 4, 5)};
  CHECK_THROWS_WITH_AS(gate.check("matmul", 5, 4), doctest::Contains("the shape of out"),
                       ShapeError);
}

static_assert(EpiloguePart<ops::Gelu, float> && EpiloguePart<AddPlace, float>);
static_assert(!EpiloguePart<AddPlace, double> && !EpiloguePart<ops::Sin, float>);
static_assert(!EpiloguePart<float, float>);
