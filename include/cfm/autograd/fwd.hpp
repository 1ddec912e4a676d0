#pragma once
/// @file  The names of autograd/, without their definitions.

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

class Gradients;
class Saved;
class Tape;
class Var;
struct GradcheckOptions;
struct GradcheckReport;
struct TapeOptions;

CFM_NAMESPACE_END
