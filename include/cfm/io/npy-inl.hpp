#pragma once
/// @file  Functions of npy.hpp. Included by it alone.

#include <array>

#include <cfm/core/checked.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/npy.hpp>
#include <cfm/io/tensor_bytes.hpp>
#include <cfm/io/zip.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

struct NpyType {
  std::string_view code;  // kind and item size
  DType dtype;
};
inline constexpr std::array<NpyType, 12> npy_types{{
    {"b1", DType::boolean},
    {"i1", DType::i8},
    {"i2", DType::i16},
    {"i4", DType::i32},
    {"i8", DType::i64},
    {"u1", DType::u8},
    {"u2", DType::u16},
    {"u4", DType::u32},
    {"u8", DType::u64},
    {"f2", DType::f16},
    {"f4", DType::f32},
    {"f8", DType::f64},
}};

// Reads the header: the literal of a Python dictionary with three known keys. Nothing is evaluated.
class NpyHeader {
 public:
  NpyHeader(Cursor text, const NpyOptions& options) : text_(text) {
    bool has_descr = false, has_order = false, has_shape = false;
    const auto once = [&](bool& seen, std::string_view key) {
      if (seen) text_.fail("the header has ", key, " twice");
      seen = true;
    };
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        once(has_descr, key);
        read_type(options);
      } else if (key == "fortran_order") {
        once(has_order, key);
        read_order();
      } else if (key == "shape") {
        once(has_shape, key);
        read_shape();
      } else {
        text_.fail("the header has an unknown key");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!text_.at_end()) text_.fail("nothing may follow the dictionary in the header");
    if (!has_descr || !has_order || !has_shape)
      text_.fail("the header needs descr, fortran_order and shape");
  }

  DType dtype = DType::f32;
  std::endian order = std::endian::little;
  bool fortran = false;
  Extents shape;

 private:
  char look() const { return text_.at_end() ? '\0' : static_cast<char>(text_.rest()[0]); }
  char next() { return static_cast<char>(text_.take(1, "the header")[0]); }
  void skip_space() {
    while (look() == ' ' || look() == '\n' || look() == '\t' || look() == '\r') next();
  }
  bool accept(char wanted) {
    skip_space();
    if (look() != wanted) return false;
    next();
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) text_.fail("the header wants '", wanted, "' here");
  }

  std::string_view quoted() {
    skip_space();
    const char quote = look();
    if (quote != '\'' && quote != '"') text_.fail("the header wants a quoted word here");
    next();
    const std::string_view rest = as_text(text_.rest());
    const std::size_t size = rest.find(quote);
    if (size == std::string_view::npos || rest.substr(0, size).find('\\') != std::string_view::npos)
      text_.fail("the header has a damaged word");
    const std::string_view out = text_.text(size, "a word");
    next();
    return out;
  }

  void read_type(const NpyOptions& options) {
    skip_space();
    if (look() == '[' || look() == '(')
      throw_error<UnsupportedError>(text_.name(), ":", text_.offset(),
                                    ": arrays of records are not supported");
    const std::uint64_t place = text_.offset();
    const std::string_view descr = quoted();
    std::string_view code = descr;
    const char mark = code.empty() ? '\0' : code[0];
    if (mark == '<' || mark == '>' || mark == '|' || mark == '=')
      code.remove_prefix(1);
    else
      text_.fail("descr must begin with a byte order");
    order = mark == '<'   ? std::endian::little
            : mark == '>' ? std::endian::big
                          : std::endian::native;
    if (options.raw && code == concat("V", size_of(*options.raw))) {
      dtype = *options.raw;
      if (mark == '|') order = std::endian::little;
      return;
    }
    for (const NpyType& type : npy_types)
      if (type.code == code && (mark != '|' || size_of(type.dtype) == 1)) {
        dtype = type.dtype;
        return;
      }
    const bool raw = code.starts_with('V'), object = code.starts_with('O');
    throw_error<UnsupportedError>(
        text_.name(), ":", place, ": the element type \"", descr, "\" is not supported",
        object ? ": it means pickled Python objects" : "",
        raw ? "; if these are bf16 or 8-bit floats, set NpyOptions::raw" : "");
  }

  void read_order() {
    skip_space();
    const std::string_view rest = as_text(text_.rest());
    fortran = rest.starts_with("True");
    if (!fortran && !rest.starts_with("False")) text_.fail("fortran_order is True or False");
    text_.take(fortran ? 4 : 5, "fortran_order");
  }

  void read_shape() {
    expect('(');
    bool comma = true;
    while (!accept(')')) {
      if (!comma) text_.fail("a comma must stand between extents");
      if (shape.rank() == max_rank)
        throw_error<UnsupportedError>(text_.name(), ":", text_.offset(), ": arrays have at most ",
                                      max_rank, " dimensions in cfm");
      shape.push_back(read_extent());
      comma = accept(',');
    }
    if (shape.rank() == 1 && !comma) text_.fail("one extent in parentheses is no tuple");
  }

  Index read_extent() {
    skip_space();
    Index value = 0;
    if (look() < '0' || look() > '9') text_.fail("an extent must stand here");
    while (look() >= '0' && look() <= '9') {
      const auto product = checked_mul(value, Index{10});
      const auto sum = product ? checked_add(*product, Index{next() - '0'}) : std::nullopt;
      if (!sum) text_.fail("an extent does not fit 64 bits");
      value = *sum;
    }
    if (look() == 'L') next();  // Python 2 wrote its long integers so
    return value;
  }

  Cursor text_;
};

inline std::string npy_head(const Tensor& tensor, const NpyOptions& options) {
  std::string code;
  const Index size = size_of(tensor.dtype());
  for (const NpyType& type : npy_types)
    if (type.dtype == tensor.dtype()) code = concat(size == 1 ? "|" : "<", type.code);
  if (options.raw == tensor.dtype()) code = concat("|V", size);
  if (code.empty())
    throw_error<TypeError>("npy: NumPy has no ", tensor.dtype(),
                           "; set NpyOptions::raw to write items without a type");
  std::string dict = concat("{'descr': '", code, "', 'fortran_order': False, 'shape': (");
  for (int d = 0; d < tensor.rank(); ++d) dict += concat(d > 0 ? ", " : "", tensor.size(d));
  dict += tensor.rank() == 1 ? ",), }" : "), }";
  constexpr std::size_t fixed = 10, alignment = 64;
  dict.append((alignment - (fixed + dict.size() + 1) % alignment) % alignment, ' ');
  dict += '\n';
  std::string out = concat(npy_magic, '\1', '\0');
  append_little(out, static_cast<std::uint16_t>(dict.size()));
  return out + dict;
}

}  // namespace detail

inline Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name,
                        const NpyOptions& options) {
  Cursor cursor(bytes, name);
  if (cursor.text(detail::npy_magic.size(), "the magic bytes") != detail::npy_magic)
    throw_error<FormatError>(name, ":0: not a .npy file");
  const auto major = cursor.read<std::uint8_t>("the version");
  const auto minor = cursor.read<std::uint8_t>("the version");
  if (major < 1 || major > 3 || minor != 0)
    throw_error<FormatError>(name, ":6: version ", major, ".", minor, " of .npy is unknown");
  const std::uint64_t length = major == 1 ? cursor.read<std::uint16_t>("the header length")
                                          : cursor.read<std::uint32_t>("the header length");
  if (length > options.max_header)
    cursor.fail("the header is said to take ", length, " bytes, limit ", options.max_header);
  const std::uint64_t place = cursor.offset();
  const detail::NpyHeader header(Cursor(cursor.take(length, "the header"), name, place), options);
  std::optional<Index> count = size_of(header.dtype);
  bool is_empty = false;
  for (Index extent : header.shape) {
    is_empty = is_empty || extent == 0;
    if (count) count = checked_mul(*count, std::max(extent, Index{1}));
  }
  // The bound of Shape, kept here with the place in the file.
  if (!count || *count / size_of(header.dtype) > Index{1} << 59)
    throw_error<FormatError>(name, ":", place, ": the shape has too many elements");
  if (is_empty) count = 0;
  const auto data = cursor.take(static_cast<std::uint64_t>(*count), "the array");
  if (!cursor.at_end()) cursor.fail(cursor.left(), " bytes follow the array");
  if (!header.fortran)
    return tensor_from_bytes(data, header.dtype, Shape(header.shape), header.order);
  Extents reversed, back;
  for (int d = header.shape.rank() - 1; d >= 0; --d) {
    reversed.push_back(header.shape[d]);
    back.push_back(d);
  }
  return tensor_from_bytes(data, header.dtype, Shape(reversed), header.order)
      .permute(back)
      .contiguous();
}

inline Tensor read_npy(const std::filesystem::path& path, const NpyOptions& options) {
  return parse_npy(read_file(path), path.string(), options);
}

inline std::vector<std::byte> npy_bytes(const Tensor& tensor, const NpyOptions& options) {
  const std::string head = detail::npy_head(tensor, options);
  const auto bytes = as_bytes(head);
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  emit_little(tensor, [&](auto data) { out.insert(out.end(), data.begin(), data.end()); });
  return out;
}

inline void write_npy(const std::filesystem::path& path, const Tensor& tensor,
                      const NpyOptions& options) {
  const std::string head = detail::npy_head(tensor, options);
  AtomicFile file(path);
  file.write(as_bytes(head));
  emit_little(tensor, [&](auto data) { file.write(data); });
  file.commit();
}

inline std::vector<std::pair<std::string, Tensor>> parse_npz(std::span<const std::byte> bytes,
                                                             const std::string& name,
                                                             const NpyOptions& options) {
  const ZipArchive archive(bytes, name);
  std::vector<std::pair<std::string, Tensor>> out;
  for (const ZipEntry& entry : archive.entries()) {
    constexpr std::string_view suffix = ".npy";
    if (!std::string_view(entry.name).ends_with(suffix)) continue;
    out.emplace_back(entry.name.substr(0, entry.name.size() - suffix.size()),
                     parse_npy(archive.read(entry), concat(name, "/", entry.name), options));
  }
  return out;
}

inline std::vector<std::pair<std::string, Tensor>> read_npz(const std::filesystem::path& path,
                                                            const NpyOptions& options) {
  return parse_npz(read_file(path), path.string(), options);
}

inline void write_npz(const std::filesystem::path& path,
                      std::span<const std::pair<std::string, Tensor>> arrays,
                      const NpyOptions& options) {
  AtomicFile file(path);
  ZipWriter writer([&](auto bytes) { file.write(bytes); });
  for (const auto& array : arrays) {
    const std::string head = detail::npy_head(array.second, options);
    emit_little(array.second, [&](auto data) {
      writer.add(array.first + ".npy", {as_bytes(head), data});
    });
  }
  writer.finish();
  file.commit();
}

CFM_NAMESPACE_END
