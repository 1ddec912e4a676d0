#include <cfm/tensor/tensor.hpp>

#include <thread>
#include <vector>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("tensor: what Tensor() is") {
  const Tensor t;
  CHECK_FALSE(t.defined());
  CHECK(t.dtype() == DType::f32);
  CHECK(t.shape() == Shape{0});
  CHECK(t.size() == 0);
  CHECK(t.is_contiguous());
  CHECK(t.clone().size() == 0);
  CHECK(t.to(DType::i8).dtype() == DType::i8);
}

TEST_CASE("tensor: memory starts at a multiple of 64") {
  for (Index n : {0, 1, 7, 16, 1000})
    CHECK(reinterpret_cast<std::uintptr_t>(Tensor::empty({n}).bytes()) % 64 == 0);
}

TEST_CASE("tensor: copies share, clones do not") {
  Tensor a = Tensor::of<float>({1, 2, 3});
  Tensor b = a;
  const Tensor c = a.clone();
  b.data<float>()[0] = 9;
  CHECK(a.span<float>()[0] == 9);
  CHECK(std::as_const(c).span<float>()[0] == 1);
  CHECK(a.storage() == b.storage());
  CHECK_FALSE(a.storage() == c.storage());
}

TEST_CASE("tensor: element access checks type, rank, count and density") {
  const Tensor t = Tensor::zeros({2, 3});
  CHECK_THROWS_AS(t.data<double>(), TypeError);
  CHECK_THROWS_AS((t.view<float, 1>()), ShapeError);
  CHECK_THROWS_AS((t.view<Index, 2>()), TypeError);
  CHECK_THROWS_AS(t.item<float>(), ShapeError);
  CHECK_THROWS_AS(t.transpose(0, 1).span<float>(), ShapeError);
  CHECK(Tensor::scalar(4.5).item<double>() == 4.5);
  CHECK(Tensor::zeros({1, 1, 1}).item<float>() == 0);
  CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2, 3}, {2, 2}), ShapeError);
  try {
    t.data<double>();
  } catch (const TypeError& e) {
    CHECK(std::string(e.what()).starts_with("tensor: wanted elements of another type: f64, f32"));
  }
}

TEST_CASE("tensor: a write access bumps the version of all that share, reading does not") {
  Tensor a = Tensor::zeros({4});
  Tensor b = a.slice(0, 1, 3);
  const auto version = a.storage().version();
  std::as_const(a).data<float>();
  std::as_const(b).span<float>();
  CHECK(a.storage().version() == version);
  b.data<float>();
  CHECK(a.storage().version() == version + 1);
  a.fill(2);
  CHECK(b.storage().version() == version + 2);
  a.copy_from(Tensor::ones({4}));
  CHECK(b.storage().version() == version + 3);
}

TEST_CASE("tensor: read-only foreign memory is copied before the first write") {
  float memory[4] = {1, 2, 3, 4};
  int released = 0;
  {
    Tensor t(Storage::foreign(
                 memory, sizeof memory, [&] { ++released; }, false),
             DType::f32, {4}, {1});
    CHECK(std::as_const(t).data<float>() == memory);
    const Tensor other = t;
    t.fill(7);
    CHECK(memory[0] == 1);
    CHECK(std::as_const(t).data<float>() != memory);
    CHECK(std::as_const(t).span<float>()[3] == 7);
    CHECK(other.data<float>() == memory);  // who did not write still reads the original
    CHECK(released == 0);
  }
  CHECK(released == 1);
}

TEST_CASE("tensor: writable foreign memory is written in place") {
  float memory[4] = {1, 2, 3, 4};
  Tensor t(Storage::foreign(memory, sizeof memory, {}), DType::f32, {2, 2}, {2, 1});
  t.fill(5);
  CHECK(memory[3] == 5);
}

TEST_CASE("tensor: a tensor over storage stays inside it") {
  const Tensor base = arange(12);
  const Storage& s = base.storage();  // 96 bytes
  CHECK(Tensor(s, DType::i64, {3, 4}, {4, 1}).size() == 12);
  CHECK(Tensor(s, DType::i64, {12}, {-1}, 88).select(0, 0).item<Index>() == 11);
  CHECK(Tensor(s, DType::i64, {5}, {0}, 8).select(0, 4).item<Index>() == 1);
  CHECK(Tensor(s, DType::i64, {0}, {1}, 1000).size() == 0);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {13}, {1}), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {3, 4}, {5, 1}), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {12}, {-1}, 80), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {12}, {1}, 8), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {1}, {1}, -8), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {2}, {INT64_MIN}), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {3}, {INT64_MAX}), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {2, 2}, {1}), ShapeError);
  CHECK_THROWS_AS(Tensor(s, DType::i64, {1}, {1}, 4), TypeError);  // not aligned
  CHECK(Tensor(s, DType::i32, {1}, {1}, 4).item<std::int32_t>() == 0);
}

TEST_CASE(
    "tensor: select, transpose, permute, squeeze, unsqueeze, expand look at the same memory") {
  const Tensor t = arange(24).reshape({2, 3, 4});
  const auto at = [&](Index i, Index j, Index k) { return 12 * i + 4 * j + k; };
  const auto p = t.permute({2, 0, 1}).view<Index, 3>();
  for (Index i = 0; i < 2; ++i)
    for (Index j = 0; j < 3; ++j)
      for (Index k = 0; k < 4; ++k) {
        CHECK(t.select(1, j).view<Index, 2>()(i, k) == at(i, j, k));
        CHECK(t.transpose(0, -1).view<Index, 3>()(k, j, i) == at(i, j, k));
        CHECK(p(k, i, j) == at(i, j, k));
      }
  CHECK(t.permute({-1, 0, 1}).storage() == t.storage());
  CHECK(t.unsqueeze(0).shape() == Shape{1, 2, 3, 4});
  CHECK(t.unsqueeze(-1).shape() == Shape{2, 3, 4, 1});
  CHECK(all_equal(t.unsqueeze(1).squeeze(1), t));
  CHECK(t.select(0, -1).select(0, 0).select(0, 0).item<Index>() == 12);
  const Tensor e = arange(3).reshape({3, 1}).expand({2, 3, 4});
  CHECK(e.view<Index, 3>()(1, 2, 3) == 2);
  CHECK(e.strides() == Strides{0, 1, 0});
  CHECK(Tensor::scalar(3.0f).expand({2, 2}).clone().span<float>()[3] == 3);
}

TEST_CASE("tensor: views of what is not there are refused by name") {
  const Tensor t = Tensor::zeros({2, 3});
  CHECK_THROWS_AS(t.select(2, 0), ShapeError);
  CHECK_THROWS_AS(t.select(0, 2), ShapeError);
  CHECK_THROWS_AS(t.select(0, -3), ShapeError);
  CHECK_THROWS_AS(Tensor::scalar(1.f).select(0, 0), ShapeError);
  CHECK_THROWS_AS(t.slice(0, 0, 1, 0), Error);
  CHECK_THROWS_AS(t.slice(0, 0, 1, -1), Error);
  CHECK_THROWS_AS(t.permute({0, 0}), ShapeError);
  CHECK_THROWS_AS(t.permute({0}), ShapeError);
  CHECK_THROWS_AS(t.permute({0, 2}), ShapeError);
  CHECK_THROWS_AS(t.squeeze(0), ShapeError);
  CHECK_THROWS_AS(t.expand({3}), ShapeError);
  CHECK_THROWS_AS(t.expand({4, 3}), ShapeError);
  CHECK_THROWS_AS(t.reshape({4, 2}), ShapeError);
  CHECK_THROWS_AS(t.reshape({-1, -1}), ShapeError);
  CHECK_THROWS_AS(t.reshape({-1, 4}), ShapeError);
  CHECK_THROWS_AS(Tensor::zeros({0, 2}).reshape({-1, 0}), ShapeError);
  CHECK_THROWS_AS(t.transpose(0, 2), ShapeError);
  CHECK_THROWS_AS(t.size(2), ShapeError);
}

TEST_CASE("tensor: reshape shares dense memory and copies the rest") {
  const Tensor t = arange(12);
  CHECK(t.reshape({3, -1}).shape() == Shape{3, 4});
  CHECK(t.reshape({3, 4}).storage() == t.storage());
  const Tensor turned = t.reshape({3, 4}).transpose(0, 1);
  CHECK_FALSE(turned.is_contiguous());
  const Tensor flat = turned.reshape({-1});
  CHECK_FALSE(flat.storage() == t.storage());
  CHECK(flat.span<Index>()[1] == 4);
  CHECK(Tensor::zeros({0, 3}).reshape({3, -1}).shape() == Shape{3, 0});
  CHECK(Tensor::scalar(1.f).reshape({1, 1}).rank() == 2);
  CHECK(Tensor::zeros({1, 1}).reshape({}).rank() == 0);
}

TEST_CASE("tensor: zero sizes and rank 0 go through everything") {
  for (const Shape& shape : {Shape{0}, Shape{2, 0, 3}, Shape{0, 0}}) {
    CAPTURE(concat(shape));
    Tensor t = Tensor::full(shape, 3);
    CHECK(t.is_contiguous());
    t.fill(1);
    t.copy_from(Tensor::ones(shape));
    CHECK(t.clone().shape() == shape);
    CHECK(t.to(DType::f64).shape() == shape);
    CHECK(t.span<float>().empty());
    CHECK(t.transpose(0, -1).contiguous().size() == 0);
  }
  Tensor s = Tensor::scalar(2.0f);
  s.fill(5);
  CHECK(s.clone().item<float>() == 5);
  CHECK(s.to(DType::i32).item<std::int32_t>() == 5);
  CHECK(s.transpose(0, 0).item<float>() == 5);
  CHECK(s.unsqueeze(0).shape() == Shape{1});
  CHECK((s.view<float, 0>()() == 5));
}

TEST_CASE("tensor: copy_from broadcasts, converts, and reads what it overwrites first") {
  Tensor t = Tensor::zeros({2, 3});
  t.copy_from(Tensor::of<std::int32_t>({1, 2, 3}));
  CHECK(t.view<float, 2>()(1, 2) == 3);
  Tensor line = arange(6);
  line.slice(0, 1, 6).copy_from(line.slice(0, 0, 5));  // overlapping
  CHECK(all_equal(line, Tensor::of<Index>({0, 0, 1, 2, 3, 4})));
  CHECK_THROWS_AS(t.copy_from(Tensor::zeros({4})), ShapeError);
}

TEST_CASE("tensor: write access reaches a part of shared memory alone") {
  const Tensor t = Tensor::zeros({4, 4});
  t.slice(0, 1, 3).slice(1, 0, 4, 2).fill(1);
  double sum = 0;
  for (float v : t.span<float>()) sum += v;
  CHECK(sum == 4);
  CHECK(t.view<float, 2>()(1, 0) == 1);
  CHECK(t.view<float, 2>()(1, 1) == 0);
}

TEST_CASE("tensor: copies may be made and dropped on several threads") {
  const Tensor shared = arange(1000);
  std::vector<std::thread> threads;
  std::atomic<Index> total{0};
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const Tensor mine = shared.slice(0, i % 10, 1000);
        total += mine.data<Index>()[0];
        Tensor fresh = Tensor::zeros({i % 50 + 1});
        fresh.fill(1);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(total == 4 * 200 * 45);
  CHECK(shared.storage().unique());
}
