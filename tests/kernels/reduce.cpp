#include <cfm/kernels/reduce.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

// Every reduced group of x, as doubles, in the order of the result.
std::vector<std::vector<double>> groups(const Tensor& x, const Extents& dims) {
  Extents order;
  Index kept = 1;
  const auto in = [&](int d) {
    for (Index e : dims)
      if (normalize_dim(static_cast<int>(e), x.rank(), "test") == d) return true;
    return dims.rank() == 0;
  };
  for (int d = 0; d < x.rank(); ++d)
    if (!in(d)) {
      order.push_back(d);
      kept *= x.shape()[d];
    }
  for (int d = 0; d < x.rank(); ++d)
    if (in(d)) order.push_back(d);
  const Tensor flat = x.permute(order).clone().to(DType::f64);
  const auto s = flat.span<double>();
  const std::size_t n = s.size() / static_cast<std::size_t>(kept);
  std::vector<std::vector<double>> out;
  for (Index i = 0; i < kept; ++i) {
    const auto begin = s.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * n);
    out.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(n));
  }
  return out;
}

double total(const std::vector<double>& g) {
  double out = 0;
  for (double v : g) out += v;
  return out;
}

double absolute_total(const std::vector<double>& g) {
  double out = 0;
  for (double v : g) out += std::abs(v);
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("reduce: every choice of dimensions equals the definition", T, float, double) {
  const Tensor x = Tensor::from(test::normals<T>(3 * 5 * 4 * 37, 1), {3, 5, 4, 37});
  const Tensor turned = x.permute({2, 0, 3, 1});
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (const Tensor& t : {x, turned})
    for (unsigned mask = 0; mask < 16; ++mask) {
      Extents dims;
      for (int d = 0; d < 4; ++d)
        if ((mask >> d & 1u) != 0) dims.push_back(d - (d % 2 == 0 ? 4 : 0));
      CAPTURE(concat(t, dims));
      const auto want = groups(t, dims);
      const Tensor s = sum(t, dims), m = mean(t, dims), hi = max(t, dims), lo = min(t, dims),
                   v = var(t, dims), l = logsumexp(t, dims), a = argmax(t, dims);
      CHECK(sum(t, dims, true).rank() == 4);
      REQUIRE(s.size() == static_cast<Index>(want.size()));
      for (std::size_t i = 0; i < want.size(); ++i) {
        const auto& g = want[i];
        const double n = static_cast<double>(g.size()),
                     bound = (n / 4 + 20) * eps * absolute_total(g);
        const double mean_of = total(g) / n;
        CHECK(std::abs(static_cast<double>(s.span<T>()[i]) - total(g)) <= bound);
        CHECK(std::abs(static_cast<double>(m.span<T>()[i]) - mean_of) <= bound / n + eps);
        CHECK(static_cast<double>(hi.span<T>()[i]) == *std::max_element(g.begin(), g.end()));
        CHECK(static_cast<double>(lo.span<T>()[i]) == *std::min_element(g.begin(), g.end()));
        CHECK(a.span<std::int64_t>()[i] == std::max_element(g.begin(), g.end()) - g.begin());
        double squares = 0, exps = 0;
        for (double e : g) squares += (e - mean_of) * (e - mean_of), exps += std::exp(e);
        if (n > 1)
          CHECK(static_cast<double>(v.span<T>()[i]) ==
                doctest::Approx(squares / (n - 1)).epsilon(20 * eps * std::sqrt(n)));
        CHECK(static_cast<double>(l.span<T>()[i]) ==
              doctest::Approx(std::log(exps)).epsilon(40 * eps));
      }
    }
}

TEST_CASE_TEMPLATE("reduce: all lengths of rows and columns, bounds held", T, float, double) {
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (Index n = 1; n <= 9 * lanes + 1; n += n < 2 * lanes + 2 ? 1 : 5) {
    const Tensor x = Tensor::from(test::normals<T>(n * 3, 2, 1, 3), {3, n});
    for (const Tensor& y : {sum(x, {1}), sum(x.transpose(0, 1).contiguous(), {0})}) {
      const auto g = groups(x, {1});
      for (std::size_t i = 0; i < 3; ++i)
        CHECK(std::abs(static_cast<double>(y.span<T>()[i]) - total(g[i])) <=
              (static_cast<double>(n) + 20) * eps * absolute_total(g[i]));
    }
    CHECK(min(x).item<T>() == *std::min_element(x.span<T>().begin(), x.span<T>().end()));
    CHECK(max(x, {0}).size() == n);
  }
}

TEST_CASE("reduce: long sums of f32 keep their digits") {
  const Index n = 3000001;
  const Tensor x = Tensor::full({n}, 0.1);
  const double want = static_cast<double>(n) * static_cast<double>(0.1f);
  CHECK(std::abs(static_cast<double>(sum(x).item<float>()) - want) < 4e-6 * want);
  const Tensor columns = x.slice(0, 0, 3000000).reshape({1000000, 3});
  CHECK(std::abs(static_cast<double>(sum(columns, {0}).span<float>()[1]) - want / 3) <
        4e-6 * want / 3);
}

TEST_CASE("reduce: a NaN wins, in values and positions") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (Index at : {0, 3, 70}) {
    auto values = test::normals<float>(71, 3);
    values[static_cast<std::size_t>(at)] = nan;
    const Tensor x = Tensor::from(values, {71});
    CHECK(std::isnan(max(x).item<float>()));
    CHECK(std::isnan(min(x).item<float>()));
    CHECK(std::isnan(sum(x).item<float>()));
    CHECK(std::isnan(max(x.reshape({71, 1}).expand({71, 2}), {0}).span<float>()[0]));
    CHECK(argmax(x).item<std::int64_t>() == at);
    CHECK(argmin(x).item<std::int64_t>() == at);
  }
  CHECK(argmax(Tensor::of<float>({1, 5, 5})).item<std::int64_t>() == 1);
}

TEST_CASE("reduce: nothing to reduce") {
  const Tensor none = Tensor::zeros({0, 3});
  CHECK(sum(none).item<float>() == 0);
  CHECK(sum(none, {0}).shape() == Shape{3});
  CHECK(prod(none).item<float>() == 1);
  CHECK(std::isnan(mean(none).item<float>()));
  CHECK(sum(none, {1}).size() == 0);
  CHECK(max(none, {1}).size() == 0);
  CHECK_FALSE(any(none).item<bool>());
  CHECK(all(none).item<bool>());
  CHECK_THROWS_WITH_AS(max(none), doctest::Contains("max: nothing to choose from"), ShapeError);
  CHECK_THROWS_AS(argmax(none, {0}), ShapeError);
  CHECK_THROWS_AS(sum(none, {2}), ShapeError);
  CHECK_THROWS_WITH_AS(sum(none, {0, -2}), doctest::Contains("names a dimension twice"),
                       ShapeError);
  CHECK(sum(Tensor::scalar(4.0f)).item<float>() == 4);
  CHECK(max(Tensor::scalar(4.0f), {0}).item<float>() == 4);
}

TEST_CASE("reduce: integers and bools") {
  const Tensor x = Tensor::of<std::uint8_t>({200, 100, 7});
  CHECK(sum(x).dtype() == DType::i64);
  CHECK(sum(x).item<std::int64_t>() == 307);
  CHECK(max(x).item<std::uint8_t>() == 200);
  CHECK(sum(Tensor::of<bool>({true, true, false})).item<std::int64_t>() == 2);
  const std::uint64_t big = ~std::uint64_t{0};
  CHECK(max(Tensor::of<std::uint64_t>({1, big, 2})).item<std::uint64_t>() == big);
  CHECK(argmax(Tensor::of<std::uint64_t>({1, big, 2})).item<std::int64_t>() == 1);
  CHECK(any(Tensor::of<bool>({false, true})).item<bool>());
  CHECK_FALSE(all(Tensor::of<bool>({false, true})).item<bool>());
  CHECK(all(Tensor::of<float>({1, -2})).item<bool>());
}

TEST_CASE("logsumexp: infinities and large values") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(logsumexp(Tensor::of<float>({1000, 1000})).item<float>() ==
        doctest::Approx(1000 + std::log(2.0)));
  CHECK(logsumexp(Tensor::of<float>({-infinity, -infinity})).item<float>() == -infinity);
  CHECK(logsumexp(Tensor::of<float>({infinity, 1})).item<float>() == infinity);
}

TEST_CASE("var: a large mean does no harm") {
  const Tensor x = Tensor::from(test::normals<float>(5000, 4, 1, 1e4), {5000});
  const auto g = groups(x, {});
  double squares = 0;
  for (double v : g[0]) squares += (v - total(g[0]) / 5000) * (v - total(g[0]) / 5000);
  CHECK(static_cast<double>(var(x).item<float>()) == doctest::Approx(squares / 4999).epsilon(1e-4));
}

TEST_CASE("reduce: the same bits for any number of threads") {
  const Tensor x = Tensor::from(test::normals<float>(700 * 900, 5), {700, 900});
  const auto values = [](const Tensor& t) {
    return std::vector<float>(t.span<float>().begin(), t.span<float>().end());
  };
  test::check_threads([&] { return values(sum(x)); });
  test::check_threads([&] { return values(sum(x, {0})); });
  test::check_threads([&] { return values(prod(x, {1})); });
}
