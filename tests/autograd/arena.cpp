#include <cfm/autograd/arena.hpp>

#include <cstdint>
#include <cstring>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("arena: pieces are aligned and do not overlap") {
  Arena arena;
  std::vector<std::pair<unsigned char*, std::size_t>> pieces;
  for (std::size_t i = 0; i < 3000; ++i) {
    const std::size_t bytes = 1 + i * 7 % 300, alignment = std::size_t{1} << i % 7;
    auto* const p = static_cast<unsigned char*>(arena.allocate(bytes, alignment));
    REQUIRE(reinterpret_cast<std::uintptr_t>(p) % alignment == 0);
    std::memset(p, static_cast<int>(i % 251), bytes);
    pieces.emplace_back(p, bytes);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i)
    for (std::size_t k = 0; k < pieces[i].second; ++k) REQUIRE(pieces[i].first[k] == i % 251);
}

TEST_CASE("arena: a piece larger than a block has one of its own, and all goes back") {
  const Index before = BufferPool::instance().usage().current;
  {
    Arena arena;
    std::memset(arena.allocate(1 << 20, 64), 1, 1 << 20);
    std::memset(arena.allocate(8, 8), 1, 8);
    CHECK(BufferPool::instance().usage().current >= before + (1 << 20));
    arena.clear();
    CHECK(BufferPool::instance().usage().current == before);
    arena.allocate(8, 8);
  }
  CHECK(BufferPool::instance().usage().current == before);
}
