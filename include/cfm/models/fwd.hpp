#pragma once
/// @file  The names of models/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

class GradientBalancer;
struct AdderAccuracy;
struct AreaBatch;
struct CellFunction;
struct CircuitHops;
struct CircuitStates;
struct DeepCellConfig;
struct DeepCellDg3Config;
struct DeepCellGcnConfig;
struct DeepCellGraph;
struct DeepCellHogaConfig;
struct DeepCellPgConfig;
struct DeepGate2Config;
struct DeepGate2Graph;
struct DeepGate2Targets;
struct DeepGate2Weights;
struct DeepGate3Config;
struct DeepGate3EncoderConfig;
struct DeepGate4Config;
struct DeepGate4EncoderConfig;
struct DeepGateConfig;
struct DeepGateGraph;
struct DeepSeq2Config;
struct DeepSeq2Graph;
struct DeepSeq2Targets;
struct DeepSeq2Weights;
struct DeepSeq2Workload;
struct Fgnn2Config;
struct Fgnn2Graph;
struct FuncGnnConfig;
struct GamoraConfig;
struct GamoraTargets;
struct GamoraTrainingOptions;
struct GamoraTrainingResult;
struct GateStates;
struct GateStore;
struct HogaConfig;
struct HogaTrainingOptions;
struct HogaTrainingResult;
struct HopInputs;
struct HopLabels;
struct LinformerConfig;
struct MgvgaConfig;
struct MgvgaGraph;
struct MgvgaTrainingOptions;
struct MgvgaTrainingResult;
struct PolarGateConfig;
struct RefinePart;
struct SignedGraph;

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

class GamoraClassifier;
struct GamoraOutput;
struct PolarGateOutput;
struct SequentialStates;
template <class Aggregator, class LinearT>
class DeepCell;
template <class Aggregator, class LinearT>
class DeepGate;
template <class LinearT>
class DeepCellDg3;
template <class LinearT>
class DeepCellGcn;
template <class LinearT>
class DeepCellHoga;
template <class LinearT>
class DeepCellPg;
template <class Mixer>
class DeepCellJoint;
template <class LinearT>
class DeepGate2;
template <class LinearT>
class DeepGate3;
template <class LinearT>
class DeepGate3Encoder;
template <class LinearT>
class DeepGate4;
template <class LinearT>
class DeepGate4Encoder;
template <class LinearT>
class DeepSeq2;
template <class LinearT>
class Fgnn2;
template <class LinearT>
class FuncGnn;
template <class LinearT>
class Gamora;
template <class LinearT>
class Hoga;
template <class LinearT>
class HogaEncoder;
template <class LinearT>
class Mgvga;
template <class LinearT>
class PolarGate;
template <class LinearT>
class Linformer;

CFM_ISA_NAMESPACE_END
