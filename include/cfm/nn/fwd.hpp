#pragma once
/// @file  The names of nn/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct Parameter;
struct Buffer;
struct DenseMatrix;
struct LinearOptions;
struct LoadOptions;
struct MlpConfig;
struct RecurrentOptions;
class Init;
class NamePattern;

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

class BatchNorm1d;
class Embedding;
class GroupNorm;
class LayerNorm;
class RmsNorm;
struct Dropout;

CFM_ISA_NAMESPACE_END
