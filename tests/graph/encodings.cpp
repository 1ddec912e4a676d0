#include <cfm/graph/encodings.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("encodings: degrees count edges, up to a limit and for chosen readers") {
  const Graph g = make_dag(100, 12, 5);
  const Tensor in = in_degrees(g), out = out_degrees(g), capped = out_degrees(g, 2);
  const Tensor even = out_degrees(g, 1000, [](std::int32_t reader) { return reader % 2 == 0; });
  const Tensor odd = out_degrees(g, 1000, [](std::int32_t reader) { return reader % 2 != 0; });
  Index total_in = 0, total_out = 0;
  for (std::size_t v = 0; v < 100; ++v) {
    total_in += in.span<std::int32_t>()[v];
    const std::int32_t d = out.span<std::int32_t>()[v];
    total_out += d;
    CHECK(d == static_cast<std::int32_t>(g.fanouts()[static_cast<Index>(v)].size()));
    CHECK(capped.span<std::int32_t>()[v] == std::min(d, 2));
    CHECK(even.span<std::int32_t>()[v] + odd.span<std::int32_t>()[v] == d);
  }
  CHECK(total_in == g.edges());
  CHECK(total_out == g.edges());
  CHECK(in_degrees(g, 1).span<std::int32_t>()[99] <= 1);
}

TEST_CASE("encodings: sines of positions are those of the formula, turning by a fixed angle") {
  const Tensor e = sinusoidal_encoding(std::vector<std::int32_t>{0, 1, 5, 6}, 8);
  CHECK(e.shape() == Shape{4, 8});
  const auto at = [&](std::size_t p, std::size_t i) {
    return static_cast<double>(e.span<float>()[p * 8 + i]);
  };
  for (std::size_t j = 0; j < 4; ++j) {
    CHECK(at(0, 2 * j) == 0);
    CHECK(at(0, 2 * j + 1) == 1);
    const double angle = std::pow(10.0, -static_cast<double>(j));
    CHECK(at(1, 2 * j) == doctest::Approx(std::sin(angle)));
    // sin(6 a) = sin(5 a) cos(a) + cos(5 a) sin(a)
    CHECK(at(3, 2 * j) ==
          doctest::Approx(at(2, 2 * j) * at(1, 2 * j + 1) + at(2, 2 * j + 1) * at(1, 2 * j))
              .epsilon(1e-5));
  }
  CHECK_THROWS_AS(sinusoidal_encoding(std::vector<std::int32_t>{1}, 3), Error);
}
