#pragma once
/// @file  Arithmetic on sizes that come from files or callers: overflow is reported, not wrapped.

#include <concepts>
#include <optional>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// a * b, or nothing if it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// a + b, or nothing if it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

CFM_NAMESPACE_END
