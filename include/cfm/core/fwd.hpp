#pragma once
/// @file  The names of core/, without their definitions.

#include <cstdint>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// What a tensor's elements are. Sub-byte and block formats are packed types, not elements.
enum class DType : std::uint8_t {
  f64, f32, bf16, f16, f8_e4m3fn, f8_e5m2, f8_e4m3fnuz, f8_e5m2fnuz,
  boolean, i8, i16, i32, i64, u8, u16, u32, u64
};

enum class Isa : std::uint8_t;
class Rng;
struct Error;
struct FormatError;
struct IoError;
struct NumericError;
struct Progress;
struct ShapeError;
struct TypeError;
struct UnsupportedError;

CFM_NAMESPACE_END
