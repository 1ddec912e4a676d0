#pragma once
/// @file  The names of graph/, without their definitions.

#include <cstdint>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct CsrView;
class Graph;
class GraphBatch;
struct LevelGroups;
class NeighborhoodFinder;
class SubgraphCutter;
enum class ConeRelation : std::uint8_t;
enum class ConeRule : std::uint8_t;
enum class Direction : std::uint8_t;
enum class PartOrder : std::uint8_t;
struct Area;
struct AreaOptions;
struct ConeOptions;
struct ConnectivityOptions;
struct ConnectivityPairs;
struct EditDistance;
struct EditDistanceOptions;
struct FaninSlotOptions;
struct HopFeatureOptions;
struct LaplacianEigenvectors;
struct LaplacianOptions;
struct NeighborSample;
struct Part;
struct PartitionOptions;
struct Reached;
struct SampleOptions;
struct ShortestPathOptions;
struct SourceSupport;
struct Subgraph;

CFM_NAMESPACE_END
