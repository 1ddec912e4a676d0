#include <cfm/circuit/sequential_activity.hpp>

#include <cmath>
#include <map>

#include <cfm/circuit/strash.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Exact stationary shares: the chain over (latches, inputs), by power iteration from reset. Inputs
// are chains of their own.
Activity markov(const Aig& aig, const std::vector<InputWorkload>& workload, int steps) {
  const std::size_t inputs = aig.inputs(), latches = aig.latches().size();
  const std::size_t states = std::size_t{1} << (inputs + latches);
  const auto values = [&](std::size_t s) {
    std::vector<std::uint64_t> words;
    for (std::size_t i = 0; i < inputs + latches; ++i) words.push_back((s >> i & 1) != 0 ? 1 : 0);
    auto out = evaluate(aig, words);
    for (auto& v : out) v &= 1;
    return out;
  };
  const auto chance = [&](std::size_t i, int old, int now) {
    const double p = workload[i].probability;
    const double rise = workload[i].transition < 0 ? p * (1 - p) : workload[i].transition;
    const double one = old < 0 ? p : old == 0 ? rise / (1 - p) : 1 - rise / p;
    return now == 1 ? one : 1 - one;
  };
  std::vector<std::vector<std::uint64_t>> value(states);
  for (std::size_t s = 0; s < states; ++s) value[s] = values(s);
  std::vector<double> now(states, 0);
  std::size_t reset = 0;
  for (std::size_t l = 0; l < latches; ++l)
    reset |= static_cast<std::size_t>(aig.latches()[l].reset == Reset::one) << (inputs + l);
  for (std::size_t in = 0; in < std::size_t{1} << inputs; ++in) {
    double p = 1;
    for (std::size_t i = 0; i < inputs; ++i) p *= chance(i, -1, static_cast<int>(in >> i & 1));
    now[reset | in] += p;
  }
  Activity out;
  out.probability.assign(aig.variables(), 0);
  out.rise = out.fall = out.probability;
  for (int step = 0; step < 2 * steps; ++step) {
    std::vector<double> next(states, 0);
    for (std::size_t s = 0; s < states; ++s) {
      if (now[s] == 0) continue;
      std::size_t state = 0;
      for (std::size_t l = 0; l < latches; ++l) {
        const Literal n = aig.latches()[l].next;
        state |= static_cast<std::size_t>((value[s][n.variable()] != 0) != n.inverted())
                 << (inputs + l);
      }
      for (std::size_t in = 0; in < std::size_t{1} << inputs; ++in) {
        double p = now[s];
        for (std::size_t i = 0; i < inputs; ++i)
          p *= chance(i, static_cast<int>(s >> i & 1), static_cast<int>(in >> i & 1));
        next[state | in] += p;
        if (step < steps) continue;
        for (std::size_t v = 0; v < aig.variables(); ++v) {
          const bool a = value[s][v] != 0, b = value[state | in][v] != 0;
          out.probability[v] += b ? p / steps : 0;
          out.rise[v] += !a && b ? p / steps : 0;
          out.fall[v] += a && !b ? p / steps : 0;
        }
      }
    }
    now = next;
  }
  return out;
}

// Counts while `enable`.
Aig enabled_counter(std::size_t bits) {
  Strash s;
  Literal carry = s.add_input("enable");
  std::vector<Literal> q;
  for (std::size_t i = 0; i < bits; ++i) q.push_back(s.add_latch());
  for (std::size_t i = 0; i < bits; ++i) {
    s.set_next(i, s.lxor(q[i], carry));
    carry = s.land(carry, q[i]);
  }
  s.add_output(carry);
  return s.take();
}

// x^4 + x^3 + 1 from state 1, its output masked by an input.
Aig lfsr() {
  Strash s;
  const Literal mask = s.add_input();
  std::vector<Literal> q;
  for (std::size_t i = 0; i < 4; ++i) q.push_back(s.add_latch(i == 0 ? Reset::one : Reset::zero));
  s.set_next(0, s.lxor(q[3], q[2]));
  for (std::size_t i = 1; i < 4; ++i) s.set_next(i, q[i - 1]);
  s.add_output(s.land(q[3], mask));
  return s.take();
}

}  // namespace

TEST_CASE("sequential activity: agrees with exact Markov chains of a counter and an LFSR") {
  const std::vector<InputWorkload> workloads[] = {
      {{0.5, -1}}, {{0.3, -1}}, {{0.3, 0.05}}, {{0.7, 0.3}}};
  for (const Aig& aig : {enabled_counter(3), lfsr()})
    for (const auto& workload : workloads) {
      const Activity exact = markov(aig, workload, 1200);
      const ActivityOptions options = {
          .inputs = workload, .steps = 1200, .warm_up = 1200, .words = 4, .rng = Rng(2)};
      const Activity found = sequential_activity(aig, options);
      for (std::size_t v = 0; v < aig.variables(); ++v) {
        CHECK(std::abs(found.probability[v] - exact.probability[v]) < 0.01);
        CHECK(std::abs(found.rise[v] - exact.rise[v]) < 0.006);
        CHECK(std::abs(found.fall[v] - exact.fall[v]) < 0.006);
      }
      CHECK(exact.rise[1] == doctest::Approx(exact.fall[1]));
    }
}

TEST_CASE("sequential activity: a free counter is exact, bit k changes every 2^k steps") {
  Strash s;
  std::vector<Literal> q;
  for (int i = 0; i < 3; ++i) q.push_back(s.add_latch());
  Literal carry = literal_true;
  for (std::size_t i = 0; i < 3; ++i) {
    s.set_next(i, s.lxor(q[i], carry));
    carry = s.land(carry, q[i]);
  }
  const Activity a = sequential_activity(s.take(), {.steps = 80, .warm_up = 3, .words = 1});
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(a.probability[1 + i] == 0.5);
    CHECK(a.rise[1 + i] == 0.5 / static_cast<double>(1 << i));
    CHECK(a.fall[1 + i] == 0.5 / static_cast<double>(1 << i));
  }
}

TEST_CASE("sequential activity: without latches it is the combinational probability") {
  Strash s;
  const Literal a = s.add_input(), b = s.add_input();
  const Literal y = s.land(a, b);
  s.add_output(y);
  const Activity found = sequential_activity(
      s.take(), {.inputs = {{0.5, -1}, {0.25, -1}}, .steps = 3000, .words = 9, .rng = Rng(7)});
  CHECK(std::abs(found.probability[y.variable()] - 0.125) < 0.002);
  CHECK(std::abs(found.rise[y.variable()] - 0.125 * 0.875) < 0.002);
}

TEST_CASE("sequential activity: the same bits for any number of threads; bad workloads are named") {
  const Aig aig = enabled_counter(4);
  const auto run = [&](int threads) {
    return ThreadLimit(threads).run(
        [&] { return sequential_activity(aig, {.steps = 50, .words = 20}).rise; });
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 8}) CHECK(run(threads) == one);
  const auto text = [&](std::vector<InputWorkload> w) {
    return error_of([&] { sequential_activity(aig, {.inputs = std::move(w)}); });
  };
  CHECK(text({{0.2, 0.3}}).find("more than probability") != std::string::npos);
  CHECK(text({{1.2, -1}}).find("0 .. 1") != std::string::npos);
  CHECK(text({{}, {}}).find("one workload for each input") != std::string::npos);
}
