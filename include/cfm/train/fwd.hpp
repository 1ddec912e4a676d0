#pragma once
/// @file  The names of train/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct ParameterGroup;
struct StepOptions;
struct FitOptions;
struct FitResult;
struct TrainingState;
struct PlateauOptions;
class ReduceOnPlateau;
class ConfusionMatrix;

CFM_NAMESPACE_END
