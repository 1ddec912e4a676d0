#pragma once
#include <string>

#include <cfm/tensor/tensor.hpp>

struct Product {
  cfm::Tensor value;
  std::string target;
};

Product product_plain(const cfm::Tensor& a);
Product product_v3(const cfm::Tensor& a);
