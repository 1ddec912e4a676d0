#pragma once
/// @file  Tensors as text, in the manner of NumPy.

#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// How to_string writes a tensor.
struct PrintOptions {
  int precision = 4;       ///< digits behind the point, at most 17
  Index threshold = 1000;  ///< tensors with more elements than this are summarised
  Index edge = 3;          ///< elements shown at each end of a summarised dimension
  Index line_width = 100;  ///< longer rows are broken
};

namespace detail {

// Formats the elements of one tensor alike: all fixed or all scientific, all of one width.
class ElementWriter {
 public:
  ElementWriter(const std::vector<double>& values, int precision)
      : precision_(std::clamp(precision, 0, 17)) {
    double largest = 0, smallest = std::numeric_limits<double>::infinity();
    for (double v : values) {
      if (!std::isfinite(v) || v == 0) continue;
      largest = std::max(largest, std::fabs(v));
      smallest = std::min(smallest, std::fabs(v));
    }
    scientific_ = largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1e3));
    int needed = 0;
    for (double v : values) needed = std::max(needed, digits_needed(write(v)));
    precision_ = needed;
  }

  std::string write(double value) const {
    if (value != value) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[400];
    const auto format = scientific_ ? std::chars_format::scientific : std::chars_format::fixed;
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format, precision_).ptr;
    std::string text(buffer, end);
    if (precision_ == 0) text.insert(std::min(text.find('e'), text.size()), ".");
    return text;
  }

 private:
  // Behind the point, without closing zeros.
  static int digits_needed(const std::string& text) {
    const std::size_t point = text.find('.');
    if (point == std::string::npos) return 0;
    std::size_t end = std::min(text.find('e'), text.size());
    while (text[end - 1] == '0') --end;
    return static_cast<int>(end - point) - 1;
  }

  int precision_;
  bool scientific_ = false;
};

class TensorWriter {
 public:
  TensorWriter(const Tensor& t, const PrintOptions& options)
      : shape_(t.shape()), options_(options), summarise_(t.size() > options.threshold) {
    collect(t);
    format(t.dtype());
    for (const std::string& text : texts_) width_ = std::max(width_, text.size());
  }

  std::string run() {
    std::string out;
    write(out, 0);
    return out;
  }

 private:
  bool cut(int dim) const { return summarise_ && shape_[dim] > 2 * options_.edge; }

  // Depth is the rank, at most 8.
  void collect(const Tensor& t) {
    if (t.rank() == 0) {
      if (t.dtype() == DType::u64)
        unsigned_.push_back(t.item<std::uint64_t>());
      else if (is_floating(t.dtype()))
        floats_.push_back(t.to(DType::f64).item<double>());
      else
        integers_.push_back(t.to(DType::i64).item<Index>());
      return;
    }
    const int dim = shape_.rank() - t.rank();
    const Index n = shape_[dim];
    for (Index i = 0; i < n; ++i) {
      if (cut(dim) && i == options_.edge) i = n - options_.edge;
      if (i < n) collect(t.select(0, i));
    }
  }

  void format(DType dtype) {
    if (dtype == DType::boolean) {
      for (Index v : integers_) texts_.push_back(v != 0 ? "true" : "false");
      return;
    }
    for (Index v : integers_) texts_.push_back(concat(v));
    for (std::uint64_t v : unsigned_) texts_.push_back(concat(v));
    const ElementWriter writer(floats_, options_.precision);
    for (double v : floats_) texts_.push_back(writer.write(v));
  }

  void element(std::string& out) {
    const std::string& text = texts_[next_++];
    out.append(width_ - text.size(), ' ');
    out += text;
  }

  void write(std::string& out, int dim) {
    if (dim == shape_.rank()) return element(out);
    const Index n = shape_[dim];
    const bool last = dim + 1 == shape_.rank();
    out += '[';
    std::size_t line = out.size();
    const std::string indent(static_cast<std::size_t>(dim) + 1, ' ');
    const auto separate = [&] {
      out += ',';
      if (!last) {
        out.append(static_cast<std::size_t>(shape_.rank() - dim - 1), '\n');
      } else if (out.size() - line + width_ + indent.size() + 2 >
                 static_cast<std::size_t>(std::max<Index>(0, options_.line_width))) {
        out += '\n';
        line = out.size() + indent.size();
      } else {
        out += ' ';
        return;
      }
      out += indent;
    };
    for (Index i = 0; i < n; ++i) {
      if (i > 0) separate();
      if (cut(dim) && i == options_.edge) {
        out += "...";
        i = n - options_.edge;
        if (i == n) break;
        separate();
      }
      write(out, dim + 1);
    }
    out += ']';
  }

  Shape shape_;
  PrintOptions options_;
  bool summarise_;
  std::vector<double> floats_;
  std::vector<Index> integers_;
  std::vector<std::uint64_t> unsigned_;
  std::vector<std::string> texts_;
  std::size_t next_ = 0;
  std::size_t width_ = 0;
};

}  // namespace detail

/// The elements as nested lists, one width for all; large tensors show their edges alone.
/// "[]" for a tensor without elements, whatever its shape.
inline std::string to_string(const Tensor& t, const PrintOptions& options = {}) {
  if (t.size() == 0) return "[]";
  PrintOptions safe = options;
  safe.edge = std::max<Index>(0, options.edge);
  return detail::TensorWriter(t, safe).run();
}

/// Writes type, shape and elements to anything that strings are written to: any std::ostream.
template <class Stream>
requires requires(Stream& out, const std::string& text) { out << text; }
Stream& operator<<(Stream& out, const Tensor& t) {
  std::string text;
  append_text(text, t);
  text += t.rank() > 0 ? "\n" : " ";
  out << text + to_string(t);
  return out;
}

CFM_NAMESPACE_END
