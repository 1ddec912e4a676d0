#include <cfm/tensor/dlpack.hpp>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/slice.hpp>

#include "../test.hpp"

using namespace cfm;
namespace dl = cfm::detail::dlpack;

namespace {

// A producer of our own, as another library would be.
struct Producer {
  float memory[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  std::int64_t shape[9] = {3, 4};
  std::int64_t strides[9] = {4, 1};
  int deleted = 0;
  dl::Managed managed{};

  Producer() {
    managed.array = {memory, {dl::cpu, 0}, 2, {2, 32, 1}, shape, strides, 0};
    managed.context = this;
    managed.deleter = [](dl::Managed* self) { ++static_cast<Producer*>(self->context)->deleted; };
  }
};

}  // namespace

TEST_CASE("dlpack: there and back shares the elements, for every type") {
  for (int i = 0; i <= static_cast<int>(DType::u64); ++i) {
    const Tensor t = arange(6).reshape({2, 3}).to(static_cast<DType>(i));
    const Tensor back = from_dlpack(to_dlpack(t)),
                 versioned = from_dlpack_versioned(to_dlpack_versioned(t));
    CAPTURE(concat(t));
    CHECK(back.dtype() == t.dtype());
    CHECK(back.bytes() == t.bytes());
    CHECK(all_equal(back, t));
    CHECK(all_equal(versioned, t));
  }
  const Tensor turned = slice(arange(12).reshape({3, 4}), {Slice{.step = -1}, Slice{.step = 2}});
  CHECK(all_equal(from_dlpack(to_dlpack(turned)), turned));
  CHECK(from_dlpack(to_dlpack(Tensor::scalar(3.f))).item<float>() == 3);
  CHECK(from_dlpack(to_dlpack(Tensor::zeros({2, 0}))).shape() == Shape{2, 0});
}

TEST_CASE("dlpack: the exported struct keeps the elements alive until its deleter runs") {
  void* exported = nullptr;
  {
    const Tensor t = Tensor::of<float>({1, 2, 3});
    exported = to_dlpack(t);
    CHECK_FALSE(t.storage().unique());
  }
  auto* m = static_cast<dl::Managed*>(exported);
  CHECK(m->array.rank == 1);
  CHECK(m->array.shape[0] == 3);
  CHECK(m->array.strides[0] == 1);
  CHECK(static_cast<float*>(m->array.data)[2] == 3);
  CHECK(m->array.type.code == 2);
  CHECK(m->array.device.type == 1);
  m->deleter(m);  // the leak checker of the sanitizer build sees whether that was all
}

TEST_CASE("dlpack: an import is dropped once, with the last tensor") {
  Producer p;
  {
    Tensor kept;
    {
      const Tensor t = from_dlpack(&p.managed);
      CHECK(t.shape() == Shape{3, 4});
      CHECK(t.data<float>() == p.memory);
      kept = t.select(0, 1);
    }
    CHECK(p.deleted == 0);
    kept.fill(-1);
    CHECK(p.memory[4] == -1);
  }
  CHECK(p.deleted == 1);
}

TEST_CASE("dlpack: offsets, missing strides, negative strides, missing deleter") {
  Producer p;
  p.managed.array.byte_offset = 16;
  p.managed.array.strides = nullptr;
  p.shape[0] = 2;
  CHECK(from_dlpack(&p.managed).select(0, 0).select(0, 0).item<float>() == 4);
  p.managed.array.strides = p.strides;
  p.managed.array.byte_offset = 32;
  p.strides[0] = -4;
  p.managed.deleter = nullptr;
  const Tensor t = from_dlpack(&p.managed);
  CHECK(t.view<float, 2>()(1, 3) == 7);
}

TEST_CASE("dlpack: read-only memory is copied before a write, or not exported") {
  Producer p;
  dl::ManagedVersioned m{{1, 0}, nullptr, nullptr, dl::read_only, p.managed.array};
  Tensor t = from_dlpack_versioned(&m);
  const Tensor original = t;
  CHECK_THROWS_AS(to_dlpack(t), UnsupportedError);
  auto* exported = static_cast<dl::ManagedVersioned*>(to_dlpack_versioned(t));
  CHECK(exported->flags == dl::read_only);
  CHECK(exported->version.major == 1);
  exported->deleter(exported);
  t.fill(9);
  CHECK(p.memory[0] == 0);
  CHECK(original.data<float>() == p.memory);
  m.version.major = 2;
  CHECK_THROWS_WITH_AS(from_dlpack_versioned(&m), "from_dlpack: version 1 is read, got 2.0",
                       UnsupportedError);
}

TEST_CASE("dlpack: a hostile struct is refused and stays with the caller") {
  const auto refused = [](auto&& change) {
    Producer p;
    change(p);
    CHECK_THROWS_AS(from_dlpack(&p.managed), Error);
    CHECK(p.deleted == 0);
  };
  CHECK_THROWS_AS(from_dlpack(nullptr), Error);
  refused([](Producer& p) { p.managed.array.device.type = 2; });
  refused([](Producer& p) { p.managed.array.rank = -1; });
  refused([](Producer& p) { p.managed.array.rank = 9; });
  refused([](Producer& p) { p.managed.array.shape = nullptr; });
  refused([](Producer& p) { p.managed.array.data = nullptr; });
  refused([](Producer& p) { p.managed.array.type.lanes = 4; });
  refused([](Producer& p) { p.managed.array.type.lanes = 0; });
  refused([](Producer& p) { p.managed.array.type.bits = 128; });
  refused([](Producer& p) { p.managed.array.type.code = 5; });
  refused([](Producer& p) { p.managed.array.byte_offset = 2; });
  refused([](Producer& p) { p.managed.array.byte_offset = ~std::uint64_t{0}; });
  refused([](Producer& p) { p.shape[0] = -1; });
  refused([](Producer& p) { p.shape[0] = p.shape[1] = std::int64_t{1} << 40; });
  refused([](Producer& p) { p.strides[0] = INT64_MAX; });
  refused([](Producer& p) { p.strides[1] = INT64_MIN; });
  refused([](Producer& p) { p.strides[0] = p.strides[1] = std::int64_t{1} << 58; });
}
