#include <cfm/io/zip.hpp>

#include "../test.hpp"

#include <functional>
#include <string>

using namespace cfm;

namespace {

using Bytes = std::vector<std::byte>;

Bytes archive_of(std::initializer_list<std::pair<std::string, std::string>> files,
                 std::size_t alignment = 1) {
  Bytes out;
  ZipWriter writer([&](auto part) { out.insert(out.end(), part.begin(), part.end()); }, alignment);
  for (const auto& [name, content] : files) writer.add(name, {as_bytes(content)});
  writer.finish();
  return out;
}

std::string zip_error(const Bytes& bytes, const ZipLimits& limits = {}) {
  return test::error_of([&] {
    const ZipArchive archive(bytes, "f", limits);
    for (const ZipEntry& entry : archive.entries()) archive.read(entry);
  });
}

void poke(Bytes& bytes, std::size_t at, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

std::size_t find(const Bytes& bytes, std::string_view what) {
  const std::size_t at = as_text(bytes).find(what);
  REQUIRE(at != std::string_view::npos);
  return at;
}

const std::string central("PK\x01\x02"), ending("PK\x05\x06");

}  // namespace

TEST_CASE("zip: what was written is read, whatever the alignment") {
  for (std::size_t alignment : {1u, 2u, 4u, 8u, 64u}) {
    const Bytes bytes =
        archive_of({{"a/b", "content"}, {"empty", ""}, {"\xC3\xA9", "more"}}, alignment);
    const ZipArchive archive(bytes, "f");
    REQUIRE(archive.entries().size() == 3);
    for (const ZipEntry& entry : archive.entries()) CHECK(entry.offset % alignment == 0);
    CHECK(as_text(archive.read(*archive.find("a/b"))) == "content");
    CHECK(as_text(archive.raw(*archive.find("\xC3\xA9"))) == "more");
    CHECK(archive.find("empty")->size == 0);
    CHECK(archive.find("a") == nullptr);
    CHECK(bytes ==
          archive_of({{"a/b", "content"}, {"empty", ""}, {"\xC3\xA9", "more"}}, alignment));
  }
  CHECK(zip_error(archive_of({})) == "no error");
}

TEST_CASE("zip: more than 65534 entries take zip64 records") {
  Bytes bytes;
  ZipWriter writer([&](auto part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
  for (int i = 0; i < 70000; ++i) writer.add(concat(i), {});
  writer.finish();
  const ZipArchive archive(bytes, "f");
  CHECK(archive.entries().size() == 70000);
  CHECK(archive.find("69999") != nullptr);
  CHECK(zip_error(bytes, {.entries = 1000}).ends_with("the archive has 70000 entries, limit 1000"));
}

TEST_CASE("zip: a comment at the end is allowed, other bytes around the archive are not") {
  Bytes bytes = archive_of({{"a", "content"}});
  Bytes commented = bytes;
  poke(commented, bytes.size() - 2, 3, 2);
  for (char c : {'x', 'y', 'z'}) commented.push_back(static_cast<std::byte>(c));
  CHECK(zip_error(commented) == "no error");
  Bytes tail = bytes;
  tail.push_back(std::byte{0});
  CHECK(zip_error(tail).ends_with("not a zip archive: no end record"));
  Bytes head = bytes;
  head.insert(head.begin(), std::byte{0});
  CHECK(zip_error(head).ends_with("the directory does not end where the end record begins"));
}

TEST_CASE("zip: hostile archives are refused with the rule they break") {
  const Bytes sound = archive_of({{"a", "content"}, {"bb", "content"}});
  const std::size_t directory = find(sound, central), end = find(sound, ending);
  const auto changed = [&](std::size_t at, std::uint32_t value, std::size_t size) {
    Bytes bytes = sound;
    poke(bytes, at, value, size);
    return zip_error(bytes);
  };
  CHECK(zip_error(sound) == "no error");
  CHECK(changed(directory + 8, 1, 2) == "f: \"a\" is encrypted");
  CHECK(changed(directory + 10, 12, 2).starts_with("f: \"a\" is packed by method 12"));
  CHECK(changed(directory + 34, 1, 2) == "f: zip archives of several disks are not supported");
  CHECK(changed(directory + 24, 9, 4).ends_with("\"a\" is stored, but its two sizes differ"));
  CHECK(changed(directory + 16, 0, 4).ends_with("\"a\" is damaged: its CRC-32 differs"));
  CHECK(changed(31, 'X', 1).ends_with("\"a\" is damaged: its CRC-32 differs"));
  CHECK(changed(30, 'X', 1).ends_with("directory and local header disagree on \"a\""));
  CHECK(changed(8, 8, 2).ends_with("directory and local header disagree on \"a\""));
  CHECK(changed(directory + 42, 5, 4).ends_with("the local header of \"a\" must stand here"));
  CHECK(changed(directory + 42, 0x7FFFFFFF, 4).ends_with("\"a\" begins behind the directory"));
  CHECK(changed(end + 10, 3, 2).starts_with("f: zip archives of several disks"));
  CHECK(
      changed(end + 12, 3, 4).ends_with("the directory does not end where the end record begins"));
  CHECK(changed(end + 10, 0xFFFF, 2).ends_with("no zip64 locator before the end record"));
  CHECK(changed(0, 0, 4).ends_with("the local header of \"a\" must stand here"));
  CHECK(zip_error(sound, {.bytes = 13}).ends_with("the archive unpacks to more than 13 bytes"));
  CHECK(zip_error(sound, {.name = 1}).ends_with("a name is longer than 1 bytes"));

  // A deflated entry that promises more than deflate can keep.
  Bytes bomb = sound;
  poke(bomb, directory + 10, 8, 2);
  poke(bomb, directory + 24, 0x10000000, 4);
  CHECK(zip_error(bomb).ends_with("\"a\" cannot stand for 268435456 bytes"));

  // Two entries over the same bytes.
  Bytes twin = archive_of({{"a", "content"}, {"b", "content"}});
  const std::size_t second = find(twin, central) + 47;
  poke(twin, second + 42, 0, 4);
  poke(twin, second + 46, 'a', 1);
  CHECK(zip_error(twin).ends_with("two entries are named \"a\""));
  // An entry inside the content of another: the second local header lies in the first file.
  const Bytes inner = archive_of({{"b", "x"}});
  Bytes nested = archive_of({{"a", std::string(as_text(inner).substr(0, 32))}, {"b", "x"}});
  poke(nested, find(nested, central) + 47 + 42, 31, 4);
  CHECK(zip_error(nested).ends_with("\"b\" overlaps the entry before it"));
}

TEST_CASE("zip: names that lead out of the archive are refused") {
  for (const char* name : {"/a", "..", "../a", "a/..", "a/../b", "a\\b"}) {
    CAPTURE(name);
    CHECK(zip_error(archive_of({{name, "x"}})).find("a name may not be empty, absolute") !=
          std::string::npos);
  }
  for (const char* name : {"a..b", "..a", "a/", ".hidden/x"}) {
    CAPTURE(name);
    CHECK(zip_error(archive_of({{name, "x"}})) == "no error");
  }
  CHECK_THROWS_AS(archive_of({{"", "x"}}), Error);
  CHECK_THROWS_AS(archive_of({{"\xFF", "x"}}), Error);
  CHECK_THROWS_WITH_AS(archive_of({{"a", "x"}, {"a", "y"}}), doctest::Contains("one name: a"),
                       Error);
}

TEST_CASE("zip: every prefix is refused, and no bit flip changes a content unnoticed") {
  const Bytes bytes = archive_of({{"a", "content"}, {"b", "other"}});
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(zip_error(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n))) !=
          "no error");
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = bytes;
      changed[i] ^= std::byte{1} << bit;
      try {
        const ZipArchive archive(changed, "f");
        for (const ZipEntry& entry : archive.entries()) {
          const Bytes content = archive.read(entry);
          const bool known = as_text(content) == "content" || as_text(content) == "other";
          CHECK(known);
        }
      } catch (const Error&) {
      }
    }
}
