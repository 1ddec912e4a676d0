#include <cfm/kernels/kv_cache.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

// Appends two rows, then three, to caches of unequal lengths; every row must be where it belongs.
template <class T, class Cache>
void check_append(Cache cache, std::vector<Index>& lengths) {
  using C = typename Cache::value_type;
  for (const Index rows : {2, 3}) {
    for (Index& n : lengths) n += rows;
    const Tensor k = test::normals4<T>(2, 3, rows, 5, static_cast<std::uint64_t>(rows)),
                 v = test::normals4<T>(2, rows, 3, 4, static_cast<std::uint64_t>(rows) + 9);
    const Tensor turned = v.transpose(1, 2);
    kv_append<T>(cache, k.view<T, 4>(), turned.view<T, 4>());
    for (Index s = 0; s < 2; ++s)
      for (Index h = 0; h < 3; ++h)
        for (Index r = 0; r < rows; ++r) {
          const Index position = lengths[static_cast<std::size_t>(s)] - rows + r;
          for (Index e = 0; e < 5; ++e)
            CHECK(
                static_cast<float>(cache.key(s, h, position)[e]) ==
                static_cast<float>(static_cast<C>(static_cast<float>(k.view<T, 4>()(s, h, r, e)))));
          for (Index e = 0; e < 4; ++e)
            CHECK(static_cast<float>(cache.value(s, h, position)[e]) ==
                  static_cast<float>(
                      static_cast<C>(static_cast<float>(turned.view<T, 4>()(s, h, r, e)))));
        }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("kv cache: rows stand where they were appended", C, float, bf16, f16) {
  std::vector<Index> lengths{0, 4};
  Tensor k = Tensor::zeros({2, 3, 9, 5}, dtype_of<C>), v = Tensor::zeros({2, 3, 9, 4}, dtype_of<C>);
  const KvCacheView<C> cache{k.view<C, 4>(), v.view<C, 4>(), lengths};
  check_append<float>(cache, lengths);
  CHECK(cache.capacity() == 9);
  CHECK(cache.run(1, 2, 3, 8).rows == 5);
  CHECK(cache.run(1, 2, 3, 8).k == cache.key(1, 2, 3));
  CHECK(cache.run(1, 2, 3, 8).v_row == 4);

  std::vector<Index> paged_lengths{0, 4};
  Tensor pages_k = Tensor::zeros({7, 3, 4, 5}, dtype_of<C>),
         pages_v = Tensor::zeros({7, 3, 4, 4}, dtype_of<C>);
  const Tensor table = Tensor::of<std::int32_t>({6, 2, -1, 0, 5, 3}).reshape({2, 3});
  const PagedKvCacheView<C> paged{pages_k.view<C, 4>(), pages_v.view<C, 4>(),
                                  table.view<std::int32_t, 2>(), paged_lengths};
  check_append<float>(paged, paged_lengths);
  CHECK(paged.capacity() == 12);
  CHECK(paged.run(1, 2, 3, 9).rows == 1);
  CHECK(paged.run(1, 2, 4, 9).rows == 4);
  CHECK(paged.run(1, 2, 5, 6).rows == 1);
  CHECK(paged.run(1, 2, 5, 9).k == &pages_k.view<C, 4>()(5, 2, 1, 0));
}

TEST_CASE("kv cache: what does not fit is reported and nothing is written") {
  std::vector<Index> lengths{2, 9};
  Tensor k = Tensor::zeros({2, 3, 9, 5}), v = Tensor::zeros({2, 3, 9, 4});
  const KvCacheView<float> cache{k.view<float, 4>(), v.view<float, 4>(), lengths};
  const Tensor rows = Tensor::ones({2, 3, 3, 5}), values = Tensor::ones({2, 3, 3, 4});
  const auto append = [&](const auto& to, const Tensor& a, const Tensor& b) {
    kv_append<float>(to, a.view<float, 4>(), b.view<float, 4>());
  };
  CHECK_THROWS_WITH_AS(append(cache, rows, values), doctest::Contains("count the new rows"), Error);
  lengths = {3, 10};
  CHECK_THROWS_WITH_AS(append(cache, rows, values), doctest::Contains("outside the cache"), Error);
  lengths = {-1, 9};
  CHECK_THROWS_AS(append(cache, rows, values), Error);
  lengths = {9, 9};
  CHECK_THROWS_AS(append(cache, values, values), ShapeError);
  CHECK_THROWS_AS(append(cache, rows, rows), ShapeError);
  CHECK_THROWS_AS(append(cache, rows.slice(0, 0, 1), values), ShapeError);
  const Index one[] = {3};
  CHECK_THROWS_AS(append(KvCacheView<float>{cache.k, cache.v, one}, rows, values), Error);
  for (float x : std::as_const(k).span<float>()) CHECK(x == 0.0f);

  const Tensor table = Tensor::of<std::int32_t>({0, 2, 1, -1}).reshape({2, 2});
  lengths = {9, 9};
  const auto paged = [&] {
    return PagedKvCacheView<float>{k.view<float, 4>(), v.view<float, 4>(),
                                   table.view<std::int32_t, 2>(), lengths};
  };
  CHECK_NOTHROW(append(paged(), rows, values));
  lengths = {10, 9};
  CHECK_THROWS_WITH_AS(append(paged(), rows, values), doctest::Contains("does not exist"), Error);
  lengths = {9, 10};
  CHECK_THROWS_WITH_AS(append(paged(), rows, values), doctest::Contains("does not exist"), Error);
  lengths = {9, 19};
  CHECK_THROWS_WITH_AS(append(paged(), rows, values), doctest::Contains("outside the cache"),
                       Error);
}
