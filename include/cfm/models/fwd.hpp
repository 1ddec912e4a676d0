#pragma once
/// @file  The names of models/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct AdderAccuracy;
struct GamoraConfig;
struct GamoraTargets;
struct GamoraTrainingOptions;
struct GamoraTrainingResult;

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

class GamoraClassifier;
struct GamoraOutput;
template <class LinearT>
class Gamora;

CFM_ISA_NAMESPACE_END
