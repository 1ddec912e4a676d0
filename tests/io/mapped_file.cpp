#include <cfm/io/mapped_file.hpp>

#include <cstdio>
#include <unistd.h>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("mapped file: shows the bytes, moves, and may be empty") {
  const auto path =
      std::filesystem::temp_directory_path() / ("cfm_mapped_" + std::to_string(::getpid()));
  std::FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  std::fputs("hello", file);
  std::fclose(file);
  MappedFile first(path);
  MappedFile second = std::move(first);
  CHECK(second.bytes().size() == 5);
  CHECK(second.bytes()[1] == std::byte{'e'});
  CHECK(first.bytes().empty());
  std::filesystem::resize_file(path, 0);
  CHECK(MappedFile(path).bytes().empty());
  std::filesystem::remove(path);
  CHECK_THROWS_AS(MappedFile{path}, IoError);
  CHECK_THROWS_AS(MappedFile{std::filesystem::temp_directory_path()}, IoError);
}
