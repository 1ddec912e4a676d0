#include <cfm/tensor/storage.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("storage: references are counted, the deleter runs once and last") {
  int released = 0;
  char memory[8] = {};
  {
    Storage a = Storage::foreign(memory, sizeof memory, [&] { ++released; });
    CHECK(a.unique());
    {
      const Storage b = a;
      CHECK_FALSE(a.unique());
      CHECK(a == b);
      CHECK(a.identity() == b.identity());
    }
    CHECK(a.unique());
    const Storage c = std::move(a);
    CHECK_FALSE(static_cast<bool>(a));  // NOLINT: moved-from is empty
    CHECK(c.bytes() == 8);
    CHECK(released == 0);
  }
  CHECK(released == 1);
}

TEST_CASE("storage: self-assignment and assignment keep and drop what they should") {
  int first = 0, second = 0;
  char memory[8] = {};
  Storage a = Storage::foreign(memory, 4, [&] { ++first; });
  Storage b = Storage::foreign(memory + 4, 4, [&] { ++second; });
  Storage& same = a;
  a = same;
  CHECK(first == 0);
  a = b;
  CHECK(first == 1);
  a = Storage();
  CHECK(second == 0);
  b = Storage();
  CHECK(second == 1);
}

TEST_CASE("storage: nothing is a storage of no bytes that counts no writes") {
  const Storage none;
  CHECK(none.data() == nullptr);
  CHECK(none.bytes() == 0);
  CHECK(none.writable());
  none.bump_version();
  CHECK(none.version() == 0);
  CHECK_FALSE(none.unique());
}

TEST_CASE("storage: versions count") {
  const Storage s = Storage::allocate(0);
  CHECK(s.data() != nullptr);
  CHECK(s.version() == 0);
  const Storage other = s;
  other.bump_version();
  CHECK(s.version() == 1);
}
