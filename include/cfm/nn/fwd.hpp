#pragma once
/// @file  The names of nn/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

struct Parameter;
struct Buffer;
struct AttentionConfig;
struct DenseMatrix;
struct FeedForwardOptions;
struct LinearOptions;
struct LoadOptions;
struct MlpConfig;
struct RecurrentOptions;
struct RopeConfig;
struct SignNetConfig;
struct TransformerConfig;
class Init;
class NamePattern;

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

class BatchNorm1d;
class Embedding;
class GroupNorm;
class LayerNorm;
class NormLayer;
class RmsNorm;
class TopKPool;
struct Dropout;
struct FlashAttention;
struct PlainAttention;
struct TopKResult;
struct VirtualExchange;

CFM_ISA_NAMESPACE_END
