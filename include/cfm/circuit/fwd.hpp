#pragma once
/// @file  The names of circuit/, without their definitions.

#include <cstdint>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct Literal;
struct Latch;
enum class Reset : std::uint8_t;
class Aig;
class Strash;
class BitRows;
class ConeFinder;
struct Cone;
class AigNetwork;
class Netlist;
struct NetlistOptions;
struct StateTable;
struct VerilogOptions;
struct YosysJsonOptions;
enum class PinDirection : std::uint8_t;
enum class StateEncoding : std::uint8_t;
struct AdderLabels;
struct AdderRecord;
struct AdderTargets;
struct Adders;
struct XorRecord;
struct EdgeAttributeGraph;
struct ExplicitNotGraph;
struct GamoraGraph;
struct CutOptions;
template <int K>
struct Cut;
template <int K>
class CutSets;
enum class NodeKind : std::uint8_t;
struct Fanouts;
struct BenchOptions;
struct BlifOptions;
struct ResetOptions;
struct ProbabilityOptions;
class HopFinder;
class WindowCutter;
enum class LeafCode : std::int8_t;
struct Activity;
struct ActivityOptions;
struct ConeSampleOptions;
struct FunctionalClassOptions;
struct FunctionalClasses;
struct Hop;
struct HopMembers;
struct HopOptions;
struct HopPairOptions;
struct HopPairs;
struct HopTensors;
struct InputWorkload;
struct NodeFunctions;
struct PatternOptions;
struct ReconvergenceTable;
struct ReconvergenceOptions;
struct SkipEdgeGraph;
struct SourcePatterns;
struct Testability;
struct TruthTablePairOptions;
struct TruthTablePairs;
struct WindowOptions;
enum class AigerFormat : std::uint8_t;
enum class UndefinedReset : std::uint8_t;

CFM_NAMESPACE_END
