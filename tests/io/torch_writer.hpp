#pragma once
// Writes torch checkpoints for the tests: the opcodes and names that torch.save uses, by hand.

#include <bit>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/io/tensor_bytes.hpp>
#include <cfm/io/zip.hpp>

namespace cfm::test {

/// Builds data.pkl opcode by opcode; every method appends. Tests spell hostile pickles with raw().
class TorchWriter {
 public:
  explicit TorchWriter(int protocol = 2) {
    raw("\x80");
    pickle_ += static_cast<char>(protocol);
  }

  TorchWriter& raw(std::string_view opcodes) {
    pickle_ += opcodes;
    return *this;
  }
  TorchWriter& text(std::string_view value) {
    raw("X");
    detail::append_little(pickle_, static_cast<std::uint32_t>(value.size()));
    return raw(value);
  }
  TorchWriter& integer(std::int64_t value) {
    if (value >= 0 && value < 256) {
      raw("K");
      pickle_ += static_cast<char>(value);
    } else if (value == static_cast<std::int32_t>(value)) {
      raw("J");
      detail::append_little(pickle_, static_cast<std::uint32_t>(value));
    } else {
      raw("\x8a\x08");
      detail::append_little(pickle_, static_cast<std::uint64_t>(value));
    }
    return *this;
  }
  TorchWriter& number(double value) {
    raw("G");
    detail::append_little(pickle_, detail::swap_bytes(std::bit_cast<std::uint64_t>(value)));
    return *this;
  }
  TorchWriter& global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  TorchWriter& tuple(const Extents& values) {
    raw("(");
    for (Index v : values) integer(v);
    return raw("t");
  }

  /// ("storage", type, key, "cpu", elements) as a persistent id.
  TorchWriter& storage(std::string_view type, std::string_view key, std::int64_t elements) {
    raw("(").text("storage").global("torch", type).text(key).text("cpu").integer(elements);
    return raw("tQ");
  }
  /// A tensor over a storage that tensor() or storage() put on the stack is the caller's job; this
  /// writes the whole call.
  TorchWriter& rebuild(std::string_view type, std::string_view key, std::int64_t elements,
                       std::int64_t offset, const Extents& shape, const Extents& strides) {
    global("torch._utils", "_rebuild_tensor_v2").raw("(").storage(type, key, elements);
    integer(offset).tuple(shape).tuple(strides).raw("\x89").global("collections", "OrderedDict");
    return raw(")RtR");
  }

  /// A dense tensor with a storage of its own.
  TorchWriter& tensor(const Tensor& value) {
    const std::string key = std::to_string(storages_.size());
    std::vector<std::byte> data;
    emit_little(value, [&](auto bytes) { data.assign(bytes.begin(), bytes.end()); });
    add_storage(key, std::move(data));
    return rebuild(storage_type(value.dtype()), key, value.size(), 0, value.shape(),
                   row_major(value.shape()));
  }

  void add_storage(std::string key, std::vector<std::byte> data) {
    storages_.emplace_back(std::move(key), std::move(data));
  }

  /// The whole archive. Ends the pickle.
  std::vector<std::byte> bytes(const std::string& stem = "archive") const {
    std::vector<std::byte> out;
    ZipWriter zip([&](auto part) { out.insert(out.end(), part.begin(), part.end()); }, 64);
    const std::string pickle = pickle_ + ".";
    zip.add(stem + "/data.pkl", {as_bytes(pickle)});
    for (const auto& [key, data] : storages_) zip.add(stem + "/data/" + key, {data});
    zip.add(stem + "/version", {as_bytes("3\n")});
    zip.finish();
    return out;
  }

  static std::string_view storage_type(DType dtype) {
    switch (dtype) {
      case DType::f64: return "DoubleStorage";
      case DType::f32: return "FloatStorage";
      case DType::bf16: return "BFloat16Storage";
      case DType::f16: return "HalfStorage";
      case DType::boolean: return "BoolStorage";
      case DType::i8: return "CharStorage";
      case DType::i16: return "ShortStorage";
      case DType::i32: return "IntStorage";
      case DType::i64: return "LongStorage";
      case DType::u8: return "ByteStorage";
      default: return "";
    }
  }

 private:
  std::string pickle_;
  std::vector<std::pair<std::string, std::vector<std::byte>>> storages_;
};

/// A checkpoint that is one dictionary of tensors. False where torch has no such storage.
inline bool write_state_dict(const std::vector<std::pair<std::string, Tensor>>& tensors,
                             std::vector<std::byte>& out) {
  TorchWriter writer;
  writer.raw("}(");
  for (const auto& [name, tensor] : tensors) {
    if (TorchWriter::storage_type(tensor.dtype()).empty()) return false;
    writer.text(name).tensor(tensor);
  }
  out = writer.raw("u").bytes();
  return true;
}

/// The bytes in memory that readers share.
inline Storage to_storage(std::span<const std::byte> bytes) {
  Storage out = Storage::allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.data());
  return out;
}

}  // namespace cfm::test
