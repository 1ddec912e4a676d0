#pragma once
/// @file  DLPack: tensors to and from other libraries of the same process, without a copy.
/// Source:  the DLPack specification, version 1.0 (dmlc.github.io/dlpack).

#include <memory>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail::dlpack {

// The C structures of the specification: their layout is fixed, their names are ours.
struct Device {
  std::int32_t type;
  std::int32_t id;
};
struct DataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct Array {
  void* data;
  Device device;
  std::int32_t rank;
  DataType type;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null for dense row-major (before version 1.2)
  std::uint64_t byte_offset;
};
struct Managed {
  Array array;
  void* context;
  void (*deleter)(Managed*);
};
struct Version {
  std::uint32_t major;
  std::uint32_t minor;
};
struct ManagedVersioned {
  Version version;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  Array array;
};
inline constexpr std::int32_t cpu = 1, pinned = 3;  // pinned: host memory that a GPU may read
inline constexpr std::uint64_t read_only = 1;
static_assert(sizeof(void*) != 8 ||
              (sizeof(Array) == 48 && sizeof(Managed) == 64 && sizeof(ManagedVersioned) == 80));

struct TypeEntry {
  DType dtype;
  DataType type;
};
inline constexpr std::array<TypeEntry, 17> types{{
    {DType::f64, {2, 64, 1}},
    {DType::f32, {2, 32, 1}},
    {DType::bf16, {4, 16, 1}},
    {DType::f16, {2, 16, 1}},
    {DType::f8_e4m3fn, {10, 8, 1}},
    {DType::f8_e5m2, {12, 8, 1}},
    {DType::f8_e4m3fnuz, {11, 8, 1}},
    {DType::f8_e5m2fnuz, {13, 8, 1}},
    {DType::boolean, {6, 8, 1}},
    {DType::i8, {0, 8, 1}},
    {DType::i16, {0, 16, 1}},
    {DType::i32, {0, 32, 1}},
    {DType::i64, {0, 64, 1}},
    {DType::u8, {1, 8, 1}},
    {DType::u16, {1, 16, 1}},
    {DType::u32, {1, 32, 1}},
    {DType::u64, {1, 64, 1}},
}};

inline DType to_dtype(DataType type) {
  for (const TypeEntry& e : types)
    if (e.type.code == type.code && e.type.bits == type.bits && type.lanes == 1) return e.dtype;
  throw_error<TypeError>("from_dlpack: no element type of cfm has code ", type.code, ", ",
                         type.bits, " bits, ", type.lanes, " lanes");
}

inline DataType to_type(DType dtype) {
  for (const TypeEntry& e : types)
    if (e.dtype == dtype) return e.type;
  throw_error<TypeError>("to_dlpack: no code for ", dtype);
}

// What an exported struct points to.
template <class M>
struct Owner {
  Tensor tensor;
  Strides strides;
  Shape shape;
  M managed{};
};

template <class M>
M* export_tensor(const Tensor& t) {
  auto owner = std::make_unique<Owner<M>>();
  owner->tensor = t;
  owner->shape = t.shape();
  owner->strides = t.strides();
  Array& array = owner->managed.array;
  // Writing through DLPack is the importer's business; `read_only` says where it must not.
  array.data = const_cast<std::byte*>(t.bytes());
  array.device = {cpu, 0};
  array.rank = t.rank();
  array.type = to_type(t.dtype());
  array.shape = &owner->shape[0];
  array.strides = &owner->strides[0];
  owner->managed.context = owner.get();
  owner->managed.deleter = [](M* self) { delete static_cast<Owner<M>*>(self->context); };
  return &owner.release()->managed;
}

// The bytes before and behind the first element that the array reaches.
struct Reach {
  Index low = 0;
  Index high = 0;
};

inline Reach reach(const Shape& shape, const Strides& strides, Index element) {
  Reach out;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] <= 1) continue;
    const auto steps = checked_mul(strides[d], shape[d] - 1);
    const auto bytes = steps ? checked_mul(*steps, element) : std::nullopt;
    Index& side = bytes && *bytes < 0 ? out.low : out.high;
    const auto sum = bytes ? checked_add(side, *bytes) : std::nullopt;
    CFM_CHECK(sum && *sum < Index{1} << 62 && *sum > -(Index{1} << 62),
              "from_dlpack: strides reach beyond any memory", shape, strides);
    side = *sum;
  }
  return out;
}

template <class M>
Tensor import_tensor(M* managed, bool writable) {
  const Array& array = managed->array;
  CFM_CHECK(array.device.type == cpu || array.device.type == pinned,
            "from_dlpack: the memory must belong to the CPU, got device type", array.device.type);
  CFM_CHECK(0 <= array.rank && array.rank <= max_rank, "from_dlpack: rank is at most 8, got",
            array.rank);
  CFM_CHECK(array.rank == 0 || array.shape != nullptr, "from_dlpack: the shape is missing");
  const DType dtype = to_dtype(array.type);
  const auto rank = static_cast<std::size_t>(array.rank);
  const Shape shape(std::span<const Index>(array.shape, rank));
  const Strides strides = array.strides == nullptr
                              ? row_major(shape)
                              : Strides(std::span<const Index>(array.strides, rank));
  const auto release = [managed] {
    if (managed->deleter != nullptr) managed->deleter(managed);
  };
  if (shape.size() == 0) {
    Tensor out = Tensor::empty(shape, dtype);
    release();
    return out;
  }
  CFM_CHECK(array.data != nullptr, "from_dlpack: the data is missing", shape);
  CFM_CHECK(array.byte_offset < std::uint64_t{1} << 62, "from_dlpack: the offset is too large",
            array.byte_offset);
  const Index element = size_of(dtype);
  const Reach r = reach(shape, strides, element);
  std::byte* const first = static_cast<std::byte*>(array.data) + array.byte_offset;
  CFM_CHECK(reinterpret_cast<std::uintptr_t>(first) % static_cast<std::uintptr_t>(element) == 0,
            "from_dlpack: elements must be aligned to their size", dtype);
  // The last step that may fail is inside: from then on the tensor owns the struct.
  return Tensor(Storage::foreign(first + r.low, static_cast<std::size_t>(r.high - r.low + element),
                                 release, writable),
                dtype, shape, strides, -r.low);
}

}  // namespace detail::dlpack

/// A `DLManagedTensor*` that shares the elements; static_cast it to the type of your DLPack header.
/// Its deleter, called once by the consumer, lets go of them.
/// Errors:  UnsupportedError for memory that must not be written: that struct cannot say so.
inline void* to_dlpack(const Tensor& t) {
  if (!t.storage().writable())
    throw UnsupportedError(
        "to_dlpack: the memory is read-only; clone() it, or use "
        "to_dlpack_versioned, which can say so");
  return detail::dlpack::export_tensor<detail::dlpack::Managed>(t);
}

/// The same as a `DLManagedTensorVersioned*` of DLPack 1.0.
inline void* to_dlpack_versioned(const Tensor& t) {
  auto* out = detail::dlpack::export_tensor<detail::dlpack::ManagedVersioned>(t);
  out->version = {1, 0};
  out->flags = t.storage().writable() ? 0 : detail::dlpack::read_only;
  return out;
}

/// A tensor that shares the elements of a `DLManagedTensor*` and calls its deleter with its last
/// copy. Where it throws, the struct still belongs to the caller.
/// Errors:  Error for a null pointer, another device, or a rank above 8; TypeError for element
///          types that cfm has not, vector lanes, or misaligned data; ShapeError for extents or
///          strides that no memory can have. Whether the memory is as large as the shape says only
///          the producer knows.
inline Tensor from_dlpack(void* managed) {
  CFM_CHECK(managed != nullptr, "from_dlpack: the pointer is null");
  return detail::dlpack::import_tensor(static_cast<detail::dlpack::Managed*>(managed), true);
}

/// The same from a `DLManagedTensorVersioned*`; read-only memory is copied before a write.
/// Errors:  also UnsupportedError for another major version than 1.
inline Tensor from_dlpack_versioned(void* managed) {
  CFM_CHECK(managed != nullptr, "from_dlpack: the pointer is null");
  auto* const m = static_cast<detail::dlpack::ManagedVersioned*>(managed);
  if (m->version.major != 1)
    throw_error<UnsupportedError>("from_dlpack: version 1 is read, got ", m->version.major, ".",
                                  m->version.minor);
  return detail::dlpack::import_tensor(m, (m->flags & detail::dlpack::read_only) == 0);
}

CFM_NAMESPACE_END
