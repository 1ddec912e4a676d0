#pragma once
/// @file  Pictures as SVG: shapes and text, and charts with axes.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/io/atomic_file.hpp>
#include <cfm/io/file.hpp>

namespace examples {

/// How a shape is drawn. Empty `fill` or `stroke`: none.
struct Style {
  std::string fill;
  std::string stroke;
  double width = 1;    ///< of the stroke, in pixels
  double opacity = 1;
};

/// Where text stands relative to its point.
enum class Anchor { start, middle, end };

/// A picture of given size in pixels; (0, 0) is the upper left corner. Shapes cover earlier ones.
class Svg {
 public:
  Svg(double width, double height, const std::string& background = "white")
      : width_(width), height_(height) {
    if (!background.empty()) rect(0, 0, width, height, {.fill = background, .stroke = {}});
  }

  void rect(double x, double y, double w, double h, const Style& s, double radius = 0) {
    body_ += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", w) +
             attribute("height", h) + (radius > 0 ? attribute("rx", radius) : "") + style(s) +
             "/>\n";
  }
  void circle(double x, double y, double radius, const Style& s) {
    body_ += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) +
             style(s) + "/>\n";
  }
  void line(double x1, double y1, double x2, double y2, const Style& s) {
    body_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
             attribute("y2", y2) + style(s) + "/>\n";
  }
  void polyline(const std::vector<std::pair<double, double>>& points, const Style& s) {
    body_ += "<polyline points=\"";
    for (const auto& [x, y] : points) body_ += number(x) + "," + number(y) + " ";
    body_ += "\"" + style(s) + "/>\n";
  }
  /// Path data in the SVG notation, for curves and for many lines in one element.
  void path(std::string_view data, const Style& s) {
    body_ += "<path d=\"" + escape(data) + "\"" + style(s) + "/>\n";
  }
  void text(double x, double y, std::string_view content, double size = 12,
            Anchor anchor = Anchor::start, std::string_view color = "#222", double degrees = 0) {
    const char* const anchors[] = {"start", "middle", "end"};
    body_ += "<text" + attribute("x", x) + attribute("y", y) + attribute("font-size", size) +
             " text-anchor=\"" + anchors[static_cast<int>(anchor)] + "\" fill=\"" + escape(color) +
             "\"";
    if (degrees != 0)
      body_ += " transform=\"rotate(" + number(degrees) + " " + number(x) + " " + number(y) + ")\"";
    body_ += ">" + escape(content) + "</text>\n";
  }

  /// The whole document.
  std::string document() const {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\"" + attribute("width", width_) +
           attribute("height", height_) + " viewBox=\"0 0 " + number(width_) + " " +
           number(height_) + "\" font-family=\"sans-serif\">\n" + body_ + "</svg>\n";
  }

  /// Writes the document, all of it or nothing.
  void save(const std::filesystem::path& path) const {
    cfm::write_file_atomic(path, std::string_view(document()));
  }

  double width() const { return width_; }
  double height() const { return height_; }

  /// A number in the fewest characters that pixels need.
  static std::string number(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.2f", std::isfinite(value) ? value : 0.0);
    std::string out = buffer;
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
    return out == "-0" ? "0" : out;
  }

 private:
  static std::string attribute(std::string_view key, double value) {
    return " " + std::string(key) + "=\"" + number(value) + "\"";
  }
  static std::string escape(std::string_view text) {
    std::string out;
    for (char c : text) {
      if (c == '<') out += "&lt;";
      else if (c == '>') out += "&gt;";
      else if (c == '&') out += "&amp;";
      else if (c == '"') out += "&quot;";
      else out += c;
    }
    return out;
  }
  static std::string style(const Style& s) {
    std::string out = " fill=\"" + (s.fill.empty() ? "none" : escape(s.fill)) + "\"";
    if (!s.stroke.empty())
      out += " stroke=\"" + escape(s.stroke) + "\"" + attribute("stroke-width", s.width);
    if (s.opacity < 1) out += attribute("opacity", s.opacity);
    return out;
  }

  double width_, height_;
  std::string body_;
};

/// One curve or cloud of a chart.
struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
  bool line = true;     ///< joins the points
  bool markers = false; ///< draws a dot at each
  std::string color{};  ///< empty: the next of a palette
};

/// What a chart is told besides its data.
struct ChartOptions {
  std::string title{}, x_label{}, y_label{};
  bool log_x = false, log_y = false;  ///< values must then be positive; others are left out
  double width = 720, height = 440;
};

namespace detail {

// One axis: from values to pixels, and where its ticks are.
struct Axis {
  bool log = false;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  double from = 0, to = 1;  // pixels

  bool accepts(double v) const { return std::isfinite(v) && (!log || v > 0); }
  double warp(double v) const { return log ? std::log10(v) : v; }
  void include(double v) {
    low = std::min(low, warp(v));
    high = std::max(high, warp(v));
  }
  void settle() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) low -= 0.5, high += 0.5;
    const double margin = 0.03 * (high - low);
    low -= margin;
    high += margin;
  }
  double pixel(double v) const { return from + (warp(v) - low) / (high - low) * (to - from); }

  std::vector<double> ticks() const {
    std::vector<double> out;
    const double rough = (high - low) / 6;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    double step = power * (rough / power < 2 ? 2 : rough / power < 5 ? 5 : 10);
    if (log) step = std::max(1.0, std::round(step));
    const bool few = log && high - low < 2.5;  // decades: 2 and 5 within them have room too
    for (double t = std::ceil(low / step) * step; t <= high + 1e-9 * step; t += step)
      out.push_back(log ? std::pow(10.0, t) : (std::fabs(t) < 1e-9 * step ? 0.0 : t));
    for (double t = std::floor(low); few && t <= high; ++t)
      for (double within : {2.0, 5.0})
        if (const double v = within * std::pow(10.0, t); warp(v) >= low && warp(v) <= high)
          out.push_back(v);
    return out;
  }
};

inline std::string tick_text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return buffer;
}

}  // namespace detail

/// A chart of lines or clouds of points, with axes, grid and legend.
inline Svg chart(const std::vector<Series>& series, const ChartOptions& options = {}) {
  static const char* const palette[] = {"#1f6fb4", "#d9541e", "#2c8f4a",
                                        "#8a4fb0", "#b08a00", "#607080"};
  Svg svg(options.width, options.height);
  detail::Axis x{.log = options.log_x}, y{.log = options.log_y};
  const auto drawn = [&](const std::pair<double, double>& p) {
    return x.accepts(p.first) && y.accepts(p.second);
  };
  for (const Series& s : series)
    for (const auto& p : s.points)
      if (drawn(p)) x.include(p.first), y.include(p.second);
  x.settle();
  y.settle();
  x.from = 70, x.to = options.width - 20;
  y.from = options.height - 50, y.to = options.title.empty() ? 20 : 40;
  for (double t : x.ticks()) {
    svg.line(x.pixel(t), y.from, x.pixel(t), y.to, {.fill = {}, .stroke = "#e4e4e4"});
    svg.text(x.pixel(t), y.from + 16, detail::tick_text(t), 11, Anchor::middle);
  }
  for (double t : y.ticks()) {
    svg.line(x.from, y.pixel(t), x.to, y.pixel(t), {.fill = {}, .stroke = "#e4e4e4"});
    svg.text(x.from - 6, y.pixel(t) + 4, detail::tick_text(t), 11, Anchor::end);
  }
  svg.rect(x.from, y.to, x.to - x.from, y.from - y.to, {.fill = {}, .stroke = "#444"});
  svg.text((x.from + x.to) / 2, options.height - 12, options.x_label, 13, Anchor::middle);
  svg.text(18, (y.from + y.to) / 2, options.y_label, 13, Anchor::middle, "#222", -90);
  svg.text((x.from + x.to) / 2, 24, options.title, 15, Anchor::middle);
  // The legend stands at the right, or at the left if curves pass there.
  double legend = x.to - 150;
  const double legend_end = y.to + 18 + 16 * static_cast<double>(series.size());
  for (const Series& s : series)
    for (const auto& p : s.points)
      if (drawn(p) && x.pixel(p.first) > x.to - 190 && y.pixel(p.second) < legend_end)
        legend = x.from + 12;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const Series& s = series[i];
    const std::string color = s.color.empty() ? palette[i % std::size(palette)] : s.color;
    std::vector<std::pair<double, double>> pixels;
    for (const auto& p : s.points)
      if (drawn(p)) pixels.emplace_back(x.pixel(p.first), y.pixel(p.second));
    if (s.line) svg.polyline(pixels, {.fill = {}, .stroke = color, .width = 1.8});
    if (s.markers)
      for (const auto& [px, py] : pixels) svg.circle(px, py, 3, {.fill = color, .stroke = {}});
    const double row = y.to + 18 + 16 * static_cast<double>(i);
    svg.rect(legend, row - 9, 10, 10, {.fill = color, .stroke = {}});
    svg.text(legend + 15, row, s.name, 11);
  }
  return svg;
}

}  // namespace examples
