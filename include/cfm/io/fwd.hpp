#pragma once
/// @file  The names of io/, without their definitions.

#include <cfm/core/fwd.hpp>
#include <cfm/tensor/fwd.hpp>

CFM_NAMESPACE_BEGIN

class AtomicFile;
class Cursor;
class Json;
class JsonObject;
class JsonReader;
class JsonRef;
class MappedFile;
class TorchValue;
class ZipArchive;
class ZipWriter;
enum class JsonKind : std::uint8_t;
enum class TorchKind : std::uint8_t;
struct GzipOptions;
struct JsonDocument;
struct JsonOptions;
struct JsonStyle;
struct NpyOptions;
struct SafetensorsFile;
struct SafetensorsIndex;
struct SafetensorsOptions;
struct TorchFile;
struct TorchOptions;
struct ZipEntry;
struct ZipLimits;

CFM_NAMESPACE_END
