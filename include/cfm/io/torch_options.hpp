#pragma once
/// @file  Options for reading torch checkpoints.

#include <cstddef>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// How to read torch checkpoints, and what they may cost.
struct TorchOptions {
  bool map = false;        ///< map the file instead of reading it: see MappedFile
  bool verify_crc = true;  ///< torch can be told to write checksums that are wrong
  /// Objects of classes that cfm does not know become dictionaries of their state. Nothing of the
  /// class is run; references back to an object that is being listed are left out. Off: such files
  /// are refused.
  bool records = false;
  std::size_t pickle_bytes = std::size_t{64} << 20;  ///< of the description without the tensors
  std::size_t values = std::size_t{1} << 22;         ///< numbers, strings, tensors ... in total
  std::size_t depth = 64;                            ///< nesting of dictionaries and lists
};

CFM_NAMESPACE_END
