#pragma once
/// @file  Which Verilog module uses which.

#include <cfm/circuit/detail/gate_order.hpp>
#include <cfm/circuit/detail/verilog_module.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class VerilogHierarchy {
 public:
  // Refuses modules that are defined twice, and those that contain themselves.
  VerilogHierarchy(const std::vector<VerilogModule>& modules, const TextCursor& text)
      : modules_(modules), text_(text) {
    for (const VerilogModule& module : modules_) {
      const std::size_t known = names_.size();
      if (names_.intern(module.name) < known)
        module.source->fail_at(module.position, "module ", quoted(module.name),
                               " is defined twice");
    }
    check_depth();
  }

  // The number of a module, or NameTable::none.
  std::uint32_t find(std::string_view name) const { return names_.find(name); }

  // The module that is named, or the one of the file that no other uses.
  std::uint32_t top(std::string_view name) const {
    if (!name.empty()) {
      const std::uint32_t named = names_.find(name);
      if (named == NameTable::none) text_.fail_at(0, "there is no module ", quoted(name));
      return named;
    }
    std::vector<bool> used(modules_.size());
    for (const VerilogModule& module : modules_)
      for (const auto& instance : module.instances)
        if (const std::uint32_t child = names_.find(instance.type);
            child != NameTable::none && !instance.is_primitive)
          used[child] = true;
    std::uint32_t found = NameTable::none;
    for (std::uint32_t m = 0; m < modules_.size(); ++m) {
      if (used[m] || modules_[m].is_library) continue;
      if (found != NameTable::none)
        text_.fail_at(modules_[m].position, "no module uses ", quoted(modules_[found].name),
                      ", nor ", quoted(modules_[m].name), ": name one in VerilogOptions::top");
      found = m;
    }
    return found;  // there is one: modules do not contain themselves
  }

 private:
  void check_depth() const {
    const auto used = [&](std::uint32_t m, std::uint32_t k) {
      if (k == modules_[m].instances.size()) return no_operand;
      const auto& instance = modules_[m].instances[k];
      const std::uint32_t child =
          instance.is_primitive ? NameTable::none : names_.find(instance.type);
      return child == NameTable::none || modules_[child].is_opaque ? not_a_gate : child;
    };
    const auto n = static_cast<std::uint32_t>(modules_.size());
    if (const auto cyclic = for_gates_in_order(n, used, [](std::uint32_t) {})) {
      const VerilogModule& module = modules_[*cyclic];
      module.source->fail_at(module.position, "module ", quoted(module.name), " contains itself");
    }
  }

  const std::vector<VerilogModule>& modules_;
  const TextCursor& text_;
  NameTable names_;
};

}  // namespace detail
CFM_NAMESPACE_END
