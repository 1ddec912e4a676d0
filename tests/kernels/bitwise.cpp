#include <cfm/kernels/bitwise.hpp>

#include <limits>

#include "../test.hpp"

using namespace cfm;

namespace {

constexpr DType bit_types[] = {DType::i8, DType::i16, DType::i32, DType::i64,
                               DType::u8, DType::u16, DType::u32, DType::u64};

// f on every pair of a few values of each type, against g on C++ integers of it.
template <class F, class G>
void check_bits(const F& f, const G& g) {
  for (DType dtype : bit_types)
    visit_integer(dtype, [&]<class T>(std::type_identity<T>) {
      const std::vector<T> values{T{0},
                                  T{1},
                                  T{5},
                                  static_cast<T>(-3),
                                  T{100},
                                  std::numeric_limits<T>::min(),
                                  std::numeric_limits<T>::max()};
      const auto n = static_cast<Index>(values.size());
      const Tensor x = Tensor::from(values, {n});
      const Tensor out = f(x.reshape({n, 1}), x);
      CHECK(out.dtype() == dtype);
      CHECK(out.shape() == Shape{n, n});
      for (std::size_t i = 0; i < values.size(); ++i)
        for (std::size_t j = 0; j < values.size(); ++j)
          CHECK(out.span<T>()[i * values.size() + j] == static_cast<T>(g(values[i], values[j])));
      return 0;
    });
}

}  // namespace

TEST_CASE("bitwise: and, or, xor of every type, with broadcasting") {
  check_bits(bitwise_and, [](auto a, auto b) { return a & b; });
  check_bits(bitwise_or, [](auto a, auto b) { return a | b; });
  check_bits(bitwise_xor, [](auto a, auto b) { return a ^ b; });
}

TEST_CASE("bitwise: not turns every bit, twice gives the same") {
  for (DType dtype : bit_types) {
    const Tensor x = Tensor::of<double>({0, 1, 77, 126}).to(dtype);
    const Tensor y = bitwise_not(x);
    CHECK(y.to(DType::f64).contiguous().span<double>()[1] !=
          x.to(DType::f64).contiguous().span<double>()[1]);
    const Tensor zero = bitwise_and(x, y), same = bitwise_not(y);
    for (Index i = 0; i < 4; ++i) {
      CHECK(zero.to(DType::i64).data<std::int64_t>()[i] == 0);
      CHECK(same.to(DType::i64).data<std::int64_t>()[i] ==
            x.to(DType::i64).data<std::int64_t>()[i]);
    }
  }
}

TEST_CASE("bitwise: shifts, also by more than there are bits") {
  const Tensor a = Tensor::of<std::int8_t>({1, 100, -100, -1, 64});
  const auto left = shift_left(a, Tensor::of<std::int8_t>({7, 1, 1, 8, -1}));
  const auto right = shift_right(a, Tensor::of<std::int8_t>({1, 2, 2, 100, -1}));
  const std::int8_t want_left[] = {-128, -56, 56, 0, 0}, want_right[] = {0, 25, -25, -1, 0};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(left.span<std::int8_t>()[i] == want_left[i]);
    CHECK(right.span<std::int8_t>()[i] == want_right[i]);
  }
  const Tensor wide = Tensor::of<std::uint64_t>({~std::uint64_t{0}});
  CHECK(shift_left(wide, Tensor::of<std::uint64_t>({63})).item<std::uint64_t>() == std::uint64_t{1}
                                                                                       << 63);
  CHECK(shift_right(wide, Tensor::of<std::uint64_t>({63})).item<std::uint64_t>() == 1);
  CHECK(shift_right(wide, Tensor::of<std::uint64_t>({64})).item<std::uint64_t>() == 0);
}

TEST_CASE("bitwise: integers of one type only") {
  CHECK_THROWS_AS(bitwise_and(Tensor::ones({1}), Tensor::ones({1})), TypeError);
  CHECK_THROWS_AS(bitwise_not(Tensor::ones({1}, DType::boolean)), TypeError);
  CHECK_THROWS_AS(bitwise_or(Tensor::ones({1}, DType::i8), Tensor::ones({1}, DType::u8)),
                  TypeError);
  CHECK_THROWS_AS(shift_right(Tensor::ones({2}, DType::i8), Tensor::ones({3}, DType::i8)),
                  ShapeError);
  CHECK_THROWS_AS(shift_right(Tensor::ones({1}), Tensor::ones({1})), TypeError);
}
