#pragma once
/// @file  BLIF models into one Aig: the hierarchy is flattened, then gates are built in order.

#include <cfm/circuit/detail/blif_parser.hpp>
#include <cfm/circuit/detail/cover.hpp>
#include <cfm/circuit/detail/signals.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class BlifReader {
 public:
  BlifReader(std::string_view text, std::string_view name, std::string_view library,
             std::size_t max_flattened, bool undriven_is_false)
      : text_(text, name),
        library_(library, "library"),
        max_flattened_(max_flattened),
        undriven_is_false_(undriven_is_false) {
    BlifParser(text_, models_).parse();
    if (!library.empty()) BlifParser(library_, models_).parse();
  }

  Aig read() {
    index_models();
    check_size();
    flatten();
    build_sources();
    build_functions();
    const BlifModel& top = models_[0];
    for (const std::uint32_t output : top.outputs)
      build_.add_output(driven_value({0, 0}, top, output, top.position),
                        std::string(top.signals[output]));
    for (std::size_t i = 0; i < registers_.size(); ++i) {
      const auto& [model, line] = found(registers_[i]);
      const auto& latch = model.registers[line];
      build_.set_next(i, driven_value(registers_[i], model, latch.next, latch.position));
    }
    return remove_dangling(build_.take());
  }

 private:
  struct Instance {
    std::uint32_t model;
    std::size_t map;  // where its signals are in map_
  };
  struct Item {  // a line of a model in an instance of it
    std::uint32_t instance, line;
  };
  struct Found {
    const BlifModel& model;
    std::uint32_t line;
  };

  Found found(Item item) const { return {models_[instances_[item.instance].model], item.line}; }
  std::uint32_t global(Item item, std::uint32_t signal) const {
    return map_[instances_[item.instance].map + signal];
  }

  void index_models() {
    for (const BlifModel& model : models_) {
      const std::size_t known = model_names_.size();
      if (model_names_.intern(model.name) < known)
        model.source->fail_at(model.position, "model ", quoted(model.name), " is defined twice");
    }
  }

  // What flattening would give, counted from the leaves up, before anything is flattened.
  void check_size() {
    std::vector<std::uint64_t> size(models_.size());
    const auto used = [&](std::uint32_t m, std::uint32_t k) {
      if (k == models_[m].uses.size()) return no_operand;
      const std::uint32_t model = model_names_.find(models_[m].uses[k].model);
      return model == NameTable::none ? not_a_gate : model;
    };
    const auto count = [&](std::uint32_t m) {
      const BlifModel& model = models_[m];
      // Covers cost time too, if little: 16 characters count as one function.
      std::uint64_t n = 1 + model.signals.size() + model.functions.size() +
                        (model.operands.size() + model.cells.size()) / 16;
      for (std::uint32_t k = 0; k < model.uses.size(); ++k)
        if (const std::uint32_t child = used(m, k); child != not_a_gate)
          n = std::min<std::uint64_t>(n + size[child], UINT64_MAX / 2);
      size[m] = n;
    };
    const auto n = static_cast<std::uint32_t>(models_.size());
    if (const auto cyclic = for_gates_in_order(n, used, count)) {
      const BlifModel& model = models_[*cyclic];
      model.source->fail_at(model.position, "model ", quoted(model.name), " contains itself");
    }
    // A flat file is as large as it is; the limit is for what a hierarchy multiplies.
    if (!models_[0].uses.empty() && size[0] > max_flattened_)
      text_.fail_at(models_[0].position, "flattened, the circuit has ", size[0],
                    " signals and functions, more than the limit of ", max_flattened_);
  }

  void flatten() {
    instances_.push_back({0, 0});
    for (std::uint32_t s = 0; s < models_[0].signals.size(); ++s) map_.push_back(s);
    signals_.resize(map_.size());
    for (std::uint32_t i = 0; i < instances_.size(); ++i) {
      const BlifModel& model = models_[instances_[i].model];
      for (std::uint32_t k = 0; k < model.functions.size(); ++k) {
        const auto& f = model.functions[k];
        const auto gate = static_cast<std::uint32_t>(gates_.size());
        if (!signals_.drive(global({i, k}, f.signal), gate))
          fail_twice(model, f.signal, f.position);
        gates_.push_back({i, k});
      }
      for (std::uint32_t k = 0; k < model.registers.size(); ++k) {
        const auto& r = model.registers[k];
        if (!signals_.drive_by_source(global({i, k}, r.signal)))
          fail_twice(model, r.signal, r.position);
        registers_.push_back({i, k});
      }
      for (const auto& use : model.uses) instantiate(i, model, use);
    }
  }

  void instantiate(std::uint32_t parent, const BlifModel& model, const BlifModel::Use& use) {
    const std::uint32_t number = model_names_.find(use.model);
    const TextCursor& source = *model.source;
    if (number == NameTable::none)
      source.fail_at(use.position, "unknown model ", quoted(use.model),
                     use.is_gate ? "; give the cells of its library as BLIF models" : "");
    const BlifModel& child = models_[number];
    if (child.is_black_box)
      source.fail_at(use.position, "model ", quoted(use.model), " is a black box");

    port_.assign(child.signals.size(), Port::inner);
    for (const std::uint32_t signal : child.outputs) port_[signal] = Port::output;
    for (const std::uint32_t signal : child.inputs) port_[signal] = Port::input;
    const std::size_t map = map_.size();
    map_.resize(map + child.signals.size(), Signals::none);
    for (std::uint32_t k = 0; k < use.count; ++k) {
      const auto& binding = model.bindings[use.bindings + k];
      const std::uint32_t formal = child.signals.find(binding.formal);
      if (formal == NameTable::none || port_[formal] == Port::inner)
        source.fail_at(binding.position, "model ", quoted(use.model), " has no pin ",
                       quoted(binding.formal));
      if (map_[map + formal] != Signals::none)
        source.fail_at(binding.position, "pin ", quoted(binding.formal), " is connected twice");
      map_[map + formal] = global({parent, 0}, binding.actual);
    }
    auto fresh = static_cast<std::uint32_t>(signals_.size());
    for (std::uint32_t s = 0; s < child.signals.size(); ++s) {
      if (map_[map + s] != Signals::none) continue;
      if (port_[s] == Port::input)
        source.fail_at(use.position, "input ", quoted(child.signals[s]), " of model ",
                       quoted(use.model), " is not connected");
      map_[map + s] = fresh++;
    }
    signals_.resize(fresh);
    instances_.push_back({number, map});
  }

  void build_sources() {
    const BlifModel& top = models_[0];
    for (const std::uint32_t input : top.inputs) {
      if (!signals_.drive_by_source(input)) fail_twice(top, input, top.position);
      signals_.set(input, build_.add_input(std::string(top.signals[input])));
    }
    for (const Item item : registers_) {
      const auto& [model, line] = found(item);
      const auto& latch = model.registers[line];
      std::string name(model.signals[latch.signal]);
      if (item.instance > 0) name = concat("u", item.instance, "/", name);
      signals_.set(global(item, latch.signal), build_.add_latch(latch.reset, std::move(name)));
    }
  }

  void build_functions() {
    CoverBuilder covers(build_);
    const auto operand = [&](std::uint32_t gate, std::uint32_t k) {
      const auto& [model, line] = found(gates_[gate]);
      const auto& f = model.functions[line];
      return k == f.count ? no_operand
                          : signals_.gate(global(gates_[gate], model.operands[f.operands + k]));
    };
    const auto n = static_cast<std::uint32_t>(gates_.size());
    const auto cyclic = for_gates_in_order(n, operand, [&](std::uint32_t gate) {
      const auto& [model, line] = found(gates_[gate]);
      const auto& f = model.functions[line];
      std::uint32_t lacks = Signals::none;
      std::vector<Literal> inputs;
      for (std::uint32_t k = 0; k < f.count; ++k)
        inputs.push_back(
            signals_.value(global(gates_[gate], model.operands[f.operands + k]), lacks));
      const Literal sum = covers.build(cover_of(model, f), inputs);
      signals_.set(global(gates_[gate], f.signal), sum ^ !f.value, lacks);
    });
    if (!cyclic) return;
    const auto& [model, line] = found(gates_[*cyclic]);
    const auto& f = model.functions[line];
    model.source->fail_at(f.position, "combinational cycle through ",
                          quoted(model.signals[f.signal]));
  }

  // No rows at all mean false.
  static Cover cover_of(const BlifModel& model, const BlifModel::Function& f) {
    Cover cover(f.rows);
    const char* cell = model.cells.data() + f.cells;
    for (Cube& cube : cover)
      for (std::uint32_t k = 0; k < f.count; ++k, ++cell)
        if (*cell != '-') cube.push_back(2 * k + (*cell == '0' ? 1u : 0u));
    if (f.rows == 0 && !f.value) cover.emplace_back();
    return cover;
  }

  // The literal of a signal that an output or a latch at `position` reads.
  Literal driven_value(Item item, const BlifModel& model, std::uint32_t local,
                       std::size_t position) const {
    const std::uint32_t signal = global(item, local);
    std::uint32_t lacks = Signals::none;
    const Literal literal = signals_.value(signal, lacks);
    if (lacks == Signals::none || undriven_is_false_) return literal;
    static constexpr std::string_view hint =
        " is used here and driven nowhere (BlifOptions::undriven_is_false makes it false)";
    for (const Item gate : gates_) {  // the first function that reads it says where
      const auto& [reader, line] = found(gate);
      const auto& f = reader.functions[line];
      for (std::uint32_t k = 0; k < f.count && lacks != signal; ++k)
        if (const std::uint32_t s = reader.operands[f.operands + k]; global(gate, s) == lacks)
          reader.source->fail_at(f.position, quoted(reader.signals[s]), hint);
    }
    model.source->fail_at(position, quoted(model.signals[local]), hint);
  }

  [[noreturn]] static void fail_twice(const BlifModel& model, std::uint32_t signal,
                                      std::size_t position) {
    model.source->fail_at(position, quoted(model.signals[signal]), " is driven twice");
  }

  enum class Port : std::uint8_t { inner, input, output };

  TextCursor text_, library_;
  std::size_t max_flattened_;
  bool undriven_is_false_;
  std::vector<BlifModel> models_;
  NameTable model_names_;
  std::vector<Instance> instances_;
  std::vector<std::uint32_t> map_;  // the flattened signal of each signal of each instance
  std::vector<Item> gates_, registers_;
  std::vector<Port> port_;
  Signals signals_;
  Strash build_;
};

}  // namespace detail
CFM_NAMESPACE_END
