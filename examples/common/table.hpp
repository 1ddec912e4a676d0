#pragma once
/// @file  Aligned text tables for the output of programs.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace examples {

/// "12.50" for (12.5, 2).
inline std::string fixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

/// "1,234,567".
inline std::string grouped(std::int64_t value) {
  std::string out = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t i = out.size(); i > first + 3;) out.insert(i -= 3, 1, ',');
  return out;
}

/// Bytes in the unit that reads best: "512 B", "3.2 MB".
inline std::string human_bytes(double bytes) {
  const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  for (; bytes >= 1000 && unit < 4; ++unit) bytes /= 1000;
  return fixed(bytes, unit == 0 ? 0 : bytes < 10 ? 2 : 1) + " " + units[unit];
}

/// Rows of text in columns. Columns are right-aligned but the first, unless said otherwise.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : left_(header.size(), false) {
    if (!left_.empty()) left_[0] = true;
    rows_.push_back(std::move(header));
  }

  /// Aligns a column to the left or to the right.
  Table& align_left(std::size_t column, bool left = true) {
    left_.at(column) = left;
    return *this;
  }

  /// Adds a row; missing cells stay empty, cells too many are dropped.
  Table& add(std::vector<std::string> cells) {
    cells.resize(left_.size());
    rows_.push_back(std::move(cells));
    return *this;
  }

  /// The table as lines of text.
  std::string text() const {
    std::vector<std::size_t> width(left_.size(), 0);
    for (const auto& row : rows_)
      for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], length(row[c]));
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      out += line(rows_[r], width);
      if (r > 0) continue;
      for (std::size_t c = 0; c < width.size(); ++c)
        out += (c > 0 ? "  " : "") + std::string(width[c], '-');
      out += '\n';
    }
    return out;
  }

  void print(std::FILE* file = stdout) const { std::fputs(text().c_str(), file); }

 private:
  // Characters, not bytes: continuation bytes of UTF-8 take no room.
  static std::size_t length(const std::string& cell) {
    return static_cast<std::size_t>(
        std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  }

  std::string line(const std::vector<std::string>& row,
                   const std::vector<std::size_t>& width) const {
    std::string out;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string pad(width[c] - length(row[c]), ' ');
      out += c > 0 ? "  " : "";
      out += left_[c] ? row[c] + pad : pad + row[c];
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  }

  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> left_;
};

}  // namespace examples
