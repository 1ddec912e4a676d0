/// @file  What this build of cfm is, and what this machine offers it.

#include <cstdio>
#include <string>
#include <thread>

#include <cfm/core/isa.hpp>
#include <cfm/core/version.hpp>
#include <cfm/exec/batch.hpp>
#include <cfm/io/json.hpp>
#include <cfm/kernels/dispatch.hpp>
#include <cfm/tensor/pool.hpp>

#include "common/args.hpp"

namespace {

std::string compiler() {
#if defined(__clang__)
  return std::string("Clang ") + __clang_version__;
#elif defined(__GNUC__)
  return std::string("GCC ") + __VERSION__;
#else
  return "unknown";
#endif
}

// Every instruction set of this processor family: is it in this program, does the machine have it?
cfm::Json targets() {
  cfm::Json out = cfm::Json::Array();
  for (const cfm::Isa isa : cfm::all_isas) {
    const bool compiled = isa == cfm::isa(), supported = cfm::cpu_supports(isa);
    if (!compiled && !supported) continue;
    cfm::Json row;
    row.set("name", name(isa));
    row.set("compiled", compiled);
    row.set("supported", supported);
    row.set("chosen", compiled);
    out.push_back(std::move(row));
  }
  return out;
}

cfm::Json describe(int threads) {
  cfm::Json out;
  out.set("version", CFM_VERSION_STRING);
  out.set("compiler", compiler());
  out.set("checked", CFM_CHECKED != 0);
  out.set("target", cfm::isa_name());
  out.set("kernel_target", cfm::simd_target());
  out.set("batch_lanes_f32", cfm::Batch<float>::size);
  out.set("batch_lanes_f64", cfm::Batch<double>::size);
  out.set("targets", targets());
  out.set("threads", threads);
  out.set("hardware_threads", std::thread::hardware_concurrency());
  out.set("pool_bound_bytes", cfm::BufferPool::instance().bound());
  return out;
}

void print(const cfm::Json& info) {
  const cfm::JsonRef root(info, "info");
  const auto line = [](const char* label, const std::string& value) {
    std::printf("%-20s %s\n", label, value.c_str());
  };
  line("cfm", root["version"].string());
  line("compiler", root["compiler"].string());
  line("internal checks", root["checked"].boolean() ? "on" : "off");
  line("compiled for", root["target"].string());
  line("kernels use", root["kernel_target"].string());
  line("batch lanes", cfm::concat(root["batch_lanes_f32"].integer<int>(), " x f32, ",
                                  root["batch_lanes_f64"].integer<int>(), " x f64"));
  std::string supported;
  for (std::size_t i = 0; i < root["targets"].size(); ++i) {
    const cfm::JsonRef row = root["targets"][i];
    if (!row["supported"].boolean()) continue;
    if (!supported.empty()) supported += ' ';
    supported += row["name"].string();
    if (row["chosen"].boolean()) supported += "(chosen)";
  }
  line("processor runs", supported);
  line("threads", cfm::concat(root["threads"].integer<int>(), " of ",
                              root["hardware_threads"].integer<int>()));
  line("buffer pool keeps",
       cfm::concat("at most ", root["pool_bound_bytes"].integer<cfm::Index>() >> 20, " MiB"));
}

}  // namespace

int main(int argc, char** argv) {
  examples::CommonOptions common;
  examples::Args args("cfm_info",
                      "Prints what this build of cfm is and what this machine offers it.");
  args.add_common(common);
  return examples::run(args, argc, argv, [&] {
    int threads = 0;
    examples::on_threads(common, [&] { threads = cfm::thread_count(); });
    const cfm::Json info = describe(threads);
    print(info);
    if (!common.json.empty()) cfm::write_json(common.json, info, {.indent = 2});
  });
}
