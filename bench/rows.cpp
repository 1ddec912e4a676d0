/// @file  What reads or writes memory once and computes little: norms, softmax, losses, optimizers,
///        scans, activations. Each line: bytes moved a second, the share of what this machine
///        streams in the same second, and Eigen where it has the operation.
///        bench/rows_torch.py times the same in PyTorch.
#include <benchmark/benchmark.h>

#include <cstring>

#include <Eigen/Dense>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_loss.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/batch_norm.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/loss.hpp>
#include <cfm/kernels/norm.hpp>
#include <cfm/kernels/reduce.hpp>
#include <cfm/kernels/scan.hpp>
#include <cfm/kernels/softmax.hpp>
#include <cfm/kernels/top_k.hpp>
#include <cfm/kernels/transpose.hpp>
#include <cfm/train/adam.hpp>

#include "probe.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using Array = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

std::string only;  // a part of a name, from the command line

// What moves how: the limit that a workload is held against.
enum class Traffic { read, copy, update };

double limit_of(Traffic traffic) {
  switch (traffic) {
    case Traffic::read: return cfm::bench::stream_rate();
    case Traffic::copy: return cfm::bench::copy_rate();
    case Traffic::update: break;
  }
  return cfm::bench::update_rate();
}

template <class Ours>
void measure(const char* name, Traffic traffic, double bytes, const Ours& run) {
  if (std::string(name).find(only) == std::string::npos) return;
  run();
  const double limit = limit_of(traffic), rate = bytes / cfm::bench::fastest(7, run);
  std::printf("%-24s %8.2f GB/s   %3.0f %% of %5.1f GB/s %s\n", name, rate / 1e9,
              100 * rate / limit, limit / 1e9,
              traffic == Traffic::read ? "read" : traffic == Traffic::copy ? "copied" : "updated");
}

// Against Eigen, results compared.
template <class Ours, class Peer>
void compare(const char* name, Traffic traffic, double bytes, const Array& ours, Array& theirs,
             float bound, const Ours& run, const Peer& peer) {
  if (std::string(name).find(only) == std::string::npos) return;
  measure(name, traffic, bytes, run);
  peer();
  cfm::bench::verify(name, ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                     bound);
  const double rate = bytes / cfm::bench::fastest(5, run);
  const double other = bytes / cfm::bench::fastest(5, peer);
  std::printf("%-24s %8.2f GB/s   Eigen %8.2f   ratio %5.2f\n", "", rate / 1e9, other / 1e9,
              rate / other);
}

struct Matrices {
  Index rows, n;
  Array x, a, b;
  double size;
  std::vector<float> s, t;

  Matrices(Index r, Index c)
      : rows(r), n(c), x(Array::Random(r, c) * 4), a(x), b(x),
        size(4.0 * static_cast<double>(r * c)), s(static_cast<std::size_t>(r)), t(s) {}
  auto in() const { return cfm::matrix_view(x.data(), rows, n); }
  auto out() { return cfm::matrix_view(a.data(), rows, n); }
  auto flat_in() const { return cfm::vector_view(x.data(), rows * n); }
  auto flat_out() { return cfm::vector_view(a.data(), rows * n); }
  auto first() { return cfm::vector_view(s.data(), rows); }
  auto second() { return cfm::vector_view(t.data(), rows); }
};

void activations(Matrices& m) {
  const auto one = [&](const char* name, auto op, const auto& peer) {
    compare(name, Traffic::copy, 2 * m.size, m.a, m.b, 1e-6f,
            [&] { cfm::map(op, m.flat_in(), m.flat_out()); }, peer);
  };
  measure("copy", Traffic::copy, 2 * m.size, [&] {
    std::memcpy(m.a.data(), m.x.data(), static_cast<std::size_t>(m.size));
    cfm::bench::keep(m.a);
  });
  compare("add", Traffic::copy, 2 * m.size, m.a, m.b, 1e-6f,
          [&] { cfm::map(cfm::ops::Add{}, m.flat_in(), m.flat_in(), m.flat_out()); },
          [&] { m.b = m.x + m.x; });
  one("exp", cfm::ops::Exp{}, [&] { m.b = m.x.exp(); });
  one("tanh", cfm::ops::Tanh{}, [&] { m.b = m.x.tanh(); });
  one("sigmoid", cfm::ops::Sigmoid{}, [&] { m.b = (1 + (-m.x).exp()).inverse(); });
  one("silu", cfm::ops::Silu{}, [&] { m.b = m.x / (1 + (-m.x).exp()); });
  measure("gelu", Traffic::copy, 2 * m.size,
          [&] { cfm::map(cfm::ops::Gelu{}, m.flat_in(), m.flat_out()); });
  measure("gelu_tanh", Traffic::copy, 2 * m.size,
          [&] { cfm::map(cfm::ops::GeluTanh{}, m.flat_in(), m.flat_out()); });
}

void rows_of(Matrices& m) {
  const std::vector<float> ones(static_cast<std::size_t>(m.n), 1.5f);
  const auto gain = cfm::vector_view(ones.data(), m.n);
  compare("softmax", Traffic::copy, 2 * m.size, m.a, m.b, 1e-5f,
          [&] { cfm::softmax_rows(m.in(), m.out()); },
          [&] {
            m.b = (m.x.colwise() - m.x.rowwise().maxCoeff()).exp();
            m.b.colwise() /= m.b.rowwise().sum().eval();
          });
  measure("log_softmax", Traffic::copy, 2 * m.size,
          [&] { cfm::log_softmax_rows(m.in(), m.out()); });
  compare("layer_norm", Traffic::copy, 2 * m.size, m.a, m.b, 1e-4f,
          [&] { cfm::layer_norm(m.in(), gain, gain, m.out(), m.first(), m.second()); },
          [&] {
            m.b = m.x.colwise() - m.x.rowwise().mean();
            const auto width = static_cast<float>(m.n);
            m.b.colwise() *= 1.5f * (m.b.square().rowwise().sum() / width + 1e-5f).rsqrt().eval();
            m.b += 1.5f;
          });
  measure("rms_norm", Traffic::copy, 2 * m.size,
          [&] { cfm::rms_norm(m.in(), gain, m.out(), m.first()); });
  measure("batch_norm", Traffic::copy, 3 * m.size, [&] {
    std::vector<float> mean(static_cast<std::size_t>(m.n)), square(mean);
    const auto mv = cfm::vector_view(mean.data(), m.n), sv = cfm::vector_view(square.data(), m.n);
    cfm::batch_norm_stats(m.in(), mv, sv);
    cfm::inverse_std(sv, sv);
    cfm::batch_norm(m.in(), mv, sv, gain, gain, m.out());
  });
  measure("cumsum_rows", Traffic::copy, 2 * m.size,
          [&] { cfm::cumsum_rows(m.in(), m.out()); });
  const auto floats = std::span<const float>(m.x.data(), static_cast<std::size_t>(m.x.size()));
  const Tensor x = Tensor::from(floats, {m.rows, m.n});
  measure("cumsum_columns", Traffic::copy, 2 * m.size, [&] { cfm::cumsum(x, 0); });
  measure("top_k", Traffic::read, m.size, [&] { cfm::top_k(x, 8); });
  Array sum_ours(1, 1), sum_theirs(1, 1);
  compare("sum", Traffic::read, m.size, sum_ours, sum_theirs, 1.0f,
          [&] { sum_ours(0, 0) = cfm::sum(x).item<float>(); },
          [&] { sum_theirs(0, 0) = m.x.sum(); });
  measure("transpose", Traffic::copy, 2 * m.size, [&] {
    cfm::transpose(m.in(), cfm::matrix_view(m.a.data(), m.n, m.rows));
  });
  measure("dropout", Traffic::copy, 2 * m.size, [&] {
    cfm::Tape tape({.training = true});
    cfm::dropout(tape.input(x), 0.1);
  });
}

void gradients(Matrices& m) {
  const std::vector<float> ones(static_cast<std::size_t>(m.n), 1.5f);
  std::vector<float> dg(ones), db(ones);
  const auto gain = cfm::vector_view(ones.data(), m.n);
  const Array dy = Array::Random(m.rows, m.n);
  const auto grad = cfm::matrix_view(dy.data(), m.rows, m.n);
  cfm::layer_norm(m.in(), gain, gain, m.out(), m.first(), m.second());
  measure("layer_norm_backward", Traffic::copy, 3 * m.size, [&] {
    cfm::layer_norm_backward<float>(grad, m.in(), gain, m.first(), m.second(), m.out(),
                                    cfm::vector_view(dg.data(), m.n),
                                    cfm::vector_view(db.data(), m.n));
  });
  measure("softmax_backward", Traffic::copy, 3 * m.size,
          [&] { cfm::softmax_rows_backward(m.in(), grad, m.out()); });
  const Tensor x = Tensor::from(
      std::span<const float>(m.x.data(), static_cast<std::size_t>(m.x.size())), {m.rows, m.n});
  const Tensor from = Tensor::from(
      std::span<const float>(dy.data(), static_cast<std::size_t>(dy.size())), {m.rows, m.n});
  measure("gelu_backward", Traffic::copy, 3 * m.size, [&] {
    cfm::Tape tape;
    tape.backward(cfm::gelu(tape.leaf(x)), from);  // the forward is in the time, not in the bytes
  });
}

void cross_entropy(Matrices& m) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(m.rows));
  for (std::size_t r = 0; r < labels.size(); ++r)
    labels[r] = static_cast<std::int32_t>(r % static_cast<std::size_t>(m.n));
  const auto list = cfm::vector_view(labels.data(), m.rows);
  Array loss(m.rows, 1), other(m.rows, 1);
  std::vector<float> weight(static_cast<std::size_t>(m.rows),
                            1 / static_cast<float>(m.rows));
  compare("cross_entropy", Traffic::read, m.size, loss, other, 1e-5f,
          [&] {
            cfm::cross_entropy_rows(m.in(), list, cfm::vector_view(loss.data(), m.rows),
                                    m.second());
          },
          [&] {
            const Eigen::ArrayXf high = m.x.rowwise().maxCoeff();
            other = (m.x.colwise() - high).exp().rowwise().sum().log() + high;
            for (Index r = 0; r < m.rows; ++r) other(r, 0) -= m.x(r, r % m.n);
          });
  measure("cross_entropy_both", Traffic::copy, 3 * m.size, [&] {
    cfm::cross_entropy_rows(m.in(), list, m.first(), m.second());
    cfm::cross_entropy_rows_backward<float>(m.in(), list, m.second(),
                                            cfm::vector_view(weight.data(), m.rows), m.out());
  });
}

struct Weights {
  std::vector<cfm::Parameter> parts;
  static void visit(auto& self, auto&& v) {
    for (std::size_t i = 0; i < self.parts.size(); ++i) v(cfm::concat("p", i), self.parts[i]);
  }
};

void adamw(const char* name, std::size_t count, Index rows, Index n) {
  Weights weights;
  std::vector<Tensor> grads;
  for (std::size_t i = 0; i < count; ++i) {
    weights.parts.push_back({Tensor::full({rows, n}, 0.5)});
    grads.push_back(Tensor::full({rows, n}, 0.25));
  }
  cfm::AdamW optimizer(weights, {.learning_rate = 1e-3});
  measure(name, Traffic::update,
          7 * 4.0 * static_cast<double>(count) * static_cast<double>(rows * n),
          [&] { optimizer.step_gradients(grads); });
}

void bm_exp(benchmark::State& state) {
  std::vector<float> x(static_cast<std::size_t>(state.range(0)), 0.5f), y(x.size());
  for (auto _ : state) {
    cfm::map(cfm::ops::Exp{}, cfm::vector_view(x.data(), state.range(0)),
             cfm::vector_view(y.data(), state.range(0)));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bm_exp)->Arg(16)->Arg(1000)->Arg(4096);

void bm_small_add(benchmark::State& state) {
  const Tensor a = Tensor::ones({4, 4}), b = Tensor::ones({4, 4});
  for (auto _ : state) benchmark::DoNotOptimize(cfm::add(a, b));
}
BENCHMARK(bm_small_add);

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && argv[1][0] != '-') only = argv[1];
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  cfm::ThreadLimit one(1);
  one.run([&] {
    {
      Matrices m(32768, 1024);  // 128 MiB
      activations(m);
      rows_of(m);
      gradients(m);
    }
    {
      Matrices m(4096, 8192);
      cross_entropy(m);
    }
    adamw("adamw_one", 1, 16384, 1024);
    adamw("adamw_many", 2000, 64, 64);
    if (!only.empty()) return;
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
