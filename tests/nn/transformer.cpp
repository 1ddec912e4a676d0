#include <cfm/nn/transformer.hpp>

#include <doctest/doctest.h>
#include "module_cases.hpp"
using namespace cfm; using namespace cfm::test;
TEST_CASE("x"){
  const TransformerEncoder<> m({.dim=8,.heads=2,.hidden=16}, Init(Rng(1), DType::f64));
  MESSAGE(summary(m));
  check_module(m, noise({2,3,8},4), [](const auto& mm, const Var& x){ return mm(x); });
}
