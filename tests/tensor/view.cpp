#include <cfm/tensor/view.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {
float first_of(In<float, 1> x) { return x(0); }
}  // namespace

TEST_CASE("view: elements by strides, const from non-const") {
  float memory[12];
  for (int i = 0; i < 12; ++i) memory[i] = static_cast<float>(i);
  const View<float, 2> m = matrix_view(memory, 3, 4);
  CHECK(m(2, 3) == 11);
  CHECK(*m.row(1) == 4);
  CHECK(m.rows() == 3);
  CHECK(m.cols() == 4);
  CHECK(m.size() == 12);
  const View<float, 2> turned{memory, {4, 3}, {1, 4}};
  CHECK(turned(3, 2) == 11);
  const View<const float, 2> fixed = m;
  CHECK(fixed(1, 1) == 5);
  CHECK(first_of(vector_view(memory + 3, 2)) == 3);
  CHECK(View<float, 0>{memory, {}, {}}() == 0);
}

TEST_CASE("view: density") {
  float memory[24] = {};
  CHECK(matrix_view(memory, 3, 4).contiguous());
  CHECK_FALSE(matrix_view(memory, 3, 4, 6).contiguous());
  CHECK(matrix_view(memory, 3, 4, 6).last_contiguous());
  CHECK(matrix_view(memory, 1, 4, 6).contiguous());
  CHECK_FALSE((View<float, 2>{memory, {3, 4}, {8, 2}}.last_contiguous()));
  CHECK((View<float, 2>{memory, {3, 1}, {1, 7}}.last_contiguous()));
  CHECK((View<float, 1>{memory, {1}, {5}}.contiguous()));
  CHECK((View<float, 0>{memory, {}, {}}.contiguous()));
  CHECK(concat(matrix_view(memory, 3, 4)) == "[3, 4]");
}
