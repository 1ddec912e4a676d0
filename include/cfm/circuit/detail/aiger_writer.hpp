#pragma once
/// @file  The writer of both AIGER encodings.

#include <charconv>

#include <cfm/circuit/detail/aig_copy.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class AigerWriter {
 public:
  AigerWriter(const Aig& aig, bool binary) : aig_(aig), binary_(binary) {}

  std::string write() {
    for_each_sink(aig_, [&](Literal literal) { aig_.check_literal(literal); });
    write_header();
    write_sources();
    const Aig::Properties& p = aig_.properties;
    write_list(aig_.output_literals());
    write_list(p.bad);
    write_list(p.constraints);
    for (const auto& list : p.justice) number(list.size(), '\n');
    for (const auto& list : p.justice) write_list(list);
    write_list(p.fairness);
    write_ands();
    write_names('i', aig_.inputs(), [&](std::size_t i) { return aig_.input_name(i); });
    write_names('l', aig_.latches().size(), [&](std::size_t i) { return aig_.latch_name(i); });
    write_names('o', aig_.outputs(), [&](std::size_t i) { return aig_.output_name(i); });
    write_names('b', p.bad_names, p.bad.size());
    write_names('c', p.constraint_names, p.constraints.size());
    write_names('j', p.justice_names, p.justice.size());
    write_names('f', p.fairness_names, p.fairness.size());
    if (!aig_.comment.empty()) out_ += concat("c\n", aig_.comment);
    return std::move(out_);
  }

 private:
  void number(std::uint64_t value, char after) {
    char buffer[24];
    char* const end = std::to_chars(buffer, buffer + sizeof buffer - 1, value).ptr;
    *end = after;
    out_.append(buffer, end + 1);
  }

  void write_header() {
    const Aig::Properties& p = aig_.properties;
    const std::size_t counts[] = {aig_.variables() - 1, aig_.inputs(),    aig_.latches().size(),
                                  aig_.outputs(),       aig_.ands(),      p.bad.size(),
                                  p.constraints.size(), p.justice.size(), p.fairness.size()};
    std::size_t shown = std::size(counts);
    while (shown > 5 && counts[shown - 1] == 0) --shown;
    out_ = binary_ ? "aig " : "aag ";
    for (std::size_t i = 0; i < shown; ++i) number(counts[i], i + 1 < shown ? ' ' : '\n');
  }

  void write_sources() {
    if (!binary_)
      for (std::size_t i = 0; i < aig_.inputs(); ++i)
        number(2 * std::uint64_t{aig_.input_variable(i)}, '\n');
    for (std::size_t i = 0; i < aig_.latches().size(); ++i) {
      const Latch& latch = aig_.latches()[i];
      const std::uint64_t own = 2 * std::uint64_t{aig_.latch_variable(i)};
      if (!binary_) number(own, ' ');
      number(latch.next.value, latch.reset == Reset::zero ? '\n' : ' ');
      if (latch.reset == Reset::one) out_ += "1\n";
      if (latch.reset == Reset::undefined) number(own, '\n');
    }
  }

  void write_list(std::span<const Literal> literals) {
    for (const Literal literal : literals) number(literal.value, '\n');
  }

  void delta(std::uint32_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>((value & 0x7F) | 0x80);
    out_ += static_cast<char>(value);
  }

  void write_ands() {
    std::uint32_t lhs = 2 * aig_.first_and();
    for (const auto& [rhs0, rhs1] : aig_.all_fanins()) {
      if (binary_) {
        delta(lhs - rhs0.value);
        delta(rhs0.value - rhs1.value);
      } else {
        number(lhs, ' ');
        number(rhs0.value, ' ');
        number(rhs1.value, '\n');
      }
      lhs += 2;
    }
  }

  template <class NameOf>
  void write_names(char kind, std::size_t n, const NameOf& name_of) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::string& name = name_of(i);
      if (name.empty()) continue;
      CFM_CHECK(name.find('\n') == std::string::npos, "format_aiger: a name has no line ends", kind,
                i);
      out_ += kind;
      number(i, ' ');
      out_ += name;
      out_ += '\n';
    }
  }
  void write_names(char kind, const std::vector<std::string>& names, std::size_t n) {
    CFM_CHECK(names.size() <= n, "format_aiger: more names than properties", kind, names.size(), n);
    write_names(kind, names.size(), [&](std::size_t i) -> const std::string& { return names[i]; });
  }

  const Aig& aig_;
  const bool binary_;
  std::string out_;
};

}  // namespace detail
CFM_NAMESPACE_END
