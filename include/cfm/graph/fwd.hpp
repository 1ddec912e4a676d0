#pragma once
/// @file  The names of graph/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct CsrView;
class Graph;
class GraphBatch;
struct LevelGroups;

CFM_NAMESPACE_END
