// Torch checkpoints: the input as a whole archive, and as the pickle inside a sound one. The
// tensors that come out are written and read again.

#include <cfm/io/torch_zip.hpp>

#include "../io/torch_writer.hpp"
#include "require.hpp"

using namespace cfm;

namespace {

void check(std::span<const std::byte> bytes, const TorchOptions& options) {
  try {
    const TorchFile file = parse_torch(test::to_storage(bytes), "torch", options);
    std::vector<std::byte> written;
    if (!test::write_state_dict(file.tensors, written)) return;
    const TorchFile again = parse_torch(test::to_storage(written), "written");
    require(again.tensors.size() == file.tensors.size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      require(file.tensors[i].first == again.tensors[i].first);
      require_same(file.tensors[i].second, again.tensors[i].second);
    }
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  check(bytes, {});
  std::vector<std::byte> archive;
  ZipWriter zip([&](auto part) { archive.insert(archive.end(), part.begin(), part.end()); }, 64);
  const std::vector<std::byte> storage(256, std::byte{1});
  zip.add("archive/data.pkl", {bytes});
  zip.add("archive/data/0", {storage});
  zip.finish();
  check(archive, {.values = 4096});
  check(archive, {.records = true, .values = 4096});
  return 0;
}
