/// @file  What reads or writes memory once and computes little: norms, softmax, losses, optimizers,
///        scans, activations, on tensors larger than the caches. Bytes moved a second.
#include <cstring>
#include <memory>
#include <optional>

// Both sides get memory that begins at a cache line, as tensors do.
#define EIGEN_MAX_ALIGN_BYTES 64
#include <Eigen/Dense>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_loss.hpp>
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

#include "remote.hpp"

namespace {

using cfm::Index;
using cfm::Tensor;
using Array = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

using cfm::bench::Race;
using cfm::bench::Traffic;

cfm::bench::Races* races = nullptr;

// The request for remote peers: kind over rows x n; none if kind is empty.
struct Peer {
  std::string kind;
  Index rows = 0, n = 0;
  bool train = false;

  void add(Race& race) const {
    if (kind.empty()) return;
    cfm::Json request;
    request.set("workload", kind == "adamw" ? "adamw" : "rows");
    if (kind != "adamw") request.set("kind", kind);
    request.set(kind == "adamw" ? "count" : "rows", rows);
    request.set("n", n);
    if (train) request.set("train", true);
    cfm::bench::add_remotes(race, request);
  }
};

std::string shape_of(const Peer& peer) { return cfm::concat(peer.rows, " x ", peer.n); }

template <class Ours>
void measure(const char* name, Traffic traffic, double bytes, const Peer& peer, const Ours& run) {
  races->add({name, shape_of(peer), 0, bytes, traffic}, [&](Race& race) {
    run();
    race.ours(run);
    peer.add(race);
  });
}

// Against Eigen too, results compared.
template <class Ours, class Theirs>
void compare(const char* name, Traffic traffic, double bytes, const Peer& peer, const Array& ours,
             Array& theirs, float bound, const Ours& run, const Theirs& eigen) {
  races->add({name, shape_of(peer), 0, bytes, traffic}, [&](Race& race) {
    run();
    eigen();
    cfm::bench::verify(name, ours.data(), theirs.data(), static_cast<std::size_t>(ours.size()),
                       bound);
    race.ours(run);
    race.peer("Eigen", eigen);
    peer.add(race);
  });
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
  Peer peer(const std::string& kind, bool train = false) const { return {kind, rows, n, train}; }
};

void activations(Matrices& m) {
  const auto one = [&](const char* name, auto op, const auto& peer) {
    compare(name, Traffic::copy, 2 * m.size, m.peer(name), m.a, m.b, 1e-6f,
            [&] { cfm::map(op, m.flat_in(), m.flat_out()); }, peer);
  };
  measure("copy", Traffic::copy, 2 * m.size, m.peer(""), [&] {
    std::memcpy(m.a.data(), m.x.data(), static_cast<std::size_t>(m.size));
    cfm::bench::keep(m.a);
  });
  compare("add", Traffic::copy, 2 * m.size, m.peer(""), m.a, m.b, 1e-6f,
          [&] { cfm::map(cfm::ops::Add{}, m.flat_in(), m.flat_in(), m.flat_out()); },
          [&] { m.b = m.x + m.x; });
  one("exp", cfm::ops::Exp{}, [&] { m.b = m.x.exp(); });
  one("tanh", cfm::ops::Tanh{}, [&] { m.b = m.x.tanh(); });
  one("sigmoid", cfm::ops::Sigmoid{}, [&] { m.b = (1 + (-m.x).exp()).inverse(); });
  one("silu", cfm::ops::Silu{}, [&] { m.b = m.x / (1 + (-m.x).exp()); });
  measure("gelu", Traffic::copy, 2 * m.size, m.peer("gelu"),
          [&] { cfm::map(cfm::ops::Gelu{}, m.flat_in(), m.flat_out()); });
  measure("gelu_tanh", Traffic::copy, 2 * m.size, m.peer("gelu_tanh"),
          [&] { cfm::map(cfm::ops::GeluTanh{}, m.flat_in(), m.flat_out()); });
}

void rows_of(Matrices& m) {
  const std::vector<float> ones(static_cast<std::size_t>(m.n), 1.5f);
  const auto gain = cfm::vector_view(ones.data(), m.n);
  compare("softmax", Traffic::copy, 2 * m.size, m.peer("softmax"), m.a, m.b, 1e-5f,
          [&] { cfm::softmax_rows(m.in(), m.out()); },
          [&] {
            m.b = (m.x.colwise() - m.x.rowwise().maxCoeff()).exp();
            m.b.colwise() /= m.b.rowwise().sum().eval();
          });
  measure("log_softmax", Traffic::copy, 2 * m.size, m.peer("log_softmax"),
          [&] { cfm::log_softmax_rows(m.in(), m.out()); });
  compare("layer_norm", Traffic::copy, 2 * m.size, m.peer("layer_norm"), m.a, m.b, 1e-4f,
          [&] { cfm::layer_norm(m.in(), gain, gain, m.out(), m.first(), m.second()); },
          [&] {
            m.b = m.x.colwise() - m.x.rowwise().mean();
            const auto width = static_cast<float>(m.n);
            m.b.colwise() *= 1.5f * (m.b.square().rowwise().sum() / width + 1e-5f).rsqrt().eval();
            m.b += 1.5f;
          });
  measure("rms_norm", Traffic::copy, 2 * m.size, m.peer("rms_norm"),
          [&] { cfm::rms_norm(m.in(), gain, m.out(), m.first()); });
  measure("batch_norm", Traffic::copy, 3 * m.size, m.peer(""), [&] {
    std::vector<float> mean(static_cast<std::size_t>(m.n)), square(mean);
    const auto mv = cfm::vector_view(mean.data(), m.n), sv = cfm::vector_view(square.data(), m.n);
    cfm::batch_norm_stats(m.in(), mv, sv);
    cfm::inverse_std(sv, sv);
    cfm::batch_norm(m.in(), mv, sv, gain, gain, m.out());
  });
  measure("cumsum_rows", Traffic::copy, 2 * m.size, m.peer("cumsum"),
          [&] { cfm::cumsum_rows(m.in(), m.out()); });
  const auto floats = std::span<const float>(m.x.data(), static_cast<std::size_t>(m.x.size()));
  const Tensor x = Tensor::from(floats, {m.rows, m.n});
  measure("cumsum_columns", Traffic::copy, 2 * m.size, m.peer(""), [&] { cfm::cumsum(x, 0); });
  measure("top_k", Traffic::read, m.size, m.peer("topk"), [&] { cfm::top_k(x, 8); });
  Array sum_ours(1, 1), sum_theirs(1, 1);
  compare("sum", Traffic::read, m.size, m.peer("sum"), sum_ours, sum_theirs, 1.0f,
          [&] { sum_ours(0, 0) = cfm::sum(x).item<float>(); },
          [&] { sum_theirs(0, 0) = m.x.sum(); });
  measure("transpose", Traffic::copy, 2 * m.size, m.peer("transpose"), [&] {
    cfm::transpose(m.in(), cfm::matrix_view(m.a.data(), m.n, m.rows));
  });
  measure("dropout", Traffic::copy, 2 * m.size, m.peer("dropout"), [&] {
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
  measure("layer_norm_backward", Traffic::copy, 3 * m.size, m.peer(""), [&] {
    cfm::layer_norm_backward<float>(grad, m.in(), gain, m.first(), m.second(), m.out(),
                                    cfm::vector_view(dg.data(), m.n),
                                    cfm::vector_view(db.data(), m.n));
  });
  measure("softmax_backward", Traffic::copy, 3 * m.size, m.peer(""),
          [&] { cfm::softmax_rows_backward(m.in(), grad, m.out()); });
  const auto flat_grad = cfm::vector_view(dy.data(), m.rows * m.n);
  measure("gelu_backward", Traffic::copy, 3 * m.size, m.peer(""), [&] {
    cfm::map(cfm::ops::Slope<cfm::ops::Gelu>{}, flat_grad, m.flat_in(), m.flat_out());
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
  compare("cross_entropy", Traffic::read, m.size, m.peer("cross_entropy"), loss, other, 1e-5f,
          [&] {
            cfm::cross_entropy_rows(m.in(), list, cfm::vector_view(loss.data(), m.rows),
                                    m.second());
          },
          [&] {
            const Eigen::ArrayXf high = m.x.rowwise().maxCoeff();
            other = (m.x.colwise() - high).exp().rowwise().sum().log() + high;
            for (Index r = 0; r < m.rows; ++r) other(r, 0) -= m.x(r, r % m.n);
          });
  measure("cross_entropy_both", Traffic::copy, 3 * m.size, m.peer("cross_entropy", true), [&] {
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
          {"adamw", static_cast<Index>(count), rows * n},
          [&] { optimizer.step_gradients(grads); });
}

void small_add(bool recorded) {
  const Tensor a = Tensor::ones({4, 4}), b = Tensor::ones({4, 4});
  races->add({recorded ? "recorded call" : "call", "4 x 4", 0, 192, Traffic::read}, [&](Race& race) {
    auto tape = std::make_shared<std::optional<cfm::Tape>>(std::in_place);
    auto n = std::make_shared<int>(0);
    race.ours([=] {
      if (!recorded) return cfm::bench::keep(cfm::add(a, b));
      if (++*n % 1000 == 0) tape->emplace();
      cfm::bench::keep(cfm::add((*tape)->leaf(a), b));
    });
    cfm::Json request;
    request.set("workload", "small_add");
    if (recorded) request.set("record", true);
    cfm::bench::add_remotes(race, request);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return cfm::bench::races(argc, argv, [](cfm::bench::Races& all) {
    races = &all;
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
    adamw("adamw", 1, 16384, 1024);
    adamw("adamw", 2000, 64, 64);
    small_add(false);
    small_add(true);
  });
}
