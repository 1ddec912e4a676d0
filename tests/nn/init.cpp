#include <cfm/nn/init.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

Moments moments(const Tensor& t) {
  Moments m;
  for (float v : t.span<float>()) {
    m.mean += static_cast<double>(v);
    m.deviation += static_cast<double>(v) * static_cast<double>(v);
    m.largest = std::max(m.largest, std::abs(static_cast<double>(v)));
  }
  m.mean /= static_cast<double>(t.size());
  m.deviation = std::sqrt(m.deviation / static_cast<double>(t.size()));
  return m;
}

}  // namespace

TEST_CASE("init: each rule has its bound or deviation") {
  const Shape shape{200, 300};
  const auto near = [](double x) { return doctest::Approx(x).epsilon(0.01); };
  const Moments xavier = moments(xavier_uniform(shape, Rng(1)));
  CHECK(xavier.largest == near(std::sqrt(6.0 / 500)));
  CHECK(xavier.deviation == near(std::sqrt(2.0 / 500)));
  CHECK(moments(kaiming_normal(shape, Rng(2))).deviation == near(std::sqrt(2.0 / 300)));
  CHECK(moments(kaiming_uniform(shape, Rng(3), 1)).largest == near(std::sqrt(3.0 / 300)));
  CHECK(moments(fan_in_uniform(shape, 300, Rng(4))).largest == near(1 / std::sqrt(300.0)));
  const Fans window = fans({8, 4, 3, 3});
  CHECK(window.in == 36);
  CHECK(window.out == 72);
  CHECK_THROWS_AS(fans({3}), ShapeError);
  const Moments normal = moments(Init(Rng(5)).normal(shape, 0.5, 0));
  CHECK(normal.mean == doctest::Approx(0.5));
}

TEST_CASE("init: parts are independent of each other, the same for the same seed") {
  const auto first = [](Init init) { return init.uniform({1}, 0, 1).item<float>(); };
  Init a(Rng(1)), b(Rng(1));
  const Init part = a.next();
  CHECK(first(part) == first(b.next()));
  CHECK(first(a.next()) != first(part));
  Init again(Rng(1));
  again.uniform({1000}, 0, 1);  // what the owner draws does not move its parts
  CHECK(first(again.next()) == first(part));
  CHECK(first(Rng(2)) != first(Rng(1)));
}

TEST_CASE("init: shapes alone take no memory, and no more tensors than said") {
  Init shapes = Init::shapes_only(3);
  const Tensor big = shapes.next().uniform({Index{1} << 20, Index{1} << 20}, 0, 1);
  CHECK(big.size() == Index{1} << 40);
  CHECK(big.storage().bytes() <= 8);
  CHECK(shapes.constant({}, 7, DType::i64).item<std::int64_t>() == 7);
  shapes.normal({2}, 0, 1);
  CHECK_THROWS_WITH_AS(shapes.next().constant({1}, 0), doctest::Contains("more tensors than"),
                       Error);
}
