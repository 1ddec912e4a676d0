#include <cfm/train/checkpoint.hpp>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/loop.hpp>
#include <cfm/train/schedule.hpp>
#include <cfm/train/sgd.hpp>

using namespace cfm;

namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               concat("cfm-checkpoint-", static_cast<long>(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
  }
};

template <Module M>
bool same_bits(const M& a, const M& b) {
  const NamedTensors x = named_tensors(a), y = named_tensors(b);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::memcmp(x[i].second.bytes(), y[i].second.bytes(),
                    static_cast<std::size_t>(x[i].second.size() * size_of(x[i].second.dtype()))))
      return false;
  return true;
}

// Without waiting for the medium.
void write_plain(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// All of a small training: dropout, batch norm, accumulation, a schedule with state, drawn batches.
struct Run {
  Mlp<> model;
  Adam optimizer;
  ReduceOnPlateau plateau{{.factor = 0.5, .patience = 3}};
  Rng batches{99};

  explicit Run(std::uint64_t seed)
      : model({.in = 4, .hidden = 8, .out = 2, .norm = Norm::batch, .dropout = 0.25}, Rng(seed)),
        optimizer(model, {.learning_rate = 0.02}, {.accumulate = 2, .clip_norm = 1.0}) {}

  double step(Index k) {
    Tensor x = Tensor::empty({16, 4}), labels = Tensor::empty({16}, DType::i64);
    for (std::size_t i = 0; i < 16; ++i) {
      std::int64_t ones = 0;
      for (std::size_t j = 0; j < 4; ++j) {
        const auto bit = static_cast<std::int64_t>(batches.below(2));
        x.span<float>()[4 * i + j] = static_cast<float>(bit);
        ones += bit;
      }
      labels.span<std::int64_t>()[i] = ones % 2;
    }
    Tape tape({.training = true, .rng = Rng(5).split(static_cast<std::uint64_t>(k))});
    const Var loss = cross_entropy(model(tape.input(x)), labels);
    const double value = static_cast<double>(loss.item<float>());
    tape.backward(loss);
    optimizer.scale_learning_rate(plateau(value));
    optimizer.step(tape);
    return value;
  }

  void save(const std::filesystem::path& path, Index step) const {
    save_checkpoint(path, model, optimizer, {step, batches}, plateau);
  }
  Index load(const std::filesystem::path& path) {
    const TrainingState state = load_checkpoint(path, model, optimizer, plateau);
    batches = state.rng;
    return state.step;
  }
};

}  // namespace

TEST_CASE("checkpoint: a run cut at any step goes on with the same bits") {
  const Folder folder;
  const auto path = folder.path / "run.safetensors";
  Run whole(1);
  const auto all = [&](Run& run) { return [&run](Index k) { return run.step(k); }; };
  const FitResult straight = fit({.steps = 200}, all(whole));
  Rng cuts(17);
  for (int i = 0; i < 20; ++i) {
    const auto cut = static_cast<Index>(cuts.below(200));
    CAPTURE(cut);
    Run first(1);
    fit({.steps = cut}, all(first));
    first.save(path, cut);
    Run second(2);  // other first values, all replaced
    const Index at = second.load(path);
    CHECK(at == cut);
    const FitResult rest = fit({.steps = 200, .first = at}, all(second));
    CHECK(same_bits(whole.model, second.model));
    CHECK(rest.loss == straight.loss);
  }
}

TEST_CASE("checkpoint: a run stopped by its progress function resumes from what it saved") {
  const Folder folder;
  const auto path = folder.path / "run.safetensors";
  Run whole(1), first(1), second(3);
  fit({.steps = 30}, [&](Index k) { return whole.step(k); });
  const FitResult stopped =
      fit({.steps = 30, .save_every = 8, .save = [&](Index step) { first.save(path, step); }},
          [&](Index k) { return first.step(k); }, [](const Progress& p) { return p.step < 13; });
  CHECK(stopped.stopped);
  CHECK(second.load(path) == 13);
  fit({.steps = 30, .first = 13}, [&](Index k) { return second.step(k); });
  CHECK(same_bits(whole.model, second.model));
}

TEST_CASE("training: the same bits for any number of threads") {
  std::vector<Run> runs;
  for (int threads : {1, 2, 3, 8}) {
    ThreadLimit limit(threads);
    limit.run([&] {
      Run& run = runs.emplace_back(1);
      for (Index k = 0; k < 10; ++k) run.step(k);
    });
  }
  for (const Run& run : runs) CHECK(same_bits(run.model, runs[0].model));
}

TEST_CASE("checkpoint: a flipped bit anywhere is found, and nothing changes") {
  const Folder folder;
  const auto path = folder.path / "run.safetensors", bad = folder.path / "bad.safetensors";
  Run run(1);
  for (Index k = 0; k < 5; ++k) run.step(k);
  run.save(path, 5);
  const auto bytes = read_file(path);
  Run target(2);
  const auto before = clone(target.model);
  Rng rng(3);
  int found = 0;
  constexpr int tries = 600;
  for (int i = 0; i < tries; ++i) {
    auto damaged = bytes;
    // Half of them in the header, where the names and the training state are.
    const std::size_t at = rng.below(i % 2 == 0 ? 4096 : bytes.size());
    damaged[at] ^= static_cast<std::byte>(1u << rng.below(8));
    write_plain(bad, damaged);
    try {
      target.load(bad);
      MESSAGE("byte " << at);
    } catch (const FormatError& e) {
      ++found;
      CHECK(std::string(e.what()).find("bad.safetensors") != std::string::npos);
    }
  }
  CHECK(found == tries);
  CHECK(same_bits(target.model, before));
  CHECK(target.optimizer.updates() == 0);
  for (std::size_t size : {std::size_t{0}, std::size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    write_plain(bad, std::span<const std::byte>(bytes).first(size));
    CHECK_THROWS_AS(target.load(bad), FormatError);
  }
}

TEST_CASE("checkpoint: of another optimizer, model or no checkpoint at all") {
  const Folder folder;
  const auto path = folder.path / "run.safetensors";
  Run run(1);
  run.step(0);
  run.save(path, 1);
  Sgd other(run.model);
  CHECK_THROWS_WITH_AS(
      load_checkpoint(path, run.model, other, run.plateau),
      doctest::Contains("the checkpoint is of \"adam\", this optimizer is \"sgd\""), FormatError);
  CHECK_THROWS_WITH_AS(load_checkpoint(path, run.model, run.optimizer),
                       doctest::Contains("$.extras: has 1 objects, wanted 0"), FormatError);
  Mlp<> wide({.in = 4, .hidden = 9, .out = 2, .norm = Norm::batch}, Rng(1));
  Adam fresh(wide, {}, {.accumulate = 2});
  CHECK_THROWS_AS(load_checkpoint(path, wide, fresh, run.plateau), FormatError);
  cfm::save(run.model, path);
  CHECK_THROWS_WITH_AS(run.load(path), doctest::Contains("is no checkpoint"), FormatError);
}

TEST_CASE("checkpoint: a write that fails at any byte leaves the old checkpoint") {
  const Folder folder;
  const auto path = folder.path / "run.safetensors";
  Run run(1);
  run.save(path, 1);
  const auto before = read_file(path);
  run.step(1);
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // then write fails with EFBIG instead
  for (std::size_t size = 0; size < before.size(); size += 997) {
    rlimit small = old;
    small.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &small);
    bool refused = false;
    try {
      run.save(path, 2);
    } catch (const IoError&) {
      refused = true;
    }
    ::setrlimit(RLIMIT_FSIZE, &old);
    CHECK(refused);
    CHECK(read_file(path) == before);
    CHECK(folder.files() == 1);
  }
  std::signal(SIGXFSZ, handler);
  run.save(path, 2);
  CHECK(Run(4).load(path) == 2);
}

#if !defined(__SANITIZE_THREAD__)  // forks, which that sanitizer does not follow
TEST_CASE("checkpoint: killed at any moment, the path holds a whole checkpoint") {
  const Folder folder;
  const auto path = folder.path / "run.safetensors";
  Run run(1);
  run.save(path, 0);
  Rng rng(5);
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (Index k = 1;; ++k) run.save(path, k);
      } catch (...) {
      }
      ::_exit(1);
    }
    ::usleep(static_cast<useconds_t>(1000 + rng.below(20000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    Run back(2);
    CHECK(back.load(path) >= 0);
    CHECK(same_bits(back.model, run.model));
  }
}
#endif
