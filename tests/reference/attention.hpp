#pragma once
/// @file  Attention as its formula says, in double, with the whole matrix of scores.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include <cfm/tensor/view.hpp>

namespace cfm::reference {

struct Attention {
  std::vector<double> out;        ///< [batch, heads, queries, v width]
  std::vector<double> logsumexp;  ///< [batch, heads, queries]
};

/// score(batch, head, query, key, s): the score in place of s; -infinity hides the key.
template <class T>
Attention attention(View<const T, 4> q, View<const T, 4> k, View<const T, 4> v, double scale,
                    const std::function<double(Index, Index, Index, Index, double)>& score) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Index group = k.extent[1] > 0 ? q.extent[1] / k.extent[1] : 1;
  Attention result;
  for (Index b = 0; b < q.extent[0]; ++b)
    for (Index h = 0; h < q.extent[1]; ++h)
      for (Index i = 0; i < q.extent[2]; ++i) {
        std::vector<double> s;
        double high = -infinity;
        for (Index j = 0; j < k.extent[2]; ++j) {
          double dot = 0;
          for (Index e = 0; e < q.extent[3]; ++e)
            dot += static_cast<double>(q(b, h, i, e)) * static_cast<double>(k(b, h / group, j, e));
          s.push_back(score(b, h, i, j, dot * scale));
          high = std::max(high, s.back());
        }
        double sum = 0;
        for (double& value : s) sum += value = high == -infinity ? 0 : std::exp(value - high);
        result.logsumexp.push_back(sum > 0 ? high + std::log(sum) : -infinity);
        for (Index e = 0; e < v.extent[3]; ++e) {
          double out = 0;
          for (Index j = 0; j < k.extent[2]; ++j)
            if (s[static_cast<std::size_t>(j)] > 0)
              out +=
                  s[static_cast<std::size_t>(j)] / sum * static_cast<double>(v(b, h / group, j, e));
          result.out.push_back(out);
        }
      }
  return result;
}

}  // namespace cfm::reference
