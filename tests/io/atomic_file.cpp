#include <cfm/io/atomic_file.hpp>

#include <cfm/io/file.hpp>

#include <unistd.h>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("atomic file: nothing shows before commit, and nothing is left without it") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("cfm_atomic_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto path = folder / "x";
  write_file_atomic(path, "old");
  {
    AtomicFile file(path);
    file.write(as_bytes("new, but not committed"));
    CHECK(read_text_file(path) == "old");
  }
  CHECK(read_text_file(path) == "old");
  {
    AtomicFile file(path);
    file.write(as_bytes("ne"));
    file.write(as_bytes("w"));
    file.commit();
  }
  CHECK(read_text_file(path) == "new");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++files;
  CHECK(files == 1);  // no temporary file stays behind
  std::filesystem::remove_all(folder);
  CHECK_THROWS_AS(AtomicFile{folder / "no" / "such"}, IoError);
}
