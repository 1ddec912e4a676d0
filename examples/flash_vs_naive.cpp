/// @file  Flash attention beside the formula written out: time, memory and difference by length.

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <cfm/io/json.hpp>
#include <cfm/kernels/attention.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/softmax.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/pool.hpp>

#include "common/args.hpp"
#include "common/stopwatch.hpp"
#include "common/svg.hpp"
#include "common/table.hpp"

namespace {

struct Options {
  std::vector<cfm::Index> lengths = {128, 256, 512, 1024, 2048, 4096};
  cfm::Index heads = 4, width = 64;
  bool all_keys = false;
  std::string picture = "flash_vs_naive.svg";
  examples::CommonOptions common;
};

/// A score policy of one's own: keys fade with their distance. Compiled to vector code.
struct DistanceDecay {
  float rate = 0;
  auto operator()(auto score, auto distance) const { return score - distance * rate; }
};

// The same by the book: all scores at once.
cfm::Tensor naive(const cfm::Tensor& q, const cfm::Tensor& k, const cfm::Tensor& v, bool causal,
                  float rate) {
  cfm::Tensor scores = cfm::matmul(q, k.transpose(-2, -1));
  const float scale = 1 / std::sqrt(static_cast<float>(q.size(-1)));
  const cfm::View<float, 4> s = scores.view<float, 4>();
  for (cfm::Index b = 0; b < s.extent[0]; ++b)
    for (cfm::Index h = 0; h < s.extent[1]; ++h)
      for (cfm::Index i = 0; i < s.extent[2]; ++i)
        for (cfm::Index j = 0; j < s.extent[3]; ++j) {
          float& score = s(b, h, i, j);
          score = causal && j > i ? -std::numeric_limits<float>::infinity()
                                  : score * scale - rate * static_cast<float>(i - j);
        }
  return cfm::matmul(cfm::softmax(scores), v);
}

struct Run {
  double seconds = 1e30;
  cfm::Index bytes = 0;
  cfm::Tensor out;
};

// The best of a few runs, and the memory that one takes.
template <class F>
Run measure(const F& f) {
  Run run;
  for (int i = 0; i < 3; ++i) {
    cfm::BufferPool& pool = cfm::BufferPool::instance();
    pool.reset_peak();
    const cfm::Index before = pool.usage().current;
    const examples::Stopwatch clock;
    run.out = f();
    run.seconds = std::min(run.seconds, clock.seconds());
    run.bytes = pool.usage().peak - before;
  }
  return run;
}

void run(const Options& o) {
  cfm::Rng rng(o.common.seed);
  examples::Table table({"length", "flash ms", "naive ms", "ratio", "GFLOP/s", "flash memory",
                         "naive memory", "difference"});
  cfm::Json rows{cfm::Json::Array{}};
  examples::Series flash_time{.name = "flash, ms", .points = {}, .markers = true};
  examples::Series naive_time{.name = "naive, ms", .points = {}, .markers = true};
  examples::Series flash_memory{.name = "flash, MB", .points = {}, .markers = true};
  examples::Series naive_memory{.name = "naive, MB", .points = {}, .markers = true};
  for (const cfm::Index n : o.lengths) {
    const cfm::Shape shape{1, o.heads, n, o.width};
    const cfm::Tensor q = cfm::normal(shape, rng), k = cfm::normal(shape, rng),
                      v = cfm::normal(shape, rng);
    const DistanceDecay decay{0.01f};
    const Run flash = measure([&] {
      return o.all_keys ? cfm::flash_attention(q, k, v, cfm::AllKeys{}, decay)
                        : cfm::flash_attention(q, k, v, cfm::Causal{}, decay);
    });
    const Run plain = measure([&] { return naive(q, k, v, !o.all_keys, decay.rate); });
    double difference = 0;
    const auto a = flash.out.span<float>(), b = plain.out.span<float>();
    for (std::size_t i = 0; i < a.size(); ++i)
      difference = std::max(difference, static_cast<double>(std::abs(a[i] - b[i])));
    const double length = static_cast<double>(n);
    const double pairs = o.all_keys ? length * length : length * (length + 1) / 2;
    const double rate = 4 * pairs * static_cast<double>(o.heads * o.width) / flash.seconds / 1e9;
    const double ratio = plain.seconds / flash.seconds;
    table.add({examples::grouped(n), examples::fixed(1e3 * flash.seconds, 2),
               examples::fixed(1e3 * plain.seconds, 2), examples::fixed(ratio, 1),
               examples::fixed(rate, 1), examples::human_bytes(static_cast<double>(flash.bytes)),
               examples::human_bytes(static_cast<double>(plain.bytes)),
               examples::fixed(1e6 * difference, 2) + "e-6"});
    cfm::Json row;
    row.set("length", n);
    row.set("flash_seconds", flash.seconds);
    row.set("naive_seconds", plain.seconds);
    row.set("gflops", rate);
    row.set("flash_bytes", flash.bytes);
    row.set("naive_bytes", plain.bytes);
    row.set("difference", difference);
    rows.push_back(std::move(row));
    flash_time.points.emplace_back(length, 1e3 * flash.seconds);
    naive_time.points.emplace_back(length, 1e3 * plain.seconds);
    flash_memory.points.emplace_back(length, 1e-6 * static_cast<double>(flash.bytes));
    naive_memory.points.emplace_back(length, 1e-6 * static_cast<double>(plain.bytes));
  }
  std::printf(
      "%s attention with a decay of scores, %lld heads of width %lld; GFLOP/s of what the "
      "mask shows\n",
      o.all_keys ? "full" : "causal", static_cast<long long>(o.heads),
      static_cast<long long>(o.width));
  table.print();
  if (!o.common.json.empty()) cfm::write_json(o.common.json, rows, {.indent = 2});
  if (!o.picture.empty()) {
    examples::chart({flash_time, naive_time, flash_memory, naive_memory},
                    {.title = "Attention: time and memory by length",
                     .x_label = "length",
                     .y_label = "milliseconds, megabytes",
                     .log_x = true,
                     .log_y = true})
        .save(o.picture);
    std::printf("chart: %s\n", o.picture.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("flash_vs_naive",
                      "Attention in one pass over blocks of keys beside the formula written out.");
  args.add("lengths", o.lengths, "N,N,..", "numbers of queries and keys (default 128 to 4096)")
      .add("heads", o.heads, "N", "heads (default 4)")
      .add("width", o.width, "N", "elements of a head (default 64)")
      .add("all-keys", o.all_keys, "every query sees every key (default: causal)")
      .add("picture", o.picture, "FILE", "the chart as SVG (default flash_vs_naive.svg)")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] { examples::on_threads(o.common, [&] { run(o); }); });
}
