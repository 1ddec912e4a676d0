#pragma once
/// @file  What two units built for different instruction sets hand to each other.

#include <string>

#include <cfm/circuit/aig.hpp>
#include <cfm/tensor/tensor.hpp>

/// Made by one unit, read and recomputed by the other.
struct Exchange {
  std::string target;  ///< SIMD target of the kernels of the unit that made it
  cfm::Tensor left;    ///< f32[19, 37], small integers, so that every order of sums is exact
  cfm::Tensor right;   ///< f32[37, 23], likewise
  cfm::Tensor product;  ///< their product, by the kernels of the unit
  cfm::Aig adder;
};

// exchange_unit.cpp is compiled twice: these are defined by the unit with -m flags ..
Exchange make_fast();
std::string check_fast(const Exchange& other);
// .. and these by the unit without. A check returns what is wrong, or nothing.
Exchange make_plain();
std::string check_plain(const Exchange& other);
