/// @file  Runs published encoders on circuits: a vector for every gate, as .npy, or a survey.
///
/// Weights come from a checkpoint of PyTorch or safetensors; without one they are random, which
/// shows sizes and times, and is the same for the same seed. One file gives vectors and pictures;
/// several files, or folders, give a table of what every encoder made of every circuit. Without a
/// file, a multiplier is encoded.

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/circuit/levels.hpp>
#include <cfm/core/version.hpp>
#include <cfm/io/npy.hpp>
#include <cfm/kernels/dispatch.hpp>

#include "common/args.hpp"
#include "common/encoder_survey.hpp"
#include "common/plane.hpp"
#include "common/progress.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using examples::Circuit;
using examples::Encoder;
using examples::Encoding;
using examples::fixed;
using examples::grouped;
using examples::State;

struct Options {
  std::vector<std::string> paths, encoders{"deepgate2"};
  std::string checkpoint, config, out = "out/encode_circuit";
  Index width = 0, max_nodes = 0;
  bool list = false, undriven_false = false;
  examples::CommonOptions common;
};

void print_list(const std::vector<Encoder>& encoders) {
  examples::Table table({"encoder", "parameters", "source"});
  table.align_left(2);
  for (const Encoder& e : encoders) table.add({e.name, grouped(e.parameters()), e.source});
  table.print();
}

/// The encoders that were asked for, in the order of the list.
std::vector<Encoder> chosen(const std::vector<Encoder>& encoders, const Options& o) {
  std::vector<Encoder> out;
  for (const std::string& name : o.encoders) {
    if (name == "all") return encoders;
    const auto at = std::find_if(encoders.begin(), encoders.end(),
                                 [&](const Encoder& e) { return e.name == name; });
    if (at == encoders.end())
      throw examples::UsageError("--encoder: no encoder '" + name + "'; --list shows all");
    out.push_back(*at);
  }
  return out;
}

Circuit get_circuit(const Options& o) {
  const Circuit c = o.paths.empty() ? examples::circuit_of("wallace16", cfm::wallace_multiplier(16))
                                    : examples::read_for_encoders(o.paths[0], o.undriven_false);
  const auto count = [](std::size_t n) { return grouped(static_cast<Index>(n)); };
  const std::size_t latches = c.sequential.resets.size();
  std::printf("%s: %s inputs, %s outputs, %s latches, %s ANDs, %d levels\n", c.name.c_str(),
              count(c.aig.inputs() - latches).c_str(), count(c.aig.outputs() - latches).c_str(),
              count(latches).c_str(), count(c.aig.ands()).c_str(), cfm::depth(c.aig));
  return c;
}

/// Files and rows of the report on one circuit.
class Report {
 public:
  Report(const Options& o, std::string circuit) : o_(o), circuit_(std::move(circuit)) {
    table_.align_left(1);
  }

  void add(const std::string& encoder, Index parameters, const Encoding& encoding,
           const std::string& folder) {
    std::filesystem::create_directories(folder);
    save_kinds(folder + "/kinds", encoding.kinds);
    for (const State& state : encoding.states) {
      const Tensor x = state.rows.contiguous();
      save(folder + "/" + state.name, x);
      if (!state.kinds.empty()) save_kinds(folder + "/" + state.name + "_kinds", state.kinds);
      double sum = 0, absolute = 0;
      for (const float v : x.span<float>()) sum += v, absolute += std::abs(v);
      const examples::Plane plane = examples::principal_plane(x, 3000);
      written_.push_back(folder + "/" + state.name + ".svg");
      examples::draw(plane, state.kinds.empty() ? encoding.kinds : state.kinds,
                     circuit_ + ": " + encoder + ", " + state.name, written_.back());
      const bool first = &state == &encoding.states.front();
      table_.add({encoder, state.name, grouped(x.size(0)), std::to_string(x.size(1)), fixed(sum, 3),
                  fixed(absolute, 3), fixed(100 * (plane.share[0] + plane.share[1]), 1),
                  first ? fixed(1e3 * encoding.graph_seconds, 1) : "",
                  first ? fixed(1e3 * encoding.seconds, 1) : ""});
      cfm::Json row, head{cfm::Json::Array{}};
      for (Index c = 0; c < std::min<Index>(8, x.size(1)); ++c) head.push_back(x.data<float>()[c]);
      row.set("encoder", encoder);
      row.set("circuit", circuit_);
      row.set("checkpoint", o_.checkpoint);
      row.set("parameters", parameters);
      row.set("name", state.name);
      row.set("rows", x.size(0));
      row.set("width", x.size(1));
      row.set("sum", sum);
      row.set("absolute_sum", absolute);
      row.set("first", std::move(head));
      row.set("graph_seconds", encoding.graph_seconds);
      row.set("seconds", encoding.seconds);
      rows_.push_back(std::move(row));
    }
  }

  void print() const {
    std::printf("\n");
    table_.print();
    std::printf("\nplane: part of the variance in the two directions of the picture.\n");
    for (const std::string& file : written_) std::printf("wrote %s\n", file.c_str());
    if (o_.common.json.empty()) return;
    cfm::write_json(o_.common.json, rows_);
    std::printf("wrote %s\n", o_.common.json.c_str());
  }

 private:
  void save(const std::string& stem, const Tensor& values) {
    written_.push_back(stem + ".npy");
    cfm::write_npy(written_.back(), values);
  }
  void save_kinds(const std::string& stem, const std::vector<cfm::NodeKind>& list) {
    Tensor kinds = Tensor::empty({static_cast<Index>(list.size())}, cfm::DType::u8);
    std::transform(list.begin(), list.end(), kinds.data<std::uint8_t>(),
                   [](cfm::NodeKind k) { return static_cast<std::uint8_t>(k); });
    save(stem, kinds);
  }

  const Options& o_;
  std::string circuit_;
  examples::Table table_{
      {"encoder", "state", "rows", "width", "sum", "sum |x|", "plane %", "graph ms", "encode ms"}};
  cfm::Json rows_{cfm::Json::Array{}};
  std::vector<std::string> written_;
};

void encode_one(const std::vector<Encoder>& selected, const examples::ModelSource& from,
                const Options& o) {
  const Circuit circuit = get_circuit(o);
  Report report(o, circuit.name);
  examples::ProgressBar bar;
  for (std::size_t e = 0; e < selected.size(); ++e) {
    bar({"encoding", static_cast<Index>(e), std::ssize(selected), 0});
    const examples::LoadedEncoder loaded = selected[e].load(from);
    report.add(selected[e].name, loaded.parameters, loaded.encode(circuit),
               selected.size() == 1 ? o.out : o.out + "/" + selected[e].name);
  }
  bar({"encoding", std::ssize(selected), std::ssize(selected), 0});
  bar.finish();
  report.print();
}

void run(const Options& o) {
  const std::vector<Encoder> encoders = examples::all_encoders();
  if (o.list) return print_list(encoders);
  const std::vector<Encoder> selected = chosen(encoders, o);
  if (selected.size() > 1 && !(o.checkpoint.empty() && o.config.empty()))
    throw examples::UsageError("--checkpoint and --config are for one encoder");
  std::printf("cfm %s, %s, %d threads, seed %llu\n", CFM_VERSION_STRING,
              std::string(cfm::simd_target()).c_str(), cfm::thread_count(),
              static_cast<unsigned long long>(o.common.seed));
  const examples::ModelSource from{o.checkpoint, o.config, o.width, o.common.seed};
  if (o.checkpoint.empty()) std::printf("weights: random; --checkpoint reads trained ones\n");
  const bool one =
      o.paths.empty() || (o.paths.size() == 1 && !std::filesystem::is_directory(o.paths[0]));
  if (one) return encode_one(selected, from, o);
  const int failed =
      examples::EncoderSurvey(selected, from, {o.max_nodes, o.undriven_false, o.common.json})
          .run(examples::circuit_files(o.paths));
  if (failed > 0) throw cfm::Error(cfm::concat(failed, " of the runs above failed"));
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("encode_circuit",
                      "Encodes the gates of circuits with published models: a vector each.");
  args.add_rest(o.paths, "PATH ...",
                "circuits: .aig .aag .bench .blif .v ..., or folders (none: a multiplier)")
      .add("encoder", o.encoders, "NAME,...", "encoders to run, or all (default deepgate2)")
      .add("list", o.list, "print the encoders and end")
      .add("checkpoint", o.checkpoint, "FILE", "weights: .safetensors, else a PyTorch file")
      .add("config", o.config, "JSON", "sizes other than published: '{\"width\": 64}'")
      .add("width", o.width, "N", "width of all encoders, a multiple of 8 (default: as published)")
      .add("max-nodes", o.max_nodes, "N", "of a survey: skips circuits with more nodes")
      .add("undriven-false", o.undriven_false, "BLIF signals that nothing drives are false")
      .add("out", o.out, "FOLDER", "for .npy and .svg; of several encoders, a folder each below it")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] {
    if (o.width < 0 || o.width % 8 != 0 || o.width > 4096)
      throw examples::UsageError("--width: a multiple of 8, at most 4096");
    if (o.max_nodes < 0) throw examples::UsageError("--max-nodes: not negative");
    examples::on_threads(o.common, [&] { run(o); });
  });
}
