#include <cfm/io/gzip.hpp>

#include <string>

#include "../test.hpp"

using namespace cfm;

namespace {

void put_bytes(std::vector<std::byte>& out, std::initializer_list<unsigned> bytes) {
  for (const unsigned b : bytes) out.push_back(static_cast<std::byte>(b));
}
void put_little(std::vector<std::byte>& out, std::uint32_t value, int count) {
  for (int i = 0; i < count; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFF));
}

// A member with one stored block for every 65535 bytes.
std::vector<std::byte> stored_member(std::string_view text, unsigned flags = 0) {
  std::vector<std::byte> out;
  put_bytes(out, {0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 0, 255});
  if ((flags & 4) != 0) put_bytes(out, {3, 0, 'a', 'b', 'c'});
  if ((flags & 8) != 0) put_bytes(out, {'n', 'a', 'm', 'e', 0});
  if ((flags & 16) != 0) put_bytes(out, {0});
  if ((flags & 2) != 0) put_little(out, crc32(out) & 0xFFFF, 2);
  const auto data = as_bytes(text);
  std::size_t at = 0;
  do {
    const std::size_t n = std::min<std::size_t>(65535, data.size() - at);
    out.push_back(std::byte{at + n == data.size()});
    put_little(out, static_cast<std::uint32_t>(n), 2);
    put_little(out, static_cast<std::uint32_t>(~n), 2);
    out.insert(out.end(), data.begin() + static_cast<std::ptrdiff_t>(at),
               data.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
  } while (at < data.size());
  put_little(out, crc32(data), 4);
  put_little(out, static_cast<std::uint32_t>(data.size()), 4);
  return out;
}

std::string unpacked(std::span<const std::byte> bytes) {
  return std::string(as_text(gunzip(bytes, "f.gz")));
}
std::string gzip_error(std::span<const std::byte> bytes, const GzipOptions& options = {}) {
  return test::error_of<FormatError>([&] { gunzip(bytes, "f.gz", options); });
}

}  // namespace

TEST_CASE("gzip: every header field is skipped, members follow each other") {
  std::string text;
  for (int i = 0; i < 70000; ++i) text += static_cast<char>('a' + i % 23);
  for (unsigned flags = 0; flags < 32; ++flags) {
    CAPTURE(flags);
    CHECK(unpacked(stored_member("hello", flags)) == "hello");
  }
  CHECK(unpacked(stored_member("")) == "");
  CHECK(unpacked(stored_member(text)) == text);
  std::vector<std::byte> two = stored_member("one ", 8);
  const std::vector<std::byte> second = stored_member("two");
  two.insert(two.end(), second.begin(), second.end());
  CHECK(unpacked(two) == "one two");
}

TEST_CASE("gzip: what gzip itself wrote") {
  // From printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n' | gzip -n: a copy over itself.
  std::vector<std::byte> file;
  put_bytes(file, {0x1F, 0x8B, 8,    0,    0,    0,    0,    0,    0,    3,    0x4B, 0x4C,
                0xC4, 0x0F, 0xB8, 0x00, 0x1B, 0x53, 0x7C, 0xFC, 0x21, 0x00, 0x00, 0x00});
  CHECK(unpacked(file) == std::string(32, 'a') + "\n");
}

TEST_CASE("gzip: damage is named with its place") {
  const std::vector<std::byte> good = stored_member("hello");
  const auto with = [&](std::size_t at, unsigned value) {
    std::vector<std::byte> bad = good;
    bad[at] = static_cast<std::byte>(value);
    return gzip_error(bad);
  };
  CHECK(gzip_error({}) == "f.gz:0: gzip: truncated: the header needs 10 bytes");
  CHECK(with(0, 0) == "f.gz:0: gzip: not a gzip file: the first bytes are 1F 8B");
  CHECK(with(2, 9) == "f.gz:2: gzip: compression method 9 is unknown, 8 is deflate");
  CHECK(with(3, 0x80) == "f.gz:3: gzip: flags that do not exist are set");
  CHECK(with(15, 'j') == "f.gz:20: gzip: the checksum of the data is wrong");
  CHECK(with(24, 6) == "f.gz:24: gzip: the length of the data is wrong");
  CHECK(gzip_error(good, {.max_bytes = 4}).find("more than the 4 bytes that are allowed") !=
        std::string::npos);
  std::vector<std::byte> more = good;
  more.push_back(std::byte{0});
  CHECK(gzip_error(more) == "f.gz:28: gzip: truncated: the header needs 10 bytes");
  std::vector<std::byte> header = stored_member("hello", 2);
  header[4] = std::byte{77};
  CHECK(gzip_error(header) == "f.gz:10: gzip: the checksum of the header is wrong");
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_THROWS_AS(gunzip(std::span(good).first(size)), FormatError);
}

TEST_CASE("gzip: a bomb ends at the limit, in memory of that size") {
  // Fixed codes: 'a', then copies of 258 from one byte back, 13 bits each.
  std::vector<std::byte> bomb;
  put_bytes(bomb, {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255});
  std::uint64_t bits = 0;
  int held = 0;
  const auto put = [&](std::uint32_t value, int count) {
    bits |= std::uint64_t{value} << held;
    for (held += count; held >= 8; held -= 8, bits >>= 8)
      bomb.push_back(static_cast<std::byte>(bits & 0xFF));
  };
  put(1, 1);
  put(1, 2);
  put(0x89, 8);  // 'a' = 0x91, the first bit lowest
  for (int i = 0; i < 20000; ++i) {
    put(0xA3, 8);  // length symbol 285 = 11000101
    put(0, 5);
  }
  put(0, 7);
  put(0, 7);
  CHECK(gzip_error(bomb, {.max_bytes = 1000}).find("more than the 1000 bytes") !=
        std::string::npos);
}

TEST_CASE("gzip: other bytes stay as they are") {
  const std::string text = "INPUT(a)\n";
  const auto bytes = as_bytes(text);
  CHECK(gunzip_if_gzip({bytes.begin(), bytes.end()}) ==
        std::vector<std::byte>(bytes.begin(), bytes.end()));
  CHECK(as_text(gunzip_if_gzip(stored_member(text))) == text);
  CHECK(!is_gzip({}));
}
