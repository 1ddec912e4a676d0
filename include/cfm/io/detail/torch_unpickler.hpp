#pragma once
/// @file  What the pickle of a torch checkpoint may name, and the tensors that it describes.

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cfm/core/checked.hpp>
#include <cfm/io/detail/pickle.hpp>
#include <cfm/io/tensor_bytes.hpp>
#include <cfm/io/torch_options.hpp>
#include <cfm/io/zip.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// Kinds of PickleHandle.
inline constexpr std::uint32_t torch_tensor = 0, torch_storage = 1;

enum class TorchName : std::uint32_t {
  dict,
  tensor,
  tensor_v2,
  tensor_v3,
  parameter,
  size,
  device,
  untyped_storage,
  storage,
  element,
  record
};

struct TorchGlobal {
  std::string_view module, name;
  TorchName what;
  std::optional<DType> dtype = {};
};

// Everything that a pickle may name. `torch.float32` and its kin are plain names.
inline constexpr std::array torch_globals = {
    TorchGlobal{"collections", "OrderedDict", TorchName::dict},
    TorchGlobal{"torch._utils", "_rebuild_tensor", TorchName::tensor},
    TorchGlobal{"torch._utils", "_rebuild_tensor_v2", TorchName::tensor_v2},
    TorchGlobal{"torch._utils", "_rebuild_tensor_v3", TorchName::tensor_v3},
    TorchGlobal{"torch._utils", "_rebuild_parameter", TorchName::parameter},
    TorchGlobal{"torch._utils", "_rebuild_parameter_with_state", TorchName::parameter},
    TorchGlobal{"torch", "Size", TorchName::size},
    TorchGlobal{"torch", "device", TorchName::device},
    TorchGlobal{"torch.storage", "UntypedStorage", TorchName::untyped_storage},
    TorchGlobal{"torch", "UntypedStorage", TorchName::untyped_storage},
    TorchGlobal{"torch", "DoubleStorage", TorchName::storage, DType::f64},
    TorchGlobal{"torch", "FloatStorage", TorchName::storage, DType::f32},
    TorchGlobal{"torch", "BFloat16Storage", TorchName::storage, DType::bf16},
    TorchGlobal{"torch", "HalfStorage", TorchName::storage, DType::f16},
    TorchGlobal{"torch", "BoolStorage", TorchName::storage, DType::boolean},
    TorchGlobal{"torch", "CharStorage", TorchName::storage, DType::i8},
    TorchGlobal{"torch", "ShortStorage", TorchName::storage, DType::i16},
    TorchGlobal{"torch", "IntStorage", TorchName::storage, DType::i32},
    TorchGlobal{"torch", "LongStorage", TorchName::storage, DType::i64},
    TorchGlobal{"torch", "ByteStorage", TorchName::storage, DType::u8},
    TorchGlobal{"torch", "float64", TorchName::element, DType::f64},
    TorchGlobal{"torch", "float32", TorchName::element, DType::f32},
    TorchGlobal{"torch", "bfloat16", TorchName::element, DType::bf16},
    TorchGlobal{"torch", "float16", TorchName::element, DType::f16},
    TorchGlobal{"torch", "float8_e4m3fn", TorchName::element, DType::f8_e4m3fn},
    TorchGlobal{"torch", "float8_e5m2", TorchName::element, DType::f8_e5m2},
    TorchGlobal{"torch", "float8_e4m3fnuz", TorchName::element, DType::f8_e4m3fnuz},
    TorchGlobal{"torch", "float8_e5m2fnuz", TorchName::element, DType::f8_e5m2fnuz},
    TorchGlobal{"torch", "bool", TorchName::element, DType::boolean},
    TorchGlobal{"torch", "int8", TorchName::element, DType::i8},
    TorchGlobal{"torch", "int16", TorchName::element, DType::i16},
    TorchGlobal{"torch", "int32", TorchName::element, DType::i32},
    TorchGlobal{"torch", "int64", TorchName::element, DType::i64},
    TorchGlobal{"torch", "uint8", TorchName::element, DType::u8},
    TorchGlobal{"torch", "uint16", TorchName::element, DType::u16},
    TorchGlobal{"torch", "uint32", TorchName::element, DType::u32},
    TorchGlobal{"torch", "uint64", TorchName::element, DType::u64},
    TorchGlobal{"", "", TorchName::record},  // any class, with TorchOptions::records
};

// The handler of Pickle for torch: finds storages in the archive and makes tensors over them.
class TorchUnpickler {
 public:
  using Machine = Pickle<TorchUnpickler>;

  TorchUnpickler(const Storage& bytes, const std::string& name, const TorchOptions& options)
      : bytes_(bytes), options_(options), archive_(open(bytes, name)) {
    for (const ZipEntry& entry : archive_.entries())
      if (entry.name.ends_with("/data.pkl") &&
          entry.name.find('/') == entry.name.size() - std::string_view("/data.pkl").size()) {
        if (pickle_) fail_at(entry.offset, "the archive has two checkpoints");
        pickle_ = &entry;
      }
    if (!pickle_) fail_at(0, "not a torch checkpoint: the archive has no data.pkl");
    stem_ = pickle_->name.substr(0, pickle_->name.find('/') + 1);
    if (pickle_->size > options.pickle_bytes)
      fail_at(pickle_->offset, "data.pkl takes ", pickle_->size, " bytes, limit ",
              options.pickle_bytes);
    if (const ZipEntry* order = archive_.find(stem_ + "byteorder"))
      if (order->size == 3 && as_text(archive_.read(*order)) == "big") order_ = std::endian::big;
  }

  PickleId run() {
    const std::vector<std::byte> text = archive_.read(*pickle_);
    const std::string label = concat(archive_.name(), "/", pickle_->name);
    Machine machine(Cursor(text, label), *this, options_.values);
    const PickleId root = machine.run();
    arena = std::move(machine.arena());
    return root;
  }

  // The results.
  PickleArena arena;
  std::vector<Tensor> tensors;

  // What Pickle calls.
  PickleGlobal global(const Machine& machine, std::string_view module,
                      std::string_view name) const {
    for (std::size_t i = 0; i + 1 < torch_globals.size(); ++i)
      if (torch_globals[i].module == module && torch_globals[i].name == name)
        return {static_cast<std::uint32_t>(i)};
    if (options_.records) return {static_cast<std::uint32_t>(torch_globals.size() - 1)};
    machine.refuse("the pickle names ", printable(module), ".", printable(name),
                   ", which is not among the names of plain checkpoints; save a state dict, or set "
                   "TorchOptions::records to read objects as dictionaries");
  }
  PickleNode reduce(const Machine& machine, PickleGlobal callable, const PickleTuple& arguments);
  PickleNode create(const Machine& machine, PickleGlobal of) const {
    if (torch_globals[of.code].what != TorchName::record)
      machine.fail("this is no class of records");
    return PickleDict{};
  }
  void build(Machine& machine, PickleId object, PickleId state) const {
    auto& dict = std::get<PickleDict>(machine.arena()[object]);
    const auto* content = std::get_if<PickleDict>(&machine[state]);
    // A state beside items is attributes, which plain checkpoints do without.
    if (options_.records && dict.items.empty() && content) dict.items = content->items;
  }
  PickleNode persistent(const Machine& machine, const PickleNode& id);

 private:
  struct LoadedStorage {
    Storage storage;
    std::optional<DType> dtype;  // none: untyped
    Index bytes;
  };

  static ZipArchive open(const Storage& bytes, const std::string& name) {
    const std::span<const std::byte> all(bytes.data(), bytes.bytes());
    constexpr std::string_view old_magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8";
    if (as_text(all).starts_with(old_magic))
      throw_error<UnsupportedError>(name,
                                    ":0: a checkpoint of torch before 1.6, which is no zip "
                                    "archive; load and save it with a newer torch");
    return ZipArchive(all, name);
  }

  static std::string printable(std::string_view text) {
    std::string out(text.substr(0, 80));
    for (char& c : out)
      if (c < ' ' || c > '~') c = '?';
    return out;
  }

  template <class... Parts>
  [[noreturn]] void fail_at(std::uint64_t offset, const Parts&... parts) const {
    throw_error<FormatError>(archive_.name(), ":", offset, ": ", parts...);
  }

  Storage load(const Machine& machine, const std::string& key, DType dtype);
  PickleNode make_tensor(const Machine& machine, const PickleTuple& arguments,
                         std::optional<DType> dtype);
  Extents extents(const Machine& machine, PickleId id) const;
  PickleDict make_dict(const Machine& machine, const PickleTuple& arguments) const;

  const Storage& bytes_;
  const TorchOptions& options_;
  ZipArchive archive_;
  const ZipEntry* pickle_ = nullptr;
  std::string stem_;
  std::endian order_ = std::endian::little;
  std::vector<LoadedStorage> storages_;
  std::map<std::string, std::uint32_t> storage_of_key_;
};

inline PickleNode TorchUnpickler::reduce(const Machine& machine, PickleGlobal callable,
                                         const PickleTuple& arguments) {
  const auto& items = arguments.items;
  switch (torch_globals[callable.code].what) {
    case TorchName::dict: return make_dict(machine, arguments);
    case TorchName::tensor:
    case TorchName::tensor_v2: return make_tensor(machine, arguments, std::nullopt);
    case TorchName::tensor_v3: {
      if (items.size() < 7) machine.fail("_rebuild_tensor_v3 wants at least 7 arguments");
      const auto element = machine.get<PickleGlobal>(items[6], "the element type");
      const auto dtype = torch_globals[element.code].dtype;
      if (!dtype) machine.fail("the element type has another type than expected");
      return make_tensor(machine, arguments, dtype);
    }
    case TorchName::parameter:
      if (items.empty()) machine.fail("_rebuild_parameter wants a tensor");
      if (machine.get<PickleHandle>(items[0], "a parameter").kind != torch_tensor)
        machine.fail("_rebuild_parameter wants a tensor");
      return machine[items[0]];
    case TorchName::size: {
      if (items.size() != 1) machine.fail("torch.Size wants one argument");
      if (const auto* list = std::get_if<PickleList>(&machine[items[0]]))
        return PickleTuple{list->items};
      return machine.get<PickleTuple>(items[0], "torch.Size");
    }
    case TorchName::device:
      if (items.empty()) machine.fail("torch.device wants a name");
      return machine.get<std::string>(items[0], "torch.device");
    case TorchName::untyped_storage:
    case TorchName::storage:
    case TorchName::element:
    case TorchName::record: break;
  }
  machine.refuse("the pickle calls what is not a function of plain checkpoints");
}

inline PickleDict TorchUnpickler::make_dict(const Machine& machine,
                                            const PickleTuple& arguments) const {
  PickleDict out;
  if (arguments.items.empty()) return out;
  const PickleNode& from = machine[arguments.items[0]];
  if (const auto* dict = std::get_if<PickleDict>(&from)) return *dict;
  for (PickleId id : machine.get<PickleList>(arguments.items[0], "an ordered dictionary").items) {
    const auto* list = std::get_if<PickleList>(&machine[id]);
    const auto* tuple = std::get_if<PickleTuple>(&machine[id]);
    if (!list && !tuple) machine.fail("an item of an ordered dictionary is no pair");
    const auto& pair = list ? list->items : tuple->items;
    if (pair.size() != 2) machine.fail("an item of an ordered dictionary is no pair");
    out.items.emplace_back(pair[0], pair[1]);
  }
  return out;
}

// ("storage", type, key, device, elements)
inline PickleNode TorchUnpickler::persistent(const Machine& machine, const PickleNode& id) {
  const auto* tuple = std::get_if<PickleTuple>(&id);
  if (!tuple || tuple->items.size() != 5 ||
      machine.get<std::string>(tuple->items[0], "a persistent id") != "storage")
    machine.fail("a persistent id must be a storage");
  const TorchGlobal& type =
      torch_globals[machine.get<PickleGlobal>(tuple->items[1], "the type of a storage").code];
  const bool untyped = type.what == TorchName::untyped_storage;
  if (!untyped && type.what != TorchName::storage)
    machine.refuse("a storage of a type that cfm does not have");
  const std::string& key = machine.get<std::string>(tuple->items[2], "the key of a storage");
  const auto count = machine.get<std::int64_t>(tuple->items[4], "the size of a storage");
  const DType dtype = untyped ? DType::u8 : *type.dtype;
  const auto bytes = checked_mul(Index{count}, size_of(dtype));
  const auto [at, is_new] =
      storage_of_key_.emplace(key, static_cast<std::uint32_t>(storages_.size()));
  if (is_new) {
    Storage storage = load(machine, key, dtype);
    storages_.push_back({std::move(storage), untyped ? std::nullopt : type.dtype, 0});
    storages_.back().bytes = static_cast<Index>(storages_.back().storage.bytes());
  }
  const LoadedStorage& loaded = storages_[at->second];
  if (count < 0 || !bytes || *bytes != loaded.bytes)
    machine.fail("storage ", printable(key), " has ", loaded.bytes, " bytes, the pickle says ",
                 count, " elements of ", size_of(dtype));
  if (loaded.dtype != (untyped ? std::nullopt : type.dtype))
    machine.fail("storage ", printable(key), " has two element types");
  return PickleHandle{torch_storage, at->second};
}

inline Storage TorchUnpickler::load(const Machine& machine, const std::string& key, DType dtype) {
  const ZipEntry* entry = archive_.find(concat(stem_, "data/", key));
  if (!entry) machine.fail("the archive lacks storage ", printable(key));
  const auto size = static_cast<std::size_t>(size_of(dtype));
  if (entry->size % size != 0) machine.fail("storage ", printable(key), " ends inside an element");
  if (order_ == std::endian::big && size > 1)
    machine.refuse("checkpoints that were written on a big-endian machine are not supported");
  const Shape shape{static_cast<Index>(entry->size / size)};
  if (entry->deflated) {
    std::vector<std::byte> data =
        inflate(archive_.raw(*entry), entry->size, archive_.name(), entry->offset);
    if (options_.verify_crc) archive_.verify(*entry, data);
    return tensor_from_bytes(data, dtype, shape).storage();
  }
  const auto data = archive_.raw(*entry);
  if (options_.verify_crc) archive_.verify(*entry, data);
  // Untyped storages may hold any type; 8 bytes are the widest.
  if (size == 1 && reinterpret_cast<std::uintptr_t>(data.data()) % 8 != 0)
    return tensor_from_bytes(data, dtype, shape).storage();
  return tensor_over_bytes(bytes_, data, dtype, shape).storage();
}

inline Extents TorchUnpickler::extents(const Machine& machine, PickleId id) const {
  const auto& items = machine.get<PickleTuple>(id, "a size or stride").items;
  if (items.size() > max_rank)
    machine.refuse("tensors have at most ", max_rank, " dimensions in cfm, got ", items.size());
  Extents out;
  for (PickleId item : items) out.push_back(machine.get<std::int64_t>(item, "a size or stride"));
  return out;
}

// (storage, offset, size, stride, ...); offset and strides in elements.
inline PickleNode TorchUnpickler::make_tensor(const Machine& machine, const PickleTuple& arguments,
                                              std::optional<DType> dtype) {
  const auto& items = arguments.items;
  if (items.size() < 4) machine.fail("a tensor wants at least 4 arguments");
  const auto handle = machine.get<PickleHandle>(items[0], "the storage of a tensor");
  if (handle.kind != torch_storage) machine.fail("the storage of a tensor has another type");
  const LoadedStorage& loaded = storages_[handle.index];
  if (!dtype) dtype = loaded.dtype;
  if (!dtype) machine.fail("a tensor over an untyped storage names no element type");
  if (loaded.dtype && loaded.dtype != dtype)
    machine.fail("a tensor of ", *dtype, " over a storage of ", *loaded.dtype);
  if (!loaded.dtype && dtype == DType::boolean &&
      !are_bools({loaded.storage.data(), loaded.storage.bytes()}))
    machine.fail("a tensor of bools has other bytes than 0 and 1");
  const auto offset =
      checked_mul(Index{machine.get<std::int64_t>(items[1], "an offset")}, size_of(*dtype));
  if (!offset || *offset < 0) machine.fail("the offset of a tensor is out of range");
  const Extents shape = extents(machine, items[2]), strides = extents(machine, items[3]);
  try {
    Tensor tensor(loaded.storage, *dtype, Shape(shape), strides, *offset);
    // Stride 0 lets a few bytes stand for any number of elements; whoever copies them pays.
    constexpr Index expansion = 16;
    const Index room = static_cast<Index>(bytes_.bytes()) * expansion;
    if (tensor.size() > room / size_of(*dtype))
      machine.fail("a tensor of ", tensor.size(), " elements in a file of ", bytes_.bytes(),
                   " bytes");
    tensors.push_back(std::move(tensor));
  } catch (const ShapeError& error) {
    machine.fail(std::string_view(error.what()));
  }
  return PickleHandle{torch_tensor, static_cast<std::uint32_t>(tensors.size() - 1)};
}

}  // namespace detail

CFM_NAMESPACE_END
