#pragma once
/// @file  PyTorch checkpoints (torch.save since 1.6), read as data.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/io/detail/pickle.hpp>
#include <cfm/io/torch_options.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {
class TorchBuilder;
}

/// What a value of a checkpoint is; `other` is a class, a bare storage and the like.
enum class TorchKind : std::uint8_t {
  none,
  boolean,
  integer,
  number,
  string,
  list,
  dict,
  tensor,
  other
};

/// A value of a checkpoint. Cheap to copy; keeps the checkpoint alive. Lists stand for tuples too.
/// Errors:  FormatError with the name of the file where a value is not what the caller wants.
class TorchValue {
 public:
  TorchValue() = default;

  TorchKind kind() const;
  bool boolean() const;
  std::int64_t integer() const;
  /// A float or an integer.
  double number() const;
  const std::string& string() const;
  const Tensor& tensor() const;

  /// Items of a list or a dictionary.
  std::size_t size() const;
  /// Item i of a list, value i of a dictionary.
  TorchValue operator[](std::size_t i) const;
  /// Key i of a dictionary as text: strings as they are, integers in decimal, tuples joined by
  /// "__".
  std::string key(std::size_t i) const;
  /// The value of a key, or nothing.   Cost:  linear in the number of keys.
  std::optional<TorchValue> find(std::string_view key) const;
  TorchValue operator[](std::string_view key) const;

 private:
  friend class detail::TorchBuilder;
  friend struct TorchFile;
  struct Content {
    std::string name;  // of the file
    detail::PickleArena arena;
    std::vector<Tensor> tensors;
  };

  TorchValue(std::shared_ptr<const Content> content, detail::PickleId id)
      : content_(std::move(content)), id_(id) {}

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_error<FormatError>(content_ ? content_->name : "torch", ":0: ", parts...);
  }
  template <class T>
  const T* get() const {
    return content_ ? std::get_if<T>(&content_->arena[id_]) : nullptr;
  }
  const std::vector<detail::PickleId>* items() const;
  std::string key_text(detail::PickleId key) const;

  std::shared_ptr<const Content> content_;
  detail::PickleId id_ = 0;
};

/// What a torch checkpoint holds.
struct TorchFile {
  std::string name;  ///< what errors call it: the path
  TorchValue root;   ///< everything: epochs, losses, optimizer settings ...

  /// All tensors, sorted by name. The name is the path through dictionaries and lists joined by
  /// dots: "state_dict.layers.0.weight".
  std::vector<std::pair<std::string, Tensor>> tensors;

  /// The tensor of this name, or null.
  const Tensor* find(std::string_view tensor_name) const;
  /// The tensor of this name.   Errors:  Error if the file has none.
  const Tensor& at(std::string_view tensor_name) const;
  /// The tensors whose names begin with `prefix`, without it.
  std::vector<std::pair<std::string, Tensor>> below(std::string_view prefix) const;
};

/// Reads a checkpoint. A data-only interpreter runs the few pickle opcodes that build dictionaries,
/// lists, tuples, text and numbers, and knows by name what torch needs for tensors; whatever else a
/// pickle may ask for is refused, nothing is imported or called. Tensors share the bytes of the
/// file and keep their strides; tensors that shared memory in torch share it here. Errors: IoError;
/// FormatError "file:offset: ..."; UnsupportedError for other classes and
///          functions (see TorchOptions::records), sparse, quantized and complex tensors, and files
///          of torch before 1.6.
/// Source:  torch/serialization.py, torch/_utils.py.
TorchFile read_torch(const std::filesystem::path& path, const TorchOptions& options = {});

/// The same for bytes in memory, which the tensors share.
TorchFile parse_torch(const Storage& bytes, std::string name, const TorchOptions& options = {});

CFM_NAMESPACE_END

#include <cfm/io/torch_zip-inl.hpp>
