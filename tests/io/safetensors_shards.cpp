#include <cfm/io/safetensors_shards.hpp>

#include <unistd.h>

#include <cfm/io/atomic_file.hpp>

#include "tensors.hpp"

using namespace cfm;

TEST_CASE("safetensors: shards read as one file") {
  const auto folder = std::filesystem::temp_directory_path() / concat("cfm-shards-", ::getpid());
  std::filesystem::create_directory(folder);
  const Tensor a = test::pattern(DType::f32, {2}), b = test::pattern(DType::i8, {3});
  write_safetensors(folder / "1.safetensors", NamedTensors{{"b", b}});
  write_safetensors(folder / "2.safetensors", NamedTensors{{"a", a}});
  const auto index = folder / "model.safetensors.index.json";
  const auto with = [&](std::string_view map) {
    write_file_atomic(index, concat(R"({"metadata":{"total_size":11},"weight_map":{)", map, "}}"));
    try {
      const SafetensorsFile file = read_safetensors_shards(index);
      test::check_same(file.at("a"), a);
      test::check_same(file.at("b"), b);
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(with(R"("a":"2.safetensors","b":"1.safetensors")") == "no error");
  CHECK(with(R"("a":"1.safetensors","b":"1.safetensors")")
            .ends_with("\"a\" is not in 1.safetensors"));
  CHECK(with(R"("c":"1.safetensors")").ends_with("\"c\" is not in 1.safetensors"));
  for (const char* name : {"../1.safetensors", "/etc/passwd", "", "..", "a\\\\b"})
    CHECK(with(concat(R"("a":")", name, "\"")).find("a file beside the index must stand here") !=
          std::string::npos);
  write_safetensors(folder / "2.safetensors", NamedTensors{{"a", a}, {"b", b}});
  CHECK(with(R"("a":"2.safetensors","b":"1.safetensors")").find("is in 1.safetensors and in 2") !=
        std::string::npos);
  std::filesystem::remove_all(folder);
}
