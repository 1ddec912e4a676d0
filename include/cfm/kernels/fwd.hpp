#pragma once
/// @file  The names of kernels/ that other headers mention, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

template <class T>
struct AggregateScale;
template <class T>
struct CrossEntropyOptions;

CFM_NAMESPACE_END
