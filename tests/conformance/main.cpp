// cfm_conformance DIR: runs the operator samples of DIR/torch/opinfo, the cases of
// DIR/torch/golden, the operator cases of DIR/onnx_cases and the number formats of DIR/fp_golden
// and DIR/quant_golden through cfm, each folder where it is present, and compares outputs and
// gradients. Without DIR it takes the development data; where there is none it says so and
// succeeds.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <cfm/io/file.hpp>

#include "onnx.hpp"
#include "tally.hpp"

namespace cfm::conformance {
namespace {

namespace fs = std::filesystem;

void run_sample(const Operator& op, const JsonRef& json, const Storage& bytes) {
  const auto mode = json["kwargs"].find("training");
  Tape tape({.training = mode && mode->boolean(), .rng = Rng(1)});
  Sample sample(json, bytes, tape);
  const Outputs outputs = op(sample);
  if (const std::string unused = sample.unused(); !unused.empty())
    throw Skip{"not offered: " + unused};
  const JsonRef wanted = json["outputs"];
  if (outputs.size() != wanted.size())
    throw Mismatch{concat(outputs.size(), " outputs, expected ", wanted.size())};
  std::vector<Tensor> cotangents;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    compare(concat("output ", k), outputs[k].value(), read_tensor(wanted[k], bytes));
    const JsonRef given = json["cotangents"];
    cotangents.push_back(k < given.size() && !given[k].is_null() ? read_tensor(given[k], bytes)
                                                                 : Tensor());
  }
  const bool replayed = replay(tape, outputs, cotangents);
  for (const auto& [path, description] : json["grads"].object()) {
    const auto leaf = sample.leaves().find(path);
    if (leaf == sample.leaves().end()) throw Mismatch{"no leaf for the gradient of " + path};
    const Tensor zero = Tensor::zeros(leaf->second.shape(), leaf->second.dtype());
    const Tensor grad = replayed ? tape.grad(leaf->second) : Tensor();
    const bool none = description.kind() == JsonKind::null;  // no gradient is one of zeros
    compare("gradient of " + path, grad.defined() ? grad : zero,
            none ? zero : read_tensor(json["grads"][path], bytes));
  }
}

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> out;
  if (!fs::is_directory(folder)) return out;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json" && entry.path().filename() != "index.json")
      out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

Storage bytes_of(fs::path json) {
  json.replace_extension(".bin");
  return fs::exists(json) ? read_storage(json) : Storage();
}

void run_operators(const fs::path& folder, Tally& tally) {
  for (const fs::path& path : json_files(folder)) {
    const std::string name = path.stem().string();
    const JsonDocument document = read_json(path);
    const JsonRef samples = document.root()["samples"];
    const auto op = operators().find(name);
    if (op == operators().end()) {
      tally.skip(name, "cfm has no such operator", static_cast<int>(samples.size()));
      continue;
    }
    const Storage bytes = bytes_of(path);
    for (std::size_t i = 0; i < samples.size(); ++i)
      book(tally, name, concat(name, " sample ", i),
           [&] { run_sample(op->second, samples[i], bytes); });
  }
}

const CaseFunction* find_case(const std::string& name) {
  const CaseFunction* best = nullptr;
  std::size_t length = 0;
  for (const auto& [pattern, f] : cases()) {
    const bool prefix = pattern.ends_with('*');
    const std::string_view stem(pattern.data(), pattern.size() - (prefix ? 1 : 0));
    if (!(prefix ? name.starts_with(stem) : name == stem)) continue;
    if (best == nullptr || pattern.size() > length) best = &f;
    length = std::max(length, pattern.size());
  }
  return best;
}

void run_cases(const fs::path& folder, Tally& tally) {
  for (const fs::path& path : json_files(folder)) {
    const std::string name = path.stem().string();
    const CaseFunction* const f = find_case(name);
    if (f == nullptr) {
      tally.skip(name, "no case for it");
      continue;
    }
    const JsonDocument document = read_json(path);
    const Storage bytes = bytes_of(path);
    book(tally, name, name, [&] {
      Case one(document.root(), bytes);
      (*f)(one);
      if (one.comparisons() == 0) throw Mismatch{"nothing was compared"};
    });
  }
}

int run(const fs::path& data) {
  Tally samples, goldens, formats, nodes;
  run_operators(data / "torch" / "opinfo", samples);
  run_cases(data / "torch" / "golden", goldens);
  run_formats(data, formats);
  onnx::run_nodes(data / "onnx_cases", nodes);
  int passed = 0, failed = 0, skipped = 0;
  for (const Tally* tally : {&samples, &goldens, &formats, &nodes}) {
    tally->print_reasons();
    passed += tally->passed;
    failed += tally->failed;
    skipped += tally->skipped;
  }
  std::printf("operators with passing samples: %zu, golden cases: %zu\n", samples.names.size(),
              goldens.names.size());
  std::printf("ONNX: %d of %d run, %d passed, %zu operators\n", nodes.run(), nodes.all(),
              nodes.passed, nodes.names.size());
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cfm::conformance

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  fs::path data;
  if (argc > 1) {
    data = argv[1];
  } else {
    if (const char* set = std::getenv("CFM_TEST_DATA")) data = set;
#ifdef CFM_TEST_DATA_DEFAULT
    else
      data = CFM_TEST_DATA_DEFAULT;
#endif
  }
  bool present = false;
  for (const char* folder : {"torch", "onnx_cases", "fp_golden", "quant_golden"})
    present = present || (!data.empty() && fs::is_directory(data / folder));
  if (!present) {
    std::printf("skipped: no folder of cases in \"%s\"\n", data.string().c_str());
    std::printf("0 passed, 0 failed, 0 skipped\n");
    return argc > 1 ? 2 : 0;
  }
  try {
    return cfm::conformance::run(data);
  } catch (const std::exception& e) {
    std::printf("error: %s\n", e.what());
    return 2;
  }
}
