#include <cfm/kernels/rope.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

// The formula in double, element by element.
template <class T>
std::vector<double> formula(const std::vector<T>& row, Index position, const Rope& o) {
  std::vector<double> out(row.begin(), row.end());
  const Index width = o.width == 0 ? static_cast<Index>(row.size()) : o.width, half = width / 2;
  for (Index i = 0; i < half; ++i) {
    const double frequency =
        (o.frequencies.empty()
             ? std::pow(o.base, -2.0 * static_cast<double>(i) / static_cast<double>(width))
             : o.frequencies[static_cast<std::size_t>(i)]) /
        o.scale;
    const double angle = static_cast<double>(position) * frequency;
    const bool split = o.layout == RopeLayout::half_split;
    const auto a = static_cast<std::size_t>(split ? i : 2 * i),
               b = static_cast<std::size_t>(split ? i + half : 2 * i + 1);
    const double x = static_cast<double>(row[a]), y = static_cast<double>(row[b]);
    out[a] = o.magnitude * (x * std::cos(angle) - y * std::sin(angle));
    out[b] = o.magnitude * (y * std::cos(angle) + x * std::sin(angle));
  }
  return out;
}

template <class T>
void check(const Tensor& x, const Tensor& got, const Rope& o, const Tensor& positions) {
  const View<const T, 4> in = x.view<T, 4>(), out = got.view<T, 4>();
  double worst = 0;
  for (Index b = 0; b < in.extent[0]; ++b)
    for (Index h = 0; h < in.extent[1]; ++h)
      for (Index r = 0; r < in.extent[2]; ++r) {
        std::vector<T> row;
        for (Index e = 0; e < in.extent[3]; ++e) row.push_back(in(b, h, r, e));
        const Index position = positions.defined() ? std::as_const(positions).view<Index, 2>()(
                                                         positions.size(0) > 1 ? b : 0, r)
                                                   : o.first + r;
        const std::vector<double> want = formula(row, position, o);
        for (Index e = 0; e < in.extent[3]; ++e)
          worst = std::max(worst, std::abs(static_cast<double>(out(b, h, r, e)) -
                                           want[static_cast<std::size_t>(e)]));
      }
  CHECK(worst < (sizeof(T) == 4 ? 1e-6 : 2e-12));
}

}  // namespace

TEST_CASE_TEMPLATE("rope: equals the formula for both layouts, any width and positions", T, float,
                   double) {
  Rng rng(3);
  for (const RopeLayout layout : {RopeLayout::half_split, RopeLayout::interleaved})
    for (const auto& [rows, width, turned] :
         {std::array<Index, 3>{1, 2, 0}, {3, 8, 6}, {70, 18, 0}, {5, 33, 30}, {300, 64, 0}}) {
      const Tensor x = test::normals4<T>(2, 3, rows, width, 1);
      Rope o{.width = turned, .layout = layout};
      check<T>(x, rope(x, o), o, {});
      o.first = 4090;
      o.scale = 4;
      o.base = 5e5;
      check<T>(x, rope(x, o), o, {});
      o.magnitude = 1.25;
      for (Index i = 0; i < (turned == 0 ? width : turned) / 2; ++i)
        o.frequencies.push_back(rng.uniform(0, 2));
      std::vector<Index> places;
      for (Index i = 0; i < 2 * rows; ++i)
        places.push_back(static_cast<Index>(rng.below(5000)) - 100);
      const Tensor positions = Tensor::from(places, {2, rows});
      check<T>(x, rope(x, o, positions), o, positions);
      const Tensor same = positions.slice(0, 0, 1);
      check<T>(x, rope(x, o, same.reshape({rows}).to(DType::i32)), o, same);
    }
}

TEST_CASE("rope: the published golden values") {
  const Tensor x = Tensor::of<double>({1, 2, 3, 4}).reshape({1, 4});
  const auto near = [](const Tensor& got, const std::vector<double>& want) {
    for (std::size_t i = 0; i < want.size(); ++i)
      CHECK(std::abs(got.span<double>()[i] - want[i]) < 1e-9);
  };
  near(rope(x, {.first = 3}), {-1.413352521, 1.879118067, -2.828857482, 4.058191135});
  near(rope(x, {.layout = RopeLayout::interleaved, .first = 3}),
       {-1.272232513, -1.838864985, 2.8786681, 4.088186636});
}

TEST_CASE("rope: products of q and k depend on the distance alone; backward turns back") {
  const Tensor q = test::normals4<double>(1, 1, 1, 32, 1),
               k = test::normals4<double>(1, 1, 1, 32, 2);
  const auto product = [&](Index i, Index j, RopeLayout layout) {
    const Tensor a = rope(q, {.layout = layout, .first = i}),
                 b = rope(k, {.layout = layout, .first = j});
    double dot = 0;
    for (std::size_t e = 0; e < 32; ++e) dot += a.span<double>()[e] * b.span<double>()[e];
    return dot;
  };
  for (const RopeLayout layout : {RopeLayout::half_split, RopeLayout::interleaved}) {
    CHECK(product(7, 3, layout) == doctest::Approx(product(4104, 4100, layout)));
    const Tensor x = test::normals4<double>(2, 2, 9, 10, 4);
    const Tensor back = rope_backward(rope(x, {.width = 8, .layout = layout, .first = 5}),
                                      {.width = 8, .layout = layout, .first = 5});
    for (std::size_t i = 0; i < 360; ++i)
      CHECK(std::abs(back.span<double>()[i] - x.span<double>()[i]) < 1e-14);
  }
}

TEST_CASE_TEMPLATE("rope: the same bits alone, among others, at any strides, threads, in place", T,
                   float, double) {
  const Tensor x = test::normals4<T>(2, 3, 700, 24, 1);
  for (const RopeLayout layout : {RopeLayout::half_split, RopeLayout::interleaved}) {
    const Rope o{.width = 22, .layout = layout, .first = 10};
    const Tensor all = rope(x, o);
    for (Index r : {0, 1, 63, 64, 255, 699}) {
      const Tensor one =
          rope(x.slice(2, r, r + 1), {.width = 22, .layout = layout, .first = 10 + r});
      const Tensor want = all.slice(2, r, r + 1).contiguous();
      CHECK(std::equal(one.span<T>().begin(), one.span<T>().end(), want.span<T>().begin()));
    }
    const auto same = [&](const Tensor& got) {
      return std::equal(got.span<T>().begin(), got.span<T>().end(), all.span<T>().begin());
    };
    CHECK(same(rope(x.transpose(1, 2).contiguous().transpose(1, 2), o)));
    CHECK(same(rope(x.transpose(1, 3).contiguous().transpose(1, 3), o)));
    CHECK(same(rope(x.reshape({2, 3, 1, 700, 24}), o)));
    CHECK(same(rope(x.reshape({6, 700, 24}), o)));
    Tensor there = x.clone();
    rope<T>(there.view<T, 4>(), there.view<T, 4>(), o);
    CHECK(same(there));
    test::check_threads([&] {
      const Tensor out = rope(x, o);
      return std::vector<T>(out.span<T>().begin(), out.span<T>().end());
    });
  }
}

TEST_CASE("rope: nothing turns nothing; what makes no sense is reported") {
  CHECK(rope(Tensor::zeros({2, 0, 8})).size() == 0);
  CHECK(rope(Tensor::zeros({2, 3, 0, 2, 1, 8})).size() == 0);
  const Tensor x = Tensor::zeros({2, 3, 5, 7});
  CHECK_THROWS_WITH_AS(rope(x), doctest::Contains("an even number of elements"), ShapeError);
  CHECK_THROWS_AS(rope(x, {.width = 8}), ShapeError);
  CHECK_THROWS_AS(rope(x, {.width = -2}), ShapeError);
  CHECK_THROWS_WITH_AS(rope(x, {.width = 6, .frequencies = {1, 2}}),
                       doctest::Contains("one frequency a pair"), Error);
  CHECK_THROWS_AS(rope(x, {.width = 6, .scale = 0}), Error);
  CHECK_THROWS_AS(rope(x, {.width = 6}, Tensor::zeros({5})), TypeError);
  CHECK_THROWS_AS(rope(x, {.width = 6}, Tensor::zeros({4}, DType::i32)), ShapeError);
  CHECK_THROWS_AS(rope(x, {.width = 6}, Tensor::zeros({3, 5}, DType::i32)), ShapeError);
  CHECK_THROWS_AS(rope(Tensor::zeros({4})), ShapeError);
  CHECK_THROWS_AS(rope(x.to(DType::i32), {.width = 6}), TypeError);
}
