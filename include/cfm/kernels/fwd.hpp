#pragma once
/// @file  The names of kernels/ that other headers mention, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct CrossEntropyOptions;

template <class T>
struct AggregateScale;

CFM_NAMESPACE_END
