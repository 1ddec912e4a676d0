#pragma once
/// @file  Many circuits through many encoders: one line for each pair, a failure is a line too.

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <cfm/io/json.hpp>
#include <cfm/tensor/pool.hpp>

#include "circuit_files.hpp"
#include "peak_memory.hpp"
#include "table.hpp"

namespace examples {

struct SurveyOptions {
  cfm::Index max_nodes = 0;     // circuits with more are skipped; 0: no limit
  bool undriven_false = false;  // see read_for_encoders
  std::string json{};           // written after every circuit; empty: not at all
};

/// Runs every encoder on every file and prints what came out, then a summary of each folder.
class EncoderSurvey {
 public:
  EncoderSurvey(const std::vector<Encoder>& encoders, const ModelSource& from,
                SurveyOptions options)
      : encoders_(encoders), options_(std::move(options)) {
    for (const Encoder& e : encoders) loaded_.push_back(e.load(from));
  }

  /// Returns how many pairs of circuit and encoder failed.
  int run(const std::vector<std::filesystem::path>& files) {
    std::printf("%-14s %-24s %-17s %9s %8s %9s %9s  %s\n", "family", "circuit", "encoder", "nodes",
                "graph s", "encode s", "peak", "result");
    for (const std::filesystem::path& file : files) {
      Row row{file.parent_path().filename().string(), file.filename().string()};
      try {
        const Circuit circuit = read_for_encoders(file, options_.undriven_false);
        row.nodes = circuit.net.nodes();
        for (std::size_t e = 0; e < encoders_.size(); ++e) {
          row.encoder = encoders_[e].name;
          add(encode(row, encoders_[e], loaded_[e], circuit));
        }
      } catch (const std::exception& error) {
        row.encoder = "-";
        row.result = cfm::concat("failed: ", error.what());
        add(row);
      }
      if (!options_.json.empty()) cfm::write_json(options_.json, json_);
    }
    print_summary();
    return failures_;
  }

 private:
  struct Row {
    std::string family, circuit, encoder{};
    cfm::Index nodes = 0;
    double graph_seconds = 0, seconds = 0, peak = 0;
    std::string result{};
  };
  struct Totals {
    int passed = 0, all = 0, skipped = 0;
    double seconds = 0;
  };

  Row encode(Row row, const Encoder& encoder, const LoadedEncoder& loaded,
             const Circuit& circuit) const {
    for (const cfm::Index limit : {options_.max_nodes, encoder.max_nodes})
      if (limit > 0 && row.nodes > limit) {
        row.result = cfm::concat("skipped: more than ", limit, " nodes");
        return row;
      }
    cfm::BufferPool::instance().trim();
    const PeakMemory peak;
    try {
      const Encoding encoding = loaded.encode(circuit);
      row.graph_seconds = encoding.graph_seconds;
      row.seconds = encoding.seconds;
      row.result = "finite";
      for (const State& state : encoding.states) {
        const cfm::Tensor x = state.rows.contiguous();
        const auto values = x.span<float>();
        if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
          row.result = cfm::concat("failed: not finite: ", state.name);
      }
    } catch (const std::exception& error) {
      row.result = cfm::concat("failed: ", error.what());
    }
    row.peak = peak.bytes();
    return row;
  }

  void add(const Row& row) {
    std::printf("%-14s %-24s %-17s %9s %8s %9s %9s  %s\n", row.family.c_str(), row.circuit.c_str(),
                row.encoder.c_str(), grouped(row.nodes).c_str(),
                fixed(row.graph_seconds, 3).c_str(), fixed(row.seconds, 3).c_str(),
                row.peak > 0 ? human_bytes(row.peak).c_str() : "", row.result.c_str());
    std::fflush(stdout);
    cfm::Json out;
    out.set("family", row.family);
    out.set("circuit", row.circuit);
    out.set("encoder", row.encoder);
    out.set("nodes", row.nodes);
    out.set("graph_seconds", row.graph_seconds);
    out.set("seconds", row.seconds);
    out.set("peak_bytes", row.peak);
    out.set("result", row.result);
    json_.push_back(std::move(out));
    auto& [nodes, circuit] = largest_[row.family];
    if (row.nodes > nodes) nodes = row.nodes, circuit = row.circuit;
    circuits_[row.family].insert(row.circuit);
    const bool failed = row.result.starts_with("failed");
    failures_ += failed ? 1 : 0;
    Totals& t = totals_[{row.family, row.encoder}];
    ++t.all;
    t.skipped += row.result.starts_with("skipped") ? 1 : 0;
    t.passed += row.result == "finite" ? 1 : 0;
    t.seconds += row.graph_seconds + row.seconds;
  }

  void print_summary() const {
    Table table({"family", "circuits", "largest", "nodes", "encoder", "passed", "skipped", "failed",
                 "seconds"});
    table.align_left(2).align_left(4);
    for (const auto& [family, names] : circuits_) {
      const auto& [nodes, circuit] = largest_.at(family);
      bool first = true;
      for (const auto& [key, t] : totals_) {
        if (key.first != family) continue;
        table.add({first ? family : "", first ? std::to_string(names.size()) : "",
                   first ? circuit : "", first ? grouped(nodes) : "", key.second,
                   std::to_string(t.passed), std::to_string(t.skipped),
                   std::to_string(t.all - t.passed - t.skipped), fixed(t.seconds, 1)});
        first = false;
      }
    }
    std::printf("\n");
    table.print();
  }

  const std::vector<Encoder>& encoders_;
  SurveyOptions options_;
  std::vector<LoadedEncoder> loaded_;
  cfm::Json json_{cfm::Json::Array{}};
  std::map<std::string, std::set<std::string>> circuits_;
  std::map<std::string, std::pair<cfm::Index, std::string>> largest_;
  std::map<std::pair<std::string, std::string>, Totals> totals_;
  int failures_ = 0;
};

}  // namespace examples
