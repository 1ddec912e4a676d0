#include <cfm/exec/scratch.hpp>

#include <cstdint>
#include <utility>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("scratch: aligned, counted by the pool, given back at the end of the scope") {
  const Index before = BufferPool::instance().usage().current;
  {
    Scratch<float> a(1000);
    CHECK(a.size() == 1000);
    CHECK(a.span().size() == 1000);
    CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
    a[0] = 1;
    a[999] = 2;
    CHECK(BufferPool::instance().usage().current >= before + 4000);
    Scratch<float> b = std::move(a);
    CHECK(a.data() == nullptr);  // NOLINT: moved-from is empty
    CHECK(b[999] == 2);
    b = Scratch<float>(10);
    CHECK(b.size() == 10);
  }
  CHECK(BufferPool::instance().usage().current == before);
}

TEST_CASE("scratch: nothing, and too much") {
  CHECK(Scratch<int>(0).data() == nullptr);
  CHECK(Scratch<int>().size() == 0);
  CHECK_THROWS_AS(Scratch<double>(-1), Error);
  CHECK_THROWS_AS(Scratch<double>(INT64_MAX), Error);
}
