#pragma once
/// @file  The writer of BLIF.

#include <cfm/circuit/detail/net_names.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class BlifWriter {
 public:
  BlifWriter(const Aig& aig, std::string_view model)
      : aig_(aig), model_(model), names_(aig, allowed) {}

  std::string write() {
    refuse_properties(aig_, "BLIF");
    CFM_CHECK(std::all_of(model_.begin(), model_.end(), allowed),
              "format_blif: a name has no blanks, '#', '=' or backslash", model_);
    out_ = concat(".model ", model_, "\n");
    ports(".inputs", aig_.inputs(), [&](std::size_t i) -> const std::string& {
      return names_.variable(aig_.input_variable(i));
    });
    ports(".outputs", aig_.outputs(),
          [&](std::size_t i) -> const std::string& { return names_.output(i); });
    write_latches();
    write_ands();
    for (const auto& [name, literal] : drivers_) write_driver(name, literal);
    for (std::size_t i = 0; i < aig_.outputs(); ++i)
      if (!names_.is_driven(i)) write_driver(names_.output(i), aig_.output_literals()[i]);
    out_ += ".end\n";
    return std::move(out_);
  }

 private:
  static bool allowed(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code > ' ' && code != 127 && c != '#' && c != '=' && c != '\\';
  }

  // A list over as many lines of at most 100 characters as it needs.
  template <class NameOf>
  void ports(std::string_view directive, std::size_t n, const NameOf& name_of) {
    if (n == 0) return;
    out_ += directive;
    std::size_t column = directive.size();
    for (std::size_t i = 0; i < n; ++i) {
      const std::string& name = name_of(i);
      if (column + name.size() > 97) {
        out_ += " \\\n";
        column = 0;
      }
      out_ += ' ';
      out_ += name;
      column += 1 + name.size();
    }
    out_ += '\n';
  }

  void write_latches() {
    for (std::size_t i = 0; i < aig_.latches().size(); ++i) {
      const Latch& latch = aig_.latches()[i];
      const std::string& name = names_.variable(aig_.latch_variable(i));
      std::string next = names_.variable(latch.next.variable());
      if (latch.next.inverted() || latch.next.variable() == 0) {
        next = names_.generate(concat(name, "_next"));
        drivers_.emplace_back(next, latch.next);
      }
      const char reset = latch.reset == Reset::zero ? '0' : latch.reset == Reset::one ? '1' : '3';
      out_ += concat(".latch ", next, " ", name, " ", reset, "\n");
    }
  }

  const std::string& net(std::uint32_t v) {
    if (v != 0) return names_.variable(v);
    if (zero_.empty()) {
      zero_ = names_.generate("zero");
      out_ += concat(".names ", zero_, "\n");
    }
    return zero_;
  }

  void write_ands() {
    for (std::uint32_t v = aig_.first_and(); v < aig_.variables(); ++v) {
      const auto [a, b] = aig_.fanins(v);
      const std::string& left = net(a.variable());
      const std::string& right = net(b.variable());
      out_ += ".names ";
      out_ += left;
      out_ += ' ';
      out_ += right;
      out_ += ' ';
      out_ += names_.variable(v);
      out_ += '\n';
      out_ += a.inverted() ? '0' : '1';
      out_ += b.inverted() ? '0' : '1';
      out_ += " 1\n";
    }
  }

  void write_driver(const std::string& name, Literal literal) {
    if (literal.variable() == 0) {
      out_ += concat(".names ", name, literal.inverted() ? "\n1\n" : "\n");
    } else {
      out_ += concat(".names ", names_.variable(literal.variable()), " ", name, "\n",
                     literal.inverted() ? '0' : '1', " 1\n");
    }
  }

  const Aig& aig_;
  std::string_view model_;
  NetNames names_;
  std::string zero_;  // the net of the constant, once there is one
  std::vector<std::pair<std::string, Literal>> drivers_;
  std::string out_;
};

}  // namespace detail
CFM_NAMESPACE_END
