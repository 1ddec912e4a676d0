#include <cfm/io/safetensors.hpp>

#include "tensors.hpp"
#include "torch_writer.hpp"
#include "verdicts.hpp"

using namespace cfm;
using test::to_storage;

namespace {

// A file with this header, whatever it says, and n bytes behind it.
std::string file_of(std::string_view header, std::size_t n) {
  std::string out;
  detail::append_little(out, static_cast<std::uint64_t>(header.size()));
  out += header;
  for (std::size_t i = 0; i < n; ++i) out += static_cast<char>(i);
  return out;
}

SafetensorsFile parse(std::string_view bytes) {
  return parse_safetensors(to_storage(as_bytes(bytes)), "f");
}

std::string safetensors_error(std::string_view bytes) {
  return test::error_of([&] { parse(bytes); });
}

NamedTensors sample() {
  NamedTensors out;
  for (DType dtype : test::all_types) {
    out.emplace_back(concat("m.", name(dtype)), test::pattern(dtype, {2, 3}));
    out.emplace_back(concat("s.", name(dtype)), test::pattern(dtype, {}));
    out.emplace_back(concat("e.", name(dtype)), test::pattern(dtype, {3, 0}));
  }
  return out;
}

}  // namespace

TEST_CASE("safetensors: every element type and shape comes back, with the metadata") {
  const NamedTensors tensors = sample();
  const SafetensorsMetadata metadata = {{"format", "pt"}, {"note", "caf\xC3\xA9 \"quoted\""}};
  const auto bytes = safetensors_bytes(tensors, metadata);
  const SafetensorsFile file = parse(as_text(bytes));
  CHECK(file.metadata == metadata);
  CHECK(file.tensors.size() == tensors.size());
  CHECK(file.unsupported.empty());
  for (const auto& [name, tensor] : tensors) test::check_same(tensor, file.at(name));
  CHECK(safetensors_bytes(file.tensors, file.metadata) == bytes);
}

TEST_CASE("safetensors: the bytes are those of the reference") {
  const NamedTensors tensors = {{"b", Tensor::of<float>({1, 2})},
                                {"a", Tensor::of<std::uint8_t>({7})},
                                {"c", Tensor::of<std::int64_t>({-1})}};
  const std::string header =
      R"({"__metadata__":{"k":"v"},"c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[16,17]}})";
  std::string expected = file_of(header + std::string((8 - header.size() % 8) % 8, ' '), 0);
  expected += std::string(8, '\xFF') + std::string("\0\0\x80\x3f\0\0\0\x40\x07", 9);
  CHECK(as_text(safetensors_bytes(tensors, {{"k", "v"}})) == expected);
  CHECK(as_text(safetensors_bytes({})) == file_of("{}      ", 0));
}

TEST_CASE("safetensors: tensors share the file's memory and are told apart") {
  const NamedTensors tensors = {{"a", test::pattern(DType::f32, {4})},
                                {"b", test::pattern(DType::f32, {4})}};
  const auto bytes = safetensors_bytes(tensors);
  const Storage whole = to_storage(bytes);
  SafetensorsFile file = parse_safetensors(whole, "f");
  const auto inside = [&](const Tensor& t) {
    const auto* p = element_bytes(t).data();
    return p >= whole.data() && p < whole.data() + whole.bytes();
  };
  CHECK(inside(file.at("a")));
  CHECK_FALSE(file.at("a").storage() == file.at("b").storage());
  file.tensors[0].second.fill(9);
  CHECK(file.at("b").storage().version() == 0);
  test::check_same(file.at("b"), tensors[1].second);
}

TEST_CASE("safetensors: unaligned tensors and odd bools are copied, nothing is misread") {
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},)"
                             R"("c":{"dtype":"BOOL","shape":[3],"data_offsets":[5,8]}})";
  std::string bytes = file_of(header, 0) + std::string("\x05\0\0\x80\x3f\0\x02\x01", 8);
  const SafetensorsFile file = parse(bytes);
  CHECK(file.at("b").item<float>() == 1.0f);
  CHECK(as_text(element_bytes(file.at("c"))) == std::string_view("\0\1\1", 3));
}

TEST_CASE("safetensors: files are written atomically, read whole or mapped") {
  const auto path = std::filesystem::temp_directory_path() / concat("cfm-st-", ::getpid());
  const NamedTensors tensors = sample();
  write_safetensors(path, tensors, {{"a", "b"}});
  CHECK(read_file(path) == safetensors_bytes(tensors, {{"a", "b"}}));
  for (bool map : {false, true}) {
    SafetensorsFile file = read_safetensors(path, {.map = map});
    CHECK(file.name == path.string());
    for (const auto& [name, tensor] : tensors) test::check_same(tensor, file.at(name));
    // Writing to a mapped tensor copies it first; the file stays.
    Tensor changed = file.at("m.f32");
    changed.fill(1);
    CHECK(read_file(path) == safetensors_bytes(tensors, {{"a", "b"}}));
  }
  const NamedTensors twice = {tensors[0], tensors[0]};
  CHECK_THROWS_AS(write_safetensors(path, twice), Error);
  CHECK_THROWS_AS(write_safetensors(path, NamedTensors{{"__metadata__", tensors[0].second}}),
                  Error);
  CHECK_THROWS_AS(write_safetensors(path, NamedTensors{{"\xFF", tensors[0].second}}), Error);
  CHECK(read_file(path) == safetensors_bytes(tensors, {{"a", "b"}}));
  std::filesystem::remove(path);
}

TEST_CASE("safetensors: types and shapes that cfm cannot hold do not spoil the others") {
  const std::string header =
      R"({"c":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},)"
      R"("f4":{"dtype":"F4","shape":[2],"data_offsets":[8,9]},)"
      R"("f6":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[9,12]},)"
      R"("e8":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[12,13]},)"
      R"("deep":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[13,14]},)"
      R"("ok":{"dtype":"U8","shape":[1],"data_offsets":[14,15]},)"
      R"("vast":{"dtype":"U8","shape":[0,1152921504606846976],"data_offsets":[15,15]}})";
  const SafetensorsFile file = parse(file_of(header, 15));
  CHECK(file.tensors.size() == 1);
  CHECK(file.at("ok").item<std::uint8_t>() == 14);
  CHECK(file.unsupported.size() == 6);
  CHECK_THROWS_WITH_AS(file.at("c"), "f: tensor \"c\": cfm has no element type C64",
                       UnsupportedError);
  CHECK_THROWS_WITH_AS(file.find("deep"), "f: tensor \"deep\": rank is at most 8, got 9",
                       UnsupportedError);
  CHECK_THROWS_AS(file.find("vast"), UnsupportedError);
  CHECK(file.find("absent") == nullptr);
  CHECK_THROWS_WITH_AS(file.at("absent"), "f: has no tensor \"absent\"; it has 1", Error);
}

TEST_CASE("safetensors: errors say where and what") {
  const auto header = [](std::string_view text, std::size_t n = 4) {
    return safetensors_error(file_of(text, n));
  };
  const auto entry = [&](std::string_view fields, std::size_t n = 4) {
    return header(concat("{\"a\":{", fields, "}}"), n);
  };
  CHECK(safetensors_error("1234567") ==
        "f:0: truncated: the length of the header needs 8 bytes, 7 are left");
  CHECK(safetensors_error(std::string("\x01\xE1\xF5\x05\0\0\0\0", 8)) ==
        "f:0: the header is said to take 100000001 bytes, limit 100000000");
  CHECK(header(" {}", 0) == "f:8: the header must begin with {");
  CHECK(header("{\"\xFF\":1}") == "f:10: the header is not UTF-8");
  CHECK(header("{}") == "f:0: the tensors take 0 bytes, the file has 4 bytes behind its header");
  CHECK(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])") == "no error");
  CHECK(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":{"y":[1]})") == "no error");
  CHECK(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])") ==
        "f:13: tensor \"a\": the shape needs 8 bytes of F32, data_offsets give 4");
  CHECK(entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])") ==
        "f:13: tensor \"a\": data begins at 4, wanted 0: no holes, no overlap");
  CHECK(entry(R"("dtype":"F4","shape":[1],"data_offsets":[0,4])") ==
        "f:13: tensor \"a\": the elements do not fill whole bytes");
  CHECK(entry(R"("dtype":"F99","shape":[1],"data_offsets":[0,4])") ==
        "f:27: tensor \"a\" has the unknown dtype \"F99\"");
  CHECK(entry(R"("shape":[1],"data_offsets":[0,4])").ends_with("tensor \"a\" has no dtype"));
  CHECK(entry(R"("dtype":"F32","dtype":"F32")").ends_with("tensor \"a\" has dtype twice"));
  CHECK(entry(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])")
            .ends_with("wanted an integer of at least 0"));
  for (const char* shape :
       {"[0,4294967296,4294967296]", "[4294967296,4294967296,0]", "[18446744073709551615]"})
    CHECK(entry(concat(R"("dtype":"F32","shape":)", shape, R"(,"data_offsets":[0,0])"), 0)
              .ends_with("the shape has more elements than 64 bits can count"));
  CHECK(header(R"({"__metadata__":{"a":1}})", 0) == "f:29: wanted a string, got a number");
  CHECK(header(R"({"__metadata__":{"a":"1","a":"2"}})", 0)
            .ends_with("__metadata__ has the key \"a\" twice"));
  CHECK(header(R"({"__metadata__":{},"__metadata__":{}})", 0)
            .ends_with("__metadata__ stands there twice"));
}

TEST_CASE(
    "safetensors: every prefix is refused, and no bit flip of the header goes unnoticed or far") {
  const NamedTensors tensors = {{"w", test::pattern(DType::f32, {3})},
                                {"b", test::pattern(DType::u8, {2})}};
  const auto whole = safetensors_bytes(tensors, {{"k", "v"}});
  const std::string bytes(as_text(whole));
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(safetensors_error(bytes.substr(0, n)) != "no error");
  CHECK(safetensors_error(bytes + '\0') != "no error");
  for (std::size_t i = 0; i + 14 < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      safetensors_error(changed);
    }
}

TEST_CASE("safetensors: many tensors load in about linear time") {
  NamedTensors tensors;
  for (int i = 0; i < 20000; ++i) tensors.emplace_back(concat("t", i), Tensor::empty({0}));
  const SafetensorsFile file = parse(as_text(safetensors_bytes(tensors)));
  CHECK(file.tensors.size() == 20000);
  for (const auto& [name, tensor] : tensors) REQUIRE(file.find(name) != nullptr);
}

TEST_CASE("safetensors: the verdicts of the malformed files") {
  test::check_verdicts("safetensors",
                       [](const std::filesystem::path& path) { read_safetensors(path); });
}
