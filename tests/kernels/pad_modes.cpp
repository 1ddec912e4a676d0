#include <cfm/kernels/pad_modes.hpp>

#include <limits>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

std::vector<std::int64_t> padded_line(Index n, Index before, Index after, PadMode mode) {
  const Tensor out = pad(arange(n), {before}, {after}, mode);
  const auto s = out.span<std::int64_t>();
  return {s.begin(), s.end()};
}
using Line = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("pad_modes: a line continued in three ways, also for more than a round") {
  CHECK(padded_line(3, 2, 2, PadMode::edge) == Line{0, 0, 0, 1, 2, 2, 2});
  CHECK(padded_line(3, 2, 2, PadMode::reflect) == Line{2, 1, 0, 1, 2, 1, 0});
  CHECK(padded_line(3, 2, 2, PadMode::wrap) == Line{1, 2, 0, 1, 2, 0, 1});
  CHECK(padded_line(3, 5, 0, PadMode::reflect) == Line{1, 0, 1, 2, 1, 0, 1, 2});
  CHECK(padded_line(2, 0, 5, PadMode::wrap) == Line{0, 1, 0, 1, 0, 1, 0});
  CHECK(padded_line(1, 2, 1, PadMode::reflect) == Line{0, 0, 0, 0});
  CHECK(padded_line(4, -1, -2, PadMode::edge) == Line{1});
  CHECK(padded_line(4, -2, 1, PadMode::wrap) == Line{2, 3, 0});
}

TEST_CASE("pad_modes: dimensions are independent, any type and strides") {
  const Tensor x = arange(12).reshape({3, 4}).to(DType::bf16);
  for (PadMode mode : {PadMode::edge, PadMode::reflect, PadMode::wrap}) {
    const Tensor both = pad(x, {1, 2}, {2, 0}, mode);
    CHECK(both.shape() == Shape{6, 6});
    CHECK(all_equal(both, pad(pad(x, {0, 2}, {0, 0}, mode), {1, 0}, {2, 0}, mode)));
    CHECK(all_equal(pad(x.transpose(0, 1), {2, 1}, {0, 2}, mode), both.transpose(0, 1)));
    CHECK(all_equal(both.slice(0, 1, 4).slice(1, 2, 6), x));
  }
}

TEST_CASE("pad_modes: what it refuses") {
  CHECK_THROWS_AS(pad(Tensor::ones({2}), {0, 0}, {0, 0}, PadMode::edge), ShapeError);
  CHECK_THROWS_AS(pad(Tensor::ones({2}), {-2}, {-1}, PadMode::edge), ShapeError);
  CHECK_THROWS_AS(pad(Tensor::ones({0}), {1}, {0}, PadMode::wrap), ShapeError);
  CHECK(pad(Tensor::ones({0}), {0}, {0}, PadMode::wrap).shape() == Shape{0});
  const Index huge = std::numeric_limits<Index>::max();
  CHECK_THROWS_AS(pad(Tensor::ones({2}), {huge}, {huge}, PadMode::edge), ShapeError);
  CHECK_THROWS_AS(pad(Tensor::ones({2}), {huge}, {0}, PadMode::edge), ShapeError);
  CHECK_THROWS_AS(pad(Tensor::ones({2}), {-huge - 1}, {huge}, PadMode::wrap), ShapeError);
}
