#include <cfm/io/inflate.hpp>

#include <cfm/io/crc32.hpp>

#include "../test.hpp"

#include <random>
#include <string>

using namespace cfm;

namespace {

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

std::string text(int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += static_cast<char>((i * i / 7 + i / 13 * 31) % 61 + 40);
  return out;
}

// Made by zlib from text(400): one block with codes of its own, no copies.
const std::string dynamic_block =
    "05c1098282200000c0efa8a4629279026ade379b9a8564d1ffdfb0338aa2a81ad04dcb76bcf02d35c376a3b4"
    "1a662edb3bff996e5cdf05b850ddbd8d1cb8193b2cd2e18e9b6478dbb7590bfb640698a9d1a4e2bf53e28f5a"
    "fcb01b8957bb55bf64bb32d88242a607a582ec44d02395b9d6f4f6ecf34469ce4bf4a946571470a1da14fe06"
    "3fb39e05128df76331e4fab3f6c156073aef63947bba604568c96dc8425651172a621dab34ba4e6d9160dfb1"
    "a1ae29324d624a0821344ed24c058685ae0149cb8ead246bd87668673f69ee7bc9b88a483d7f60582d193b2c"
    "d2ef26ee85955cf2f58447e9b56fa716b39eac30e74ef7c38b056ebbc7cc4ac6dc9fd1b9371a50aa8552a8a5"
    "766acd11cdde8b7e4b635aa24f09e7e8dba0e7cdb88a0af112ed95737441e97c4662bc9a006c75d062f86699"
    "7bdaa7cc3753cffc3e863cbae8ff";
// From text(60) and from 1000 times the letter a: fixed codes, the second almost all copies.
const std::string fixed_block =
    "d3d0d0d0d4d2d6d5373436b3b4894fd6d233b6b075f6f40f8d49f6098949d1b770f40a89d33675d0b5700988"
    "d1b6700d4a30b4f7b5f38dd1b7f78f370600";
const std::string run_block = "4b4c1c05a360140c770000";

// Writes bits as deflate wants them.
class Bits {
 public:
  Bits& put(std::uint32_t value, int count) {  // lowest bit first
    for (int i = 0; i < count; ++i) bit(value >> i & 1);
    return *this;
  }
  Bits& code(std::uint32_t value, int count) {  // Huffman codes: highest bit first
    for (int i = count; i-- > 0;) bit(value >> i & 1);
    return *this;
  }
  Bits& literal(unsigned symbol) {  // the fixed code
    if (symbol < 144) return code(0x30 + symbol, 8);
    if (symbol < 256) return code(0x190 + symbol - 144, 9);
    if (symbol < 280) return code(symbol - 256, 7);
    return code(0xC0 + symbol - 280, 8);
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  void bit(std::uint32_t value) {
    if (at_ % 8 == 0) bytes_.push_back(std::byte{0});
    if (value != 0) bytes_.back() |= std::byte{1} << (at_ % 8);
    ++at_;
  }
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
};

std::string unpack(std::span<const std::byte> stream, std::uint64_t size) {
  return std::string(as_text(inflate(stream, size, "f", 100)));
}

std::string inflate_error(std::span<const std::byte> stream, std::uint64_t size) {
  return test::error_of<FormatError>([&] { unpack(stream, size); });
}

}  // namespace

TEST_CASE("inflate: streams of zlib") {
  CHECK(unpack(from_hex(dynamic_block), 400) == text(400));
  CHECK(unpack(from_hex(fixed_block), 60) == text(60));
  CHECK(unpack(from_hex(run_block), 1000) == std::string(1000, 'a'));
}

TEST_CASE("inflate: stored blocks, also behind others") {
  CHECK(unpack(from_hex("010300fcff616263"), 3) == "abc");
  CHECK(unpack(from_hex("010000ffff"), 0).empty());
  // "ab" by fixed codes, then "cd" stored, then the end by fixed codes.
  Bits bits;
  bits.put(0, 1).put(1, 2).literal('a').literal('b').literal(256).put(0, 1).put(0, 2);
  std::vector<std::byte> stream = bits.bytes();
  for (std::byte b : from_hex("0200fdff6364")) stream.push_back(b);
  for (std::byte b : from_hex("0300")) stream.push_back(b);
  CHECK(unpack(stream, 4) == "abcd");
}

TEST_CASE("inflate: every length and distance symbol") {
  std::mt19937 random(3);
  std::string expected;
  Bits bits;
  bits.put(1, 1).put(1, 2);
  for (int i = 0; i < 33000; ++i) {
    const auto c = static_cast<unsigned char>(random());
    bits.literal(c);
    expected += static_cast<char>(c);
  }
  const int length_base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                             31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  const int distance_base[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                               33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                               1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  for (unsigned l = 0; l < 29; ++l)
    for (unsigned d = 0; d < 30; ++d) {
      const int length_bits = l < 8 || l == 28 ? 0 : static_cast<int>(l / 4 - 1);
      const int distance_bits = d < 4 ? 0 : static_cast<int>(d / 2 - 1);
      const auto le = static_cast<std::uint32_t>(random()) & ((1u << length_bits) - 1);
      const auto de = static_cast<std::uint32_t>(random()) & ((1u << distance_bits) - 1);
      if (l == 27 && le == 31) continue;  // 258 has a symbol of its own
      bits.literal(257 + l).put(le, length_bits).code(d, 5).put(de, distance_bits);
      const std::size_t distance = static_cast<std::size_t>(distance_base[d]) + de;
      for (std::size_t i = 0; i < static_cast<std::size_t>(length_base[l]) + le; ++i)
        expected += expected[expected.size() - distance];
    }
  bits.literal(256);
  CHECK(unpack(bits.bytes(), expected.size()) == expected);
}

TEST_CASE("inflate: damage has a name and a place") {
  CHECK(inflate_error({}, 0) == "f:100: truncated: the deflate stream goes on behind the end");
  CHECK(inflate_error(from_hex("07"), 0) == "f:101: deflate: block type 3 does not exist");
  CHECK(inflate_error(from_hex("010300fcfe616263"), 3).ends_with("a stored block's length is damaged"));
  CHECK(inflate_error(from_hex("010300fcff6162"), 3).ends_with("a stored block needs 3 bytes"));
  CHECK(inflate_error(from_hex("010300fcff616263"), 2)
            .ends_with("more than the 2 bytes that were promised"));
  CHECK(inflate_error(from_hex("010300fcff616263"), 4).ends_with("gives 3 bytes, 4 were promised"));
  CHECK(inflate_error(from_hex("010300fcff61626300"), 3).ends_with("1 bytes follow the last block"));
  CHECK(inflate_error(Bits().put(1, 1).put(1, 2).literal('a').literal(257).code(1, 5).put(0, 20).bytes(),
                 9)
            .ends_with("a copy reaches before the first byte"));
  CHECK(inflate_error(
            Bits().put(1, 1).put(1, 2).literal('a').literal(257).code(30, 5).put(0, 20).bytes(), 9)
            .ends_with("distance symbol 30 does not exist"));
  CHECK(inflate_error(Bits().put(1, 1).put(1, 2).literal(286).put(0, 20).bytes(), 9)
            .ends_with("length symbol 286 does not exist"));
  CHECK(inflate_error(Bits().put(1, 1).put(2, 2).put(30, 5).put(0, 5).put(0, 20).bytes(), 9)
            .ends_with("too many codes"));
  // Code lengths 1, 1, 1: more codes than there are.
  CHECK(inflate_error(Bits().put(1, 1).put(2, 2).put(0, 14).put(0x249, 12).put(0, 30).bytes(), 9)
            .ends_with("the code of code lengths is damaged"));
}

TEST_CASE("inflate: every prefix is refused, and no bit flip goes further than an error") {
  for (const auto& [hex, size] : {std::pair{dynamic_block, 400}, std::pair{fixed_block, 60}}) {
    const auto stream = from_hex(hex);
    const auto length = static_cast<std::uint64_t>(size);
    for (std::size_t n = 0; n < stream.size(); ++n)
      CHECK(inflate_error(std::span(stream).first(n), length) != "no error");
    for (std::size_t i = 0; i < stream.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        auto changed = stream;
        changed[i] ^= std::byte{1} << bit;
        inflate_error(changed, length);
      }
  }
}

TEST_CASE("crc32: known values, and pieces give what the whole gives") {
  CHECK(crc32(as_bytes("")) == 0);
  CHECK(crc32(as_bytes("123456789")) == 0xCBF43926);
  const std::string whole = text(900);
  CHECK(crc32(as_bytes(whole)) == 0x9BE904A5);
  for (std::size_t n = 0; n <= whole.size(); n += 7)
    CHECK(crc32(as_bytes(whole).subspan(n), crc32(as_bytes(whole).first(n))) == 0x9BE904A5);
}
