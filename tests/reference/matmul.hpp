#pragma once
/// @file  The matrix product as its definition has it, in double.

#include <cstddef>
#include <vector>

namespace cfm::reference {

/// a [m, k] times b [k, n], row-major.
template <class T>
std::vector<double> matmul(const std::vector<T>& a, const std::vector<T>& b, std::size_t m,
                           std::size_t k, std::size_t n) {
  std::vector<double> out(m * n, 0.0);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t l = 0; l < k; ++l)
        out[i * n + j] += static_cast<double>(a[i * k + l]) * static_cast<double>(b[l * n + j]);
  return out;
}

/// The rows of x as columns.
template <class T>
std::vector<T> transposed(const std::vector<T>& x, std::size_t rows, std::size_t cols) {
  std::vector<T> out(x.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) out[c * rows + r] = x[r * cols + c];
  return out;
}

}  // namespace cfm::reference
