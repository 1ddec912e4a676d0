#pragma once
/// @file  The graphs of an Aig that models read, all of them.

#include <cfm/circuit/edge_attribute_graph.hpp>
#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/circuit/gamora_graph.hpp>
