#pragma once
/// @file  The names of exec/, without their definitions.

#include <type_traits>

#include <cfm/core/fwd.hpp>

CFM_NAMESPACE_BEGIN

class ThreadLimit;
template <class T>
requires std::is_trivially_copyable_v<T>
class Scratch;

CFM_NAMESPACE_END
