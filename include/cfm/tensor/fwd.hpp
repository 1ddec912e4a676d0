#pragma once
/// @file  The names of tensor/, without their definitions.

#include <cstddef>

#include <cfm/core/fwd.hpp>

CFM_NAMESPACE_BEGIN

class BufferPool;
class Extents;
class Shape;
class Storage;
class Tensor;
struct Comparison;
struct PoolUsage;
struct PrintOptions;
struct Slice;
struct Tolerance;
template <class T, std::size_t R>
struct View;
using Strides = Extents;

CFM_NAMESPACE_END
