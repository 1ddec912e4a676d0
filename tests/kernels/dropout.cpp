#include <cfm/kernels/dropout.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

template <class T>
std::vector<T> by_definition(const std::vector<T>& x, double p, const Rng& rng) {
  std::vector<T> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double draw = (rng.bits_at(i / 8)[i % 8 / 2] >> (i % 2 * 16) & 0xFFFF) * 0x1p-16;
    out[i] = draw < p ? T{0} : x[i] * static_cast<T>(1 / (1 - p));
  }
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("dropout: the definition, for lengths, alignments and streams", T, float, double) {
  for (Index n : {0, 1, 3, 4, 7, 31, 32, 33, 100, 1023, 1025, 9000})
    for (double p : {0.0, 0.1, 0.5, 0.99}) {
      const Rng rng(0x123456789ABCDEFull, static_cast<std::uint64_t>(n) << 33 | 5);
      const auto x = test::normals<T>(n, 1);
      const auto want = by_definition(x, p, rng);
      for (Index offset : {0, 1, 3}) {
        test::Guarded<T> out(n, offset);
        dropout<T>(vector_view(x.data(), n), vector_view(out.data(), n), p, rng);
        CHECK(out.intact());
        CHECK(test::same_bits(out.values(), want));
        out.fill(x);
        dropout<T>(vector_view(out.data(), n), vector_view(out.data(), n), p, rng);
        CHECK(test::same_bits(out.values(), want));
      }
    }
}

TEST_CASE("dropout: shares, any threads, errors") {
  const Tensor x = Tensor::ones({400, 500});
  const Tensor y = dropout(x, 0.25, Rng(3));
  const auto zeros = std::count(y.span<float>().begin(), y.span<float>().end(), 0.0f);
  CHECK(static_cast<double>(zeros) / 200000 == doctest::Approx(0.25).epsilon(0.02));  // 5 sigma
  CHECK(dropout(x, 1, Rng(3)).span<float>()[17] == 0);
  const Tensor turned = dropout(x.transpose(0, 1), 0.25, Rng(3));
  CHECK(std::equal(y.span<float>().begin(), y.span<float>().end(), turned.span<float>().begin()));
  test::check_threads([&] {
    const Tensor z = dropout(x, 0.25, Rng(4));
    return std::vector<float>(z.span<float>().begin(), z.span<float>().end());
  });
  CHECK_THROWS_WITH_AS(dropout(x, 1.5, Rng(3)), doctest::Contains("dropout: the probability"),
                       Error);
  CHECK_THROWS_AS(dropout(x.to(DType::i32), 0.5, Rng(3)), TypeError);
}

TEST_CASE("dropout: outputs written past the cache have the same bits") {
  const Index n = (Index{1} << 23) + 5;  // 32 MiB and a tail
  const Tensor x = Tensor::ones({n});
  const Tensor far = dropout(x, 0.3, Rng(9));
  Tensor near = Tensor::ones({n});
  dropout<float>(vector_view(std::as_const(near).data<float>(), n),
                 vector_view(near.data<float>(), n), 0.3, Rng(9));
  CHECK(std::equal(far.span<float>().begin(), far.span<float>().end(),
                   near.span<float>().begin()));
}
