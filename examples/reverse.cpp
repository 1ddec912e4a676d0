/// @file  A transformer learns to write digits in the opposite order: training on whole sequences,
///        then decoding with a cache of keys and values.

#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/kernels/reduce.hpp>
#include <cfm/nn/embedding.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/nn/transformer.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/loop.hpp>

#include "common/args.hpp"
#include "common/progress.hpp"
#include "common/stopwatch.hpp"

namespace {

struct Options {
  cfm::Index digits = 6, steps = 150, batch = 64;
  std::string save;
  examples::CommonOptions common;
};

struct ReverserConfig {
  cfm::Index tokens = 11, positions = 12;
  cfm::TransformerConfig transformer = {.dim = 64,
                                        .heads = 4,
                                        .hidden = 128,
                                        .layers = 2,
                                        .activation = cfm::Activation::gelu,
                                        .norm_first = true,
                                        .final_norm = true};

  static void visit(auto& self, auto&& v) {
    v("tokens", self.tokens);
    v("positions", self.positions);
    v("transformer", self.transformer);
  }
};

/// A language model: what comes after each token.
class Reverser {
 public:
  using Config = ReverserConfig;
  static constexpr std::string_view kind = "reverser";

  explicit Reverser(const Config& config, cfm::Init init = {})
      : config_(config),
        token_(config.tokens, config.transformer.dim, init.next()),
        position_(config.positions, config.transformer.dim, init.next()),
        layers_(config.transformer, init.next()),
        head_(config.transformer.dim, config.tokens, init.next()) {}

  // Logits for whole sequences.   [batch, positions] -> [batch, positions, tokens]
  cfm::Var operator()(const cfm::Var& ids) const {
    return head_(layers_(embed(ids, 0), cfm::Causal{}));
  }

  // Logits for the next positions of sequences whose earlier ones are in the caches.
  cfm::Tensor operator()(const cfm::Tensor& ids,
                         const std::vector<cfm::KvCacheView<float>>& caches) const {
    const cfm::Index first = caches[0].lengths[0] - ids.size(1);
    return head_(layers_(embed(ids, first).value(), caches)).value();
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("token", self.token_);
    v("position", self.position_);
    v("layers", self.layers_);
    v("head", self.head_);
  }

 private:
  cfm::Var embed(const cfm::Var& ids, cfm::Index first) const {
    std::vector<std::int64_t> at(static_cast<std::size_t>(ids.size(1)));
    std::iota(at.begin(), at.end(), first);
    const cfm::Var where = beside(ids, cfm::Tensor::from(at, {ids.size(1)}));
    return token_(ids) + position_(where);
  }

  Config config_;
  cfm::Embedding token_, position_;
  cfm::TransformerEncoder<> layers_;
  cfm::Linear<> head_;
};

constexpr std::int64_t separator = 10;

/// Digits, a separator, the digits from the last to the first: [batch, 2 digits + 1].
cfm::Tensor sequences(cfm::Index batch, cfm::Index digits, cfm::Rng rng) {
  cfm::Tensor out = cfm::Tensor::empty({batch, 2 * digits + 1}, cfm::DType::i64);
  const auto ids = out.view<std::int64_t, 2>();
  for (cfm::Index b = 0; b < batch; ++b) {
    for (cfm::Index i = 0; i < digits; ++i)
      ids(b, i) = ids(b, 2 * digits - i) = static_cast<std::int64_t>(rng.below(10));
    ids(b, digits) = separator;
  }
  return out;
}

/// Room for the keys and values of all layers, and how much of it is in use.
struct Cache {
  Cache(const cfm::TransformerConfig& c, cfm::Index batch, cfm::Index capacity)
      : lengths(static_cast<std::size_t>(batch), 0) {
    for (cfm::Index l = 0; l < 2 * c.layers; ++l)
      memory.push_back(cfm::Tensor::zeros({batch, c.heads, capacity, c.dim / c.heads}));
    for (std::size_t l = 0; l < memory.size(); l += 2)
      views.push_back({memory[l].view<float, 4>(), memory[l + 1].view<float, 4>(), lengths});
  }

  std::vector<cfm::Index> lengths;
  std::vector<cfm::Tensor> memory;
  std::vector<cfm::KvCacheView<float>> views;
};

/// Continues prompts by the likeliest token.   [batch, prompt] -> [batch, count]
cfm::Tensor generate(const Reverser& model, const cfm::Tensor& prompts, cfm::Index count) {
  Cache cache(model.config().transformer, prompts.size(0), prompts.size(1) + count);
  cfm::Tensor out = cfm::Tensor::empty({prompts.size(0), count}, cfm::DType::i64);
  cfm::Tensor next = prompts;
  for (cfm::Index t = 0; t < count; ++t) {
    for (cfm::Index& length : cache.lengths) length += next.size(1);
    const cfm::Tensor logits = model(next, cache.views);
    next = cfm::argmax(logits.slice(1, logits.size(1) - 1, logits.size(1)), {2});
    out.slice(1, t, t + 1).copy_from(next);
  }
  return out;
}

void run(const Options& o) {
  if (o.digits < 1 || o.digits > 64) throw examples::UsageError("--digits: from 1 to 64");
  const examples::Stopwatch clock;
  Reverser model({.positions = 2 * o.digits}, cfm::Rng(o.common.seed));
  cfm::AdamW optimizer(model, {.learning_rate = 3e-3}, {.clip_norm = 1.0});
  const auto step = [&](cfm::Index k) {
    const cfm::Rng rng = cfm::Rng(o.common.seed).split(static_cast<std::uint64_t>(k));
    const cfm::Tensor ids = sequences(o.batch, o.digits, rng);
    cfm::Tape tape({.training = true, .rng = rng});
    const cfm::Var logits = model(tape.input(ids.slice(1, 0, 2 * o.digits)));
    // The digits after the separator follow from those before; the first ones are chance.
    const cfm::Var loss =
        cfm::cross_entropy(movedim(slice(logits, 1, o.digits, 2 * o.digits), 2, 1),
                           ids.slice(1, o.digits + 1, 2 * o.digits + 1).contiguous());
    tape.backward(loss);
    optimizer.step(tape);
    return static_cast<double>(loss.item<float>());
  };
  examples::ProgressBar bar("loss");
  cfm::fit({.steps = o.steps}, step, [&](const cfm::Progress& p) { return bar(p); });
  bar.finish();

  constexpr cfm::Index tests = 200;
  const cfm::Tensor fresh = sequences(tests, o.digits, cfm::Rng(o.common.seed + 1));
  const cfm::Tensor prompts = fresh.slice(1, 0, o.digits + 1).contiguous();
  const cfm::Tensor written = generate(model, prompts, o.digits);
  const auto want = std::as_const(fresh).view<std::int64_t, 2>();
  const auto got = std::as_const(written).view<std::int64_t, 2>();
  cfm::Index right = 0;
  for (cfm::Index b = 0; b < tests; ++b) {
    bool all = true;
    for (cfm::Index i = 0; i < o.digits; ++i) all = all && got(b, i) == want(b, o.digits + 1 + i);
    right += all ? 1 : 0;
  }
  const auto text = [&](const auto& ids, cfm::Index first) {
    std::string out;
    for (cfm::Index i = 0; i < o.digits; ++i) out += std::to_string(ids(0, first + i));
    return out;
  };
  const double seconds = clock.seconds();
  std::printf("%s -> %s; %lld of %lld sequences right, %.1f s\n", text(want, 0).c_str(),
              text(got, 0).c_str(), static_cast<long long>(right), static_cast<long long>(tests),
              seconds);
  if (!o.save.empty()) cfm::save(model, o.save);
  if (!o.common.json.empty()) {
    cfm::Json row;
    row.set("digits", o.digits);
    row.set("steps", o.steps);
    row.set("right", right);
    row.set("of", tests);
    row.set("seconds", seconds);
    cfm::write_json(o.common.json, row, {.indent = 2});
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  examples::Args args("reverse", "A transformer learns to write digits in the opposite order.");
  args.add("digits", o.digits, "N", "digits of a sequence (default 6)")
      .add("steps", o.steps, "N", "training steps (default 150)")
      .add("batch", o.batch, "N", "sequences of a step (default 64)")
      .add("save", o.save, "FILE", "the trained model as safetensors")
      .add_common(o.common);
  return examples::run(args, argc, argv, [&] { examples::on_threads(o.common, [&] { run(o); }); });
}
