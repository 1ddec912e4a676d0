#pragma once
/// @file  Pictures of vectors: the plane in which they spread most.

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <cfm/circuit/node_kind.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/tensor/tensor.hpp>

#include "svg.hpp"
#include "table.hpp"

namespace examples {

/// The plane in which points spread most, and the points in it.
struct Plane {
  std::vector<std::size_t> rows;  // at most so many, evenly taken
  std::vector<std::array<double, 2>> points;
  double share[2] = {0, 0};  // of the variance
};

inline Plane principal_plane(const cfm::Tensor& x, std::size_t most) {
  const auto values = x.span<float>();
  const auto nodes = static_cast<std::size_t>(x.size(0)),
             width = static_cast<std::size_t>(x.size(1));
  Plane out;
  for (std::size_t v = 0; v < nodes; v += std::max<std::size_t>(1, (nodes + most - 1) / most))
    out.rows.push_back(v);
  std::vector<double> centred(out.rows.size() * width), mean(width, 0);
  const double n = static_cast<double>(out.rows.size());
  for (const std::size_t v : out.rows)
    for (std::size_t c = 0; c < width; ++c) mean[c] += values[v * width + c] / n;
  double total = 0;
  for (std::size_t r = 0; r < out.rows.size(); ++r)
    for (std::size_t c = 0; c < width; ++c) {
      centred[r * width + c] = values[out.rows[r] * width + c] - mean[c];
      total += centred[r * width + c] * centred[r * width + c];
    }
  out.points.resize(out.rows.size());
  std::vector<double> axes[2], image(out.rows.size());
  cfm::Rng rng(1);
  for (std::size_t k = 0; k < 2; ++k) {
    std::vector<double>& axis = axes[k];
    for (std::size_t c = 0; c < width; ++c) axis.push_back(rng.normal());
    double variance = 0;
    for (int iteration = 0; iteration < 40; ++iteration) {
      if (k == 1) {  // across the first axis
        double dot = 0;
        for (std::size_t c = 0; c < width; ++c) dot += axis[c] * axes[0][c];
        for (std::size_t c = 0; c < width; ++c) axis[c] -= dot * axes[0][c];
      }
      double length = 0;
      for (const double a : axis) length += a * a;
      if (length < 1e-30) break;  // no variance is left
      for (double& a : axis) a /= std::sqrt(length);
      variance = 0;
      for (std::size_t r = 0; r < image.size(); ++r) {
        image[r] = 0;
        for (std::size_t c = 0; c < width; ++c) image[r] += centred[r * width + c] * axis[c];
        variance += image[r] * image[r];
        out.points[r][k] = image[r];
      }
      std::vector<double> next(width, 0);
      for (std::size_t r = 0; r < image.size(); ++r)
        for (std::size_t c = 0; c < width; ++c) next[c] += centred[r * width + c] * image[r];
      if (iteration + 1 < 40) axis = std::move(next);
    }
    out.share[k] = total > 0 ? variance / total : 0;
  }
  return out;
}

inline void draw(const Plane& plane, const std::vector<cfm::NodeKind>& kinds,
                 const std::string& title, const std::string& path) {
  const std::pair<cfm::NodeKind, std::string> groups[] = {{cfm::NodeKind::and_gate, "AND"},
                                                          {cfm::NodeKind::not_gate, "NOT"},
                                                          {cfm::NodeKind::output, "output"},
                                                          {cfm::NodeKind::latch, "latch"},
                                                          {cfm::NodeKind::input, "input"}};
  std::vector<Series> series;
  for (const auto& [kind, name] : groups) {
    Series s{.name = name, .points = {}, .line = false, .markers = true};
    for (std::size_t i = 0; i < plane.rows.size(); ++i)
      if (kinds[plane.rows[i]] == kind)
        s.points.emplace_back(plane.points[i][0], plane.points[i][1]);
    if (!s.points.empty()) series.push_back(std::move(s));
  }
  const auto label = [&](const char* which, double share) {
    return std::string(which) + " component (" + fixed(100 * share, 1) + " % of the variance)";
  };
  chart(series, {.title = title,
                 .x_label = label("first", plane.share[0]),
                 .y_label = label("second", plane.share[1])})
      .save(path);
}

}  // namespace examples
