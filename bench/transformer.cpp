/// @file  Training steps of a transformer encoder: time, share of the multiply-adds, memory, and a
///        server for peers.
///
///   transformer [..]         races steps of 4 layers, d 256, 4 heads, 256 positions, batch 8
///   transformer --serve DIR  writes model, input and target to DIR, then answers each line
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
#include <cfm/nn/packed_linear.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/nn/transformer.hpp>
#include <cfm/train/adam.hpp>

#include "remote.hpp"

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
      : model({.dim = dim,
               .heads = heads,
               .hidden = hidden,
               .layers = layers,
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

void step_race(cfm::bench::Races& races, const char* name, bool checkpoint, bool train) {
  const double flops = (train ? 3 : 1) * forward_flops;
  races.add({name, "4 x 256, 8 x 256 positions", flops, 0}, [&](cfm::bench::Race& race) {
    const auto trainer = std::make_shared<Trainer>(checkpoint);
    trainer->step();
    cfm::BufferPool& pool = cfm::BufferPool::instance();
    pool.reset_peak();
    trainer->step();
    std::printf("%s: tensors %.1f MB at the peak of a step, resident %.1f MB\n", name,
                static_cast<double>(pool.usage().peak) / 1e6, peak_resident());
    if (train)
      race.ours([=] { trainer->step(); });
    else
      race.ours([=] { trainer->forward(); });
    cfm::Json request;
    request.set("workload", train ? "encoder_step" : "encoder_forward");
    request.set("layers", layers);
    request.set("width", dim);
    request.set("heads", heads);
    request.set("seq", positions);
    request.set("batch", batch);
    if (!checkpoint) cfm::bench::add_remotes(race, request);
  });
}

// Packed weights against dense ones, which are laid out anew in every call.
void packed_race(cfm::bench::Races& races, cfm::Index rows) {
  const double flops = 2.0 * layers * static_cast<double>(rows) *
                       (4.0 * dim * dim + 2.0 * dim * hidden + 2.0 * static_cast<double>(rows) * dim);
  races.add({"packed forward", cfm::concat(rows, " positions"), flops, 0},
            [=](cfm::bench::Race& race) {
              const auto dense = std::make_shared<Trainer>(false);
              const auto packed =
                  std::make_shared<cfm::TransformerEncoder<cfm::PackedLinear<>>>(
                      cfm::pack(dense->model));
              const cfm::Tensor x = normals({1, rows, dim}, 3);
              race.ours([=] { cfm::bench::keep((*packed)(x)); });
              race.peer("dense", [=] { cfm::bench::keep(dense->model(x)); });
            });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--serve") != 0)
    return cfm::bench::races(argc, argv, [](cfm::bench::Races& races) {
      step_race(races, "encoder step", false, true);
      step_race(races, "encoder forward", false, false);
      step_race(races, "checkpointed step", true, true);
      for (const cfm::Index rows : {1, 8, 64, 512}) packed_race(races, rows);
    });
  try {
    cfm::ThreadLimit limit(1);
    limit.run([&] { serve(argv[2]); });
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transformer: %s\n", error.what());
    return 1;
  }
}
