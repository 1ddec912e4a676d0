/// @file  Training steps of a transformer encoder: time, share of the multiply-adds, memory, and a
///        server for peers.
///
///   transformer              steps of 4 layers, d 256, 4 heads, 256 positions, batch 8
///   transformer --serve DIR  writes model, input and target to DIR, then answers each line of stdin
///                            with seconds: "step", "forward"; "check" with the loss of the next
///                            step, "rate" with multiply-adds. bench/transformer_torch.py asks.

#include <ctime>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/io/npy.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/nn/transformer.hpp>
#include <cfm/train/adam.hpp>

#include "probe.hpp"

namespace {

constexpr cfm::Index batch = 8, positions = 256, dim = 256, hidden = 1024, layers = 4, heads = 4;

// Products of one forward pass: linear layers, and the two of attention. The backward pass has two
// for each of a linear layer; the five of attention count as four, as in a pass with its weights.
constexpr double forward_flops = 2.0 * batch * positions * layers *
                                 (4.0 * dim * dim + 2.0 * dim * hidden + 2.0 * positions * dim);

cfm::Tensor normals(const cfm::Shape& shape, std::uint64_t seed) {
  return cfm::Init(cfm::Rng(seed)).normal(shape, 0, 1);
}

// Seconds that the process has computed: others on the machine do not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The largest resident memory so far, in MB; 0 where the system does not tell.
double peak_resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024;
  return 0;
}

class Trainer {
 public:
  explicit Trainer(bool checkpoint)
      : model({.dim = dim, .heads = heads, .hidden = hidden, .layers = layers,
               .checkpoint = checkpoint},
              cfm::Rng(7)),
        optimizer(model, {.learning_rate = 1e-4}) {}

  float step() {
    cfm::Tape tape({.training = true});
    const cfm::Var loss = cfm::mse_loss(model(tape.input(x)), target);
    tape.backward(loss);
    optimizer.step(tape);
    return loss.item<float>();
  }

  double forward() {
    const double begin = cpu_seconds();
    cfm::bench::keep(model(x));
    return cpu_seconds() - begin;
  }

  cfm::Tensor x = normals({batch, positions, dim}, 1), target = normals({batch, positions, dim}, 2);
  cfm::TransformerEncoder<> model;
  cfm::AdamW optimizer;
};

void serve(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  Trainer trainer(false);
  cfm::write_npy(folder / "x.npy", trainer.x);
  cfm::write_npy(folder / "target.npy", trainer.target);
  cfm::save(trainer.model, folder / "model.safetensors");
  std::printf("ready\n");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    double answer = 0;
    const double begin = cpu_seconds();
    if (std::strncmp(line, "step", 4) == 0) {
      trainer.step();
      answer = cpu_seconds() - begin;
    } else if (std::strncmp(line, "forward", 7) == 0) {
      answer = trainer.forward();
    } else if (std::strncmp(line, "check", 5) == 0) {
      answer = static_cast<double>(trainer.step());
    } else if (std::strncmp(line, "rate", 4) == 0) {
      answer = cfm::bench::multiply_add_rate();
    } else if (std::strncmp(line, "resident", 8) == 0) {
      answer = peak_resident();
    }
    std::printf("%.9f\n", answer);
    std::fflush(stdout);
  }
}

void table() {
  std::printf("%d layers, d %d, %d heads, hidden %d, %d positions, batch %d, one thread\n",
              static_cast<int>(layers), static_cast<int>(dim), static_cast<int>(heads),
              static_cast<int>(hidden), static_cast<int>(positions), static_cast<int>(batch));
  for (const bool checkpoint : {false, true}) {
    Trainer trainer(checkpoint);
    cfm::BufferPool& pool = cfm::BufferPool::instance();
    trainer.step();
    pool.reset_peak();
    double step = 1e30, forward = 1e30, share = 0, forward_share = 0;
    for (int round = 0; round < 7; ++round) {
      const double rate = cfm::bench::multiply_add_rate();
      const double begin = cpu_seconds();
      trainer.step();
      const double seconds = cpu_seconds() - begin, inference = trainer.forward();
      step = std::min(step, seconds);
      forward = std::min(forward, inference);
      share = std::max(share, 3 * forward_flops / seconds / rate);
      forward_share = std::max(forward_share, forward_flops / inference / rate);
    }
    std::printf("%-12s step %6.1f ms, %3.0f %% of multiply-adds; forward %6.1f ms, %3.0f %%; "
                "tensors %5.1f MB, resident %5.1f MB\n",
                checkpoint ? "checkpointed" : "plain", 1e3 * step, 100 * share, 1e3 * forward,
                100 * forward_share, static_cast<double>(pool.usage().peak) / 1e6,
                peak_resident());
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cfm::ThreadLimit limit(1);
    limit.run([&] {
      if (argc == 3 && std::strcmp(argv[1], "--serve") == 0)
        serve(argv[2]);
      else
        table();
    });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transformer: %s\n", error.what());
    return 1;
  }
}
