#include <cfm/io/npy.hpp>

#include "tensors.hpp"
#include "torch_writer.hpp"
#include "verdicts.hpp"

#include <bit>

using namespace cfm;

namespace {

std::string npy_error(std::string_view bytes, const NpyOptions& options = {}) {
  return test::error_of([&] { parse_npy(as_bytes(bytes), "f", options); });
}

// A file with this dictionary and this data, version 1.0, without padding.
std::string npy_file(std::string_view dict, std::string_view data) {
  std::string out("\x93NUMPY\x01\x00", 8);
  detail::append_little(out, static_cast<std::uint16_t>(dict.size()));
  return out.append(dict).append(data);
}

}  // namespace

TEST_CASE("npy: every element type and shape comes back") {
  for (DType dtype : test::all_types)
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3}, Shape{2, 3}, Shape{2, 0, 4},
                               Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
      CAPTURE(name(dtype));
      const NpyOptions options{.raw = dtype};
      const Tensor tensor = test::pattern(dtype, shape);
      const auto bytes = npy_bytes(tensor, options);
      test::check_same(tensor, parse_npy(bytes, "f", options));
      CHECK((bytes.size() - static_cast<std::size_t>(tensor.size() * size_of(dtype))) % 64 == 0);
    }
}

TEST_CASE("npy: a view is written in its own order") {
  const Tensor tensor = test::pattern(DType::f32, {3, 4}).transpose(0, 1);
  test::check_same(tensor, parse_npy(npy_bytes(tensor), "f"));
}

TEST_CASE("npy: the bytes are those of numpy.save") {
  const std::string expected = std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" +
                               std::string(60, ' ') + "\n" +
                               std::string("\0\0\x80\x3f\0\0\0\x40", 8);
  CHECK(as_text(npy_bytes(Tensor::of<float>({1, 2}))) == expected);
}

TEST_CASE("npy: byte orders and orders of dimensions") {
  const Tensor big =
      parse_npy(as_bytes(npy_file("{'descr':'>i2','fortran_order':False,'shape':(2,)}",
                                  {"\x01\x02\xff\xfe", 4})),
                "f");
  CHECK(big.data<std::int16_t>()[0] == 0x0102);
  CHECK(big.data<std::int16_t>()[1] == -2);
  const Tensor fortran =
      parse_npy(as_bytes(npy_file("{\"shape\": (2, 3), 'fortran_order': True , 'descr': '|u1',}\n",
                                  "adbecf")),
                "f");
  CHECK(fortran.is_contiguous());
  CHECK(as_text(element_bytes(fortran)) == "abcdef");
  const Tensor bools =
      parse_npy(as_bytes(npy_file("{'descr':'|b1','fortran_order':False,'shape':(3L,)}",
                                  {"\x00\x01\x02", 3})),
                "f");
  CHECK(as_text(element_bytes(bools)) == std::string_view("\x00\x01\x01", 3));
}

TEST_CASE("npy: errors say where and what") {
  const auto with = [](std::string_view dict) { return npy_error(npy_file(dict, "12345678")); };
  CHECK(npy_error("\x93NUM") == "f:0: truncated: the magic bytes needs 6 bytes, 4 are left");
  CHECK(npy_error("GIF89a__") == "f:0: not a .npy file");
  CHECK(npy_error(std::string_view("\x93NUMPY\x02\x01", 8)) ==
        "f:6: version 2.1 of .npy is unknown");
  CHECK(with("{'descr':'<f8','fortran_order':False,'shape':()}") == "no error");
  CHECK(with("{'descr':'<f4','fortran_order':False,'shape':()}") ==
        "f:62: 4 bytes follow the array");
  CHECK(with("{'descr':'<f8','fortran_order':False,'shape':(2,)}") ==
        "f:60: truncated: the array needs 16 bytes, 8 are left");
  CHECK(with("{'descr':'<f8','fortran_order':False,'shape':(1)}") ==
        "f:58: one extent in parentheses is no tuple");
  CHECK(with("{'descr':'<f8','fortran_order':False,'shape':(-1,)}") ==
        "f:56: an extent must stand here");
  CHECK(with("{'descr':'<f8','fortran_order':0,'shape':()}") ==
        "f:41: fortran_order is True or False");
  CHECK(with("{'descr':'<f8','descr':'<f8'}").ends_with("the header has descr twice"));
  CHECK(with("{'descr':'<f8','x':'<f8'}").ends_with("the header has an unknown key"));
  CHECK(with("__import__('os').system('x')").ends_with("the header wants '{' here"));
  CHECK(with("{'descr':'<f8','fortran_order':False,'shape':(99999999999999999999,)}")
            .ends_with("an extent does not fit 64 bits"));
  for (const char* shape : {"(4294967296,4294967296)", "(0,4294967296,4294967296)",
                            "(9223372036854775807,0)", "(1152921504606846976,)"})
    CHECK(with(concat("{'descr':'<f8','fortran_order':False,'shape':", shape, "}"))
              .ends_with("the shape has too many elements"));
  CHECK_THROWS_AS(
      parse_npy(as_bytes(npy_file("{'descr':'|O','fortran_order':False,'shape':()}", "x")), "f"),
      UnsupportedError);
  CHECK(with("{'descr':'|V2','fortran_order':False,'shape':()}").find("NpyOptions::raw") !=
        std::string::npos);
  CHECK(with("{'descr':[('a','<f4')],'fortran_order':False,'shape':()}") ==
        "f:19: arrays of records are not supported");
  CHECK_THROWS_WITH_AS(npy_bytes(Tensor::zeros({1}, DType::bf16)),
                       "npy: NumPy has no bf16; set NpyOptions::raw to write items without a type",
                       TypeError);
}

TEST_CASE("npy: truncation is noticed at every byte, and damage never goes unreported") {
  const auto whole = npy_bytes(test::pattern(DType::i16, {3, 2}));
  const std::string file(as_text(whole));
  for (std::size_t n = 0; n < file.size(); ++n) CHECK(npy_error(file.substr(0, n)) != "no error");
  CHECK(npy_error(file + "x") != "no error");
  for (std::size_t i = 0; i < 128; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      npy_error(changed);  // an answer or an Error, nothing else
    }
}

TEST_CASE("npz: arrays come back in order") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / concat("cfm-npz-", ::getpid(), ".npz");
  const std::vector<std::pair<std::string, Tensor>> arrays = {{"z", test::pattern(DType::f32, {5})},
                                                              {"a", test::pattern(DType::i64, {2, 2})},
                                                              {"s", test::pattern(DType::u8, {})}};
  write_npz(path, arrays);
  const auto first = read_file(path);
  const auto back = read_npz(path);
  REQUIRE(back.size() == arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    CHECK(back[i].first == arrays[i].first);
    test::check_same(arrays[i].second, back[i].second);
  }
  write_npz(path, arrays);
  CHECK(read_file(path) == first);
  const std::vector<std::pair<std::string, Tensor>> twice = {arrays[0], arrays[0]};
  CHECK_THROWS_AS(write_npz(path, twice), Error);
  CHECK(read_file(path) == first);
  std::filesystem::remove(path);
}

TEST_CASE("npy: the verdicts of the malformed files") {
  test::check_verdicts("npy", [](const std::filesystem::path& path) { read_npy(path); });
}

TEST_CASE("npz: a processed DeepGate4 sample reads") {
  const auto path = test::data_dir("checkpoints/deepgate4_b11_opt_C.npz");
  if (!path) return;
  const auto arrays = read_npz(*path);
  CHECK(arrays.size() == 37);
  CHECK(arrays[0].first == "x");
  CHECK(arrays[0].second.shape() == Shape{999, 3});
}
