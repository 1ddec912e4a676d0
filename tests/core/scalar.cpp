#include <cfm/core/scalar.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/json.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// A reference on its own legs: the code whose value is nearest, found by looking at all of them.
template <class T, class Bits>
Bits nearest_code(double value) {
  Bits best = 0;
  double distance = INFINITY;
  constexpr unsigned codes = 1u << (8 * sizeof(Bits));
  for (unsigned c = 0; c < codes; ++c) {
    const double v = static_cast<float>(T::from_bits(static_cast<Bits>(c)));
    if (!std::isfinite(v)) continue;
    const double d = std::fabs(v - value);
    if (d < distance || (d == distance && (c & 1) == 0)) {
      best = static_cast<Bits>(c);
      distance = d;
    }
  }
  return best;
}

template <class T>
void every_code_round_trips() {
  using Bits = decltype(T::bits);
  for (unsigned c = 0; c < 1u << (8 * sizeof(Bits)); ++c) {
    const auto number = T::from_bits(static_cast<Bits>(c));
    const float value = number;
    const T back(value);
    if (std::isnan(value)) {
      if (!std::isnan(static_cast<float>(back))) FAIL_CHECK("NaN lost at code " << c);
    } else if (back.bits != number.bits) {
      FAIL_CHECK("code " << c << " became " << back.bits);
    }
  }
}

// Values between two codes, at the middle and on either side of it.
template <class T>
void rounds_to_nearest_even(double largest) {
  using Bits = decltype(T::bits);
  Rng rng(5);
  for (int i = 0; i < 400; ++i) {
    const double magnitude = std::exp2(rng.uniform(-24, std::log2(largest)));
    const auto value = static_cast<float>(rng.uniform() < 0.5 ? magnitude : -magnitude);
    if (std::fabs(value) > largest) continue;
    CAPTURE(value);
    CHECK(static_cast<float>(T(value)) ==
          static_cast<float>(T::from_bits(nearest_code<T, Bits>(value))));
  }
}

template <class T>
void agrees_with_table(const std::filesystem::path& folder, const char* key) {
  CAPTURE(key);
  const JsonDocument document = read_json(folder / "fp_tables.json");
  const std::vector<std::byte> bytes = read_file(folder / "fp_tables.bin");
  const JsonRef format = document.root()["formats"][key];
  const auto load = [&]<class V>(const char* part, std::type_identity<V>) {
    const auto offset = format[part]["o"].integer<std::size_t>();
    const auto size = format[part]["n"].integer<std::size_t>();
    REQUIRE(offset + size <= bytes.size());
    std::vector<V> out(size / sizeof(V));
    std::memcpy(out.data(), bytes.data() + offset, size);
    return out;
  };
  const auto decode = load("decode", std::type_identity<double>{});
  REQUIRE(decode.size() == 1u << (8 * sizeof(T::bits)));
  for (std::size_t c = 0; c < decode.size(); ++c) {
    const double value = static_cast<float>(T::from_bits(static_cast<decltype(T::bits)>(c)));
    const bool same = std::isnan(decode[c]) ? std::isnan(value)
                                            : std::bit_cast<std::uint64_t>(value) ==
                                                  std::bit_cast<std::uint64_t>(decode[c]);
    if (!same) FAIL_CHECK("code " << c << " is " << value << ", not " << decode[c]);
  }
  const auto x = load("x", std::type_identity<float>{});
  const auto rne = load("rne", std::type_identity<float>{});
  REQUIRE(x.size() == rne.size());
  REQUIRE(x.size() > 900);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float got = T(x[i]);
    if (got != rne[i]) FAIL_CHECK(x[i] << " became " << got << ", not " << rne[i]);
  }
}

}  // namespace

TEST_CASE("small floats: every code goes to float and back") {
  every_code_round_trips<bf16>();
  every_code_round_trips<f16>();
  every_code_round_trips<f8_e4m3fn>();
  every_code_round_trips<f8_e5m2>();
  every_code_round_trips<f8_e4m3fnuz>();
  every_code_round_trips<f8_e5m2fnuz>();
}

TEST_CASE("small floats: nearest, ties to even, as by looking at all codes") {
  rounds_to_nearest_even<f8_e4m3fn>(448);
  rounds_to_nearest_even<f8_e5m2>(57344);
  rounds_to_nearest_even<f8_e4m3fnuz>(240);
  rounds_to_nearest_even<f8_e5m2fnuz>(57344);
}

TEST_CASE("bf16 is the rounded upper half of a float") {
  Rng rng(3);
  for (int i = 0; i < 20000; ++i) {
    const auto bits = static_cast<std::uint32_t>(rng.next());
    const auto value = std::bit_cast<float>(bits);
    if (std::isnan(value)) continue;
    const std::uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    CHECK(bf16(value).bits == rounded);
  }
}

TEST_CASE("small floats: limits, overflow, infinities, NaN and signed zero") {
  CHECK(static_cast<float>(f16(65504.0f)) == 65504.0f);
  CHECK(static_cast<float>(f16(65519.0f)) == 65504.0f);  // below the middle to 65536
  CHECK(std::isinf(static_cast<float>(f16(65520.0f))));
  CHECK(static_cast<float>(f16(-INFINITY)) == -INFINITY);
  CHECK(static_cast<float>(f16(0x1p-24f)) == 0x1p-24f);
  CHECK(f16(0x1p-25f).bits == 0);  // a tie, to the even zero
  CHECK(f16(std::nextafter(0x1p-25f, 1.0f)).bits == 1);
  CHECK(std::isinf(static_cast<float>(bf16(3.4e38f))));
  CHECK(static_cast<float>(f8_e4m3fn(464.0f)) == 448.0f);  // a tie, to the even code
  CHECK(std::isnan(static_cast<float>(f8_e4m3fn(465.0f))));
  CHECK(std::isnan(static_cast<float>(f8_e4m3fn(INFINITY))));
  CHECK(std::isinf(static_cast<float>(f8_e5m2(61440.0f))));
  CHECK(std::isnan(static_cast<float>(f8_e4m3fnuz(INFINITY))));
  CHECK(f8_e4m3fnuz(-0.0f).bits == 0);
  CHECK(f8_e5m2fnuz(-1e-30f).bits == 0);
  CHECK(f8_e4m3fnuz(NAN).bits == 0x80);
  CHECK(f8_e4m3fn(-0.0f).bits == 0x80);
  CHECK(bf16(-0.0f).bits == 0x8000);
  CHECK(std::isnan(static_cast<float>(f16(NAN))));
  // A NaN whose payload sits in the bits that are dropped stays a NaN.
  CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7F800001u)))));
}

TEST_CASE("small floats: decode tables and hard roundings of the golden data") {
  const auto folder = test::data_dir("fp_golden");
  if (!folder) return;
  agrees_with_table<f8_e4m3fn>(*folder, "e4m3fn");
  agrees_with_table<f8_e5m2>(*folder, "e5m2");
  agrees_with_table<f8_e4m3fnuz>(*folder, "e4m3fnuz");
  agrees_with_table<f8_e5m2fnuz>(*folder, "e5m2fnuz");
  agrees_with_table<f16>(*folder, "float16");
}
