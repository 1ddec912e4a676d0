// Runs a fuzz target without a fuzzer: over files, and over what small damage makes of them. Every
// byte of the damage follows from the file, so a failure repeats.
//   cfm_fuzz_<target> file-or-folder...

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

std::size_t inputs = 0;

// A copy of exactly this size, so that a sanitizer sees the first byte read past the end.
void run(const Bytes& bytes, std::size_t size) {
  const Bytes copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  ++inputs;
}

void run_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  run(bytes, bytes.size());
  if (bytes.size() > 16384) return;
  // About 256 prefixes and 256 changed bytes of each file; all of them for a short one.
  const std::size_t step = bytes.size() / 256 + 1;
  for (std::size_t size = 0; size < bytes.size(); size += step) run(bytes, size);
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    const std::uint8_t old = bytes[i];
    for (const int change : {old ^ 0x80, old + 1, 0xff}) {
      bytes[i] = static_cast<std::uint8_t>(change);
      run(bytes, bytes.size());
    }
    bytes[i] = old;
  }
}

}  // namespace

int main(int argc, char** argv) {
  run({}, 0);
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (!std::filesystem::exists(path)) {
      std::printf("skipped: no inputs at %s\n", argv[i]);
    } else if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
        if (entry.is_regular_file()) run_file(entry.path()), ++files;
    } else {
      run_file(path), ++files;
    }
  }
  std::printf("%zu files, %zu inputs\n", files, inputs);
  return 0;
}
