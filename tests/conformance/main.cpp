// cfm_conformance DIR: runs the operator samples of DIR/torch/opinfo and the cases of
// DIR/torch/golden through cfm and compares outputs and gradients. Without DIR it takes the
// development data; where there is none it says so and succeeds.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <cfm/io/file.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

namespace fs = std::filesystem;

struct Tally {
  int passed = 0, failed = 0, skipped = 0;
  std::map<std::string, std::map<std::string, int>> reasons;  // of skipped samples, by file
  std::set<std::string> names;                                // files with a sample that passed

  void skip(const std::string& name, const std::string& reason, int count = 1) {
    skipped += count;
    reasons[reason][name] += count;
  }
  void fail(const std::string& name, const std::string& text) {
    ++failed;
    std::printf("FAILED  %s: %s\n", name.c_str(), text.c_str());
  }
  void pass(const std::string& name) {
    ++passed;
    names.insert(name);
  }
};

// Runs f and books its outcome.
template <class F>
void book(Tally& tally, const std::string& file, const std::string& name, const F& f) {
  try {
    f();
    tally.pass(file);
  } catch (const Skip& s) {
    tally.skip(file, s.reason);
  } catch (const Mismatch& m) {
    tally.fail(name, m.text);
  } catch (const std::exception& e) {
    tally.fail(name, e.what());
  }
}

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

void print_reasons(const Tally& tally) {
  for (const auto& [reason, files] : tally.reasons) {
    int count = 0;
    std::string list;
    for (const auto& [file, n] : files) {
      count += n;
      list += (list.empty() ? "" : ", ") + file;
    }
    std::printf("skipped %d, %s: %s\n", count, reason.c_str(), list.c_str());
  }
}

int run(const fs::path& data) {
  Tally tally;
  run_operators(data / "torch" / "opinfo", tally);
  const std::size_t ops = tally.names.size();
  run_cases(data / "torch" / "golden", tally);
  print_reasons(tally);
  std::printf("operators with passing samples: %zu, golden cases: %zu\n", ops,
              tally.names.size() - ops);
  std::printf("%d passed, %d failed, %d skipped\n", tally.passed, tally.failed, tally.skipped);
  return tally.failed == 0 ? 0 : 1;
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
  if (data.empty() || !fs::is_directory(data / "torch")) {
    std::printf("skipped: no folder torch in \"%s\"\n", data.string().c_str());
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
