#include <cfm/io/file.hpp>

#include "../test.hpp"

#include <algorithm>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <csignal>

using namespace cfm;
namespace fs = std::filesystem;

namespace {

// A folder of its own, gone at the end.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "cfm-io-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {}));
  }
};

}  // namespace

TEST_CASE("file: what was written is read, by every way of reading") {
  const Folder folder;
  const fs::path path = folder.path / "data";
  for (std::size_t size : {0u, 1u, 63u, 4096u, 70000u}) {
    CAPTURE(size);
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
    write_file_atomic(path, bytes);
    CHECK(read_file(path) == bytes);
    const Storage read = read_storage(path), mapped = map_storage(path);
    CHECK(std::equal(bytes.begin(), bytes.end(), read.data(), read.data() + read.bytes()));
    CHECK(std::equal(bytes.begin(), bytes.end(), mapped.data(), mapped.data() + mapped.bytes()));
    CHECK(reinterpret_cast<std::uintptr_t>(read.data()) % 64 == 0);
    CHECK(read.writable());
    CHECK_FALSE(mapped.writable());
  }
  write_file_atomic(path, "text\n");
  CHECK(read_text_file(path) == "text\n");
  CHECK(folder.files() == 1);
}

TEST_CASE("file: mode bits stay, links are followed, temporary names in the way do no harm") {
  const Folder folder;
  const fs::path path = folder.path / "data", link = folder.path / "link";
  write_file_atomic(path, "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  const auto mode = fs::status(path).permissions();
  fs::create_symlink("data", link);
  // As if a process with our id had been killed before.
  const fs::path stale = folder.path / concat(".cfm-", ::getpid(), "-0");
  fs::copy_file(path, stale);
  write_file_atomic(link, "new");
  CHECK(fs::is_symlink(link));
  CHECK(read_text_file(path) == "new");
  CHECK(fs::status(path).permissions() == mode);
  CHECK(read_text_file(stale) == "old");
}

TEST_CASE("file: what fails leaves the old bytes and nothing else") {
  const Folder folder;
  const fs::path path = folder.path / "data";
  write_file_atomic(path, "old");
  {
    AtomicFile file(path);
    file.write(as_bytes("half"));
    CHECK(folder.files() == 2);
  }
  CHECK(folder.files() == 1);
  CHECK(read_text_file(path) == "old");

  // A disk that is full at any byte: a child process with a limit on the size of files.
  for (rlim_t limit : {0u, 1u, 4096u, 10000u}) {
    CAPTURE(limit);
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit bound{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &bound);
      const std::vector<std::byte> big(20000);
      try {
        write_file_atomic(path, big);
      } catch (const IoError&) {
        ::_exit(7);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(read_text_file(path) == "old");
    CHECK(folder.files() == 1);
  }
}

TEST_CASE("file: a process killed while it saves leaves the old or the new file") {
  const Folder folder;
  const fs::path path = folder.path / "data";
  const std::string old_text(100000, 'o'), new_text(300000, 'n');
  int finished = 0;
  // Later and later, until one has had the time to finish: a busy machine may take a while.
  for (int round = 0; round < 30 || (finished == 0 && round < 500); ++round) {
    write_file_atomic(path, old_text);
    const pid_t child = ::fork();
    if (child == 0) {
      while (true) write_file_atomic(path, new_text);
    }
    ::usleep(static_cast<useconds_t>(round * 150));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string text = read_text_file(path);
    const bool whole = text == old_text || text == new_text;
    CHECK(whole);
    finished += text == new_text;
  }
  CHECK(finished > 0);
}

TEST_CASE("file: threads that save to one path leave a whole file") {
  const Folder folder;
  const fs::path path = folder.path / "data";
  const auto save = [&](char c) {
    for (int i = 0; i < 20; ++i) write_file_atomic(path, std::string(5000, c));
  };
  std::thread other(save, 'a');
  save('b');
  other.join();
  const std::string text = read_text_file(path);
  CHECK(text.size() == 5000);
  CHECK(std::count(text.begin(), text.end(), text[0]) == 5000);
  CHECK(folder.files() == 1);
}

TEST_CASE("file: a pipe that gives its bytes in pieces is read to its end") {
  const Folder folder;
  const fs::path path = folder.path / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  std::thread writer([&] {
    const detail::Descriptor pipe(path, O_WRONLY, "open");
    for (int i = 0; i < 300; ++i) {
      pipe.write_all(as_bytes(std::string(static_cast<std::size_t>(i), 'x')));
      if (i % 50 == 0) std::this_thread::yield();
    }
  });
  const std::string text = read_text_file(path);
  writer.join();
  CHECK(text == std::string(300 * 299 / 2, 'x'));
}

TEST_CASE("file: errors say which file and why") {
  const Folder folder;
  const fs::path missing = folder.path / "missing";
  CHECK(test::error_of([&] { read_file(missing); }) ==
        missing.string() + ": cannot open: No such file or directory");
  CHECK(test::error_of([&] { MappedFile{missing}; }) ==
        missing.string() + ": cannot open: No such file or directory");
  CHECK(test::error_of([&] { read_file(folder.path); }) ==
        folder.path.string() + ": cannot read: Is a directory");
  CHECK(test::error_of([&] { write_file_atomic(folder.path, "x"); }) ==
        folder.path.string() + ": cannot write: Is a directory");
  CHECK_THROWS_AS(write_file_atomic(missing / "inside", "x"), IoError);
  CHECK_THROWS_AS(MappedFile{folder.path}, IoError);
  if (fs::exists("/dev/full"))
    CHECK(test::error_of([&] { write_file_atomic("/dev/full", "x"); }) ==
          "/dev/full: cannot write: No space left on device");
  CHECK(fs::exists("/dev/full") == fs::is_character_file("/dev/full"));  // not replaced
}

TEST_CASE("cursor: reads numbers in little-endian order and stops at the end") {
  const std::string text("\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x80\x3f\xff", 13);
  Cursor cursor(as_bytes(text), "file.bin", 100);
  CHECK(cursor.read<std::uint16_t>("a") == 0x0201);
  CHECK(cursor.read<std::uint32_t>("b") == 0x06050403);
  CHECK(cursor.take(2, "c").size() == 2);
  CHECK(cursor.read<float>("d") == 1.0f);
  CHECK(cursor.offset() == 112);
  CHECK(cursor.left() == 1);
  CHECK(test::error_of([&] { cursor.read<std::uint16_t>("a length"); }) ==
        "file.bin:112: truncated: a length needs 2 bytes, 1 are left");
  CHECK_THROWS_AS(cursor.take(std::uint64_t(-1), "all"), FormatError);
  CHECK(cursor.read<std::int8_t>("e") == -1);
  CHECK(cursor.at_end());
  CHECK(test::error_of([&] { cursor.fail("odd ", 3); }) == "file.bin:113: odd 3");
}
