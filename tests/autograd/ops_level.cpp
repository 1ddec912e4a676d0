#include <cfm/autograd/ops_level.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_segment.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// What old states are: any, one row for all nodes, or one row for all that are updated.
enum class LevelStart { any, row, common };

struct LevelCase {
  Index hidden = 4, side = 0, extra = 0, edge = 0;
  bool attention = true;
  SweepDirection direction = SweepDirection::fanins;
  Index nodes = 14, kinds = 2;
  DType dtype = DType::f64;
  LevelStart start = LevelStart::any;
};

Tensor level_random(const Shape& shape, Rng rng, DType dtype, double scale = 1) {
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& v : out.span<double>()) v = scale * rng.uniform(-1, 1);
  return out.to(dtype);
}

struct LevelProblem {
  explicit LevelProblem(const LevelCase& c, std::uint64_t seed = 1) : config(c) {
    Rng rng(seed);
    std::vector<std::int32_t> from, to;
    const auto n = static_cast<std::int32_t>(c.nodes);
    for (std::int32_t v = 2; v < n; ++v) {
      const int fanins = static_cast<int>(rng.below(4));  // 0: a source more
      for (int k = 0; k < fanins; ++k) {
        from.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(v))));
        to.push_back(v);
      }
    }
    graph = Graph::from_edges(c.nodes, from, to);
    for (std::int32_t v = 0; v < n; ++v)
      kinds.push_back(
          v == n - 3 ? LevelSchedule::fixed
                     : static_cast<std::uint8_t>(rng.below(static_cast<std::uint64_t>(c.kinds))));
    schedule = LevelSchedule(graph, kinds, c.direction);
    inputs.push_back(level_random({c.start == LevelStart::any ? c.nodes : 1, c.hidden},
                                  rng.split(1), c.dtype));
    fixed_states = Tensor::zeros({c.nodes, c.hidden}, c.dtype);
    if (c.start == LevelStart::common)
      for (const auto& group : schedule.groups())
        if (group.kind == LevelSchedule::fixed)
          for (const std::int32_t v : schedule.nodes_of(group))
            fixed_states.select(0, v).copy_from(
                level_random({c.hidden}, rng.split(static_cast<std::uint64_t>(v)), c.dtype));
    inputs.push_back(level_random({c.nodes, std::max<Index>(1, c.side)}, rng.split(2), c.dtype));
    for (Index k = 0; k < c.kinds; ++k) {
      const Index message = c.hidden + (k == 0 ? c.side : 0);
      Rng own = rng.split(static_cast<std::uint64_t>(10 + k));
      inputs.push_back(
          level_random({3 * c.hidden, message + c.edge + c.extra}, own.split(0), c.dtype, 0.7));
      inputs.push_back(level_random({3 * c.hidden, c.hidden}, own.split(1), c.dtype, 0.7));
      inputs.push_back(level_random({3 * c.hidden}, own.split(2), c.dtype));
      inputs.push_back(level_random({3 * c.hidden}, own.split(3), c.dtype));
      inputs.push_back(level_random({message + c.edge}, own.split(4), c.dtype));
    }
    if (c.extra > 0) context.extra = level_random({c.nodes, c.extra}, rng.split(5), c.dtype);
    if (c.edge > 0) {
      context.edge_table = level_random({3, c.edge}, rng.split(6), c.dtype);
      std::vector<std::int32_t> rows;
      for (Index e = 0; e < graph.edges(); ++e)
        rows.push_back(static_cast<std::int32_t>(rng.below(3)));
      context.edge_rows = Tensor::from(std::span<const std::int32_t>(rows), Shape{graph.edges()});
    }
  }

  Var start(const std::vector<Var>& in) const {
    if (config.start == LevelStart::any) return in[0];
    const Var row = expand(in[0], {config.nodes, config.hidden});
    return config.start == LevelStart::row ? row : row + Var(fixed_states);
  }

  Var sweep(const std::vector<Var>& in, bool keep_gates = false) const {
    LevelContext with = context;
    with.keep_gates = keep_gates;
    if (config.side > 0) with.side = in[1];
    return level_sweep(schedule, start(in), updates(in), with);
  }

  std::vector<LevelUpdate> updates(const std::vector<Var>& in) const {
    std::vector<LevelUpdate> out;
    for (Index k = 0; k < config.kinds; ++k) {
      const Var* const p = &in[static_cast<std::size_t>(2 + 5 * k)];
      // The last kind has no attention where there are several.
      const bool scored = config.attention && (config.kinds == 1 || k + 1 < config.kinds);
      out.push_back({p[0], p[1], p[2], p[3], scored ? p[4] : Var(), k == 0 && config.side > 0});
    }
    return out;
  }

  // The same from small operations, group by group.
  Var reference(const std::vector<Var>& in) const {
    Var h = start(in);
    const auto all = updates(in);
    const CsrView rows = schedule.rows().fanins();
    for (const auto& group : schedule.groups()) {
      if (group.kind == LevelSchedule::fixed) continue;
      const LevelUpdate& u = all[group.kind];
      std::vector<std::int32_t> sources, keys, nodes, edges;
      for (std::int32_t v : schedule.nodes_of(group)) {
        for (std::int64_t e = rows.offsets[static_cast<std::size_t>(v)];
             e < rows.offsets[static_cast<std::size_t>(v) + 1]; ++e) {
          sources.push_back(rows.columns[static_cast<std::size_t>(e)]);
          keys.push_back(static_cast<std::int32_t>(nodes.size()));
          const auto places = schedule.edge_places();
          edges.push_back(
              static_cast<std::int32_t>(places.empty() ? e : places[static_cast<std::size_t>(e)]));
        }
        nodes.push_back(v);
      }
      const auto tensor = [](const std::vector<std::int32_t>& v) {
        return Tensor::from(std::span<const std::int32_t>(v), Shape{static_cast<Index>(v.size())});
      };
      Var x = index_select(h, 0, tensor(sources));
      if (u.side) x = cat({index_select(in[1], 0, tensor(sources)), x}, 1);
      if (config.edge > 0) {
        const Tensor which = index_select(Var(context.edge_rows), 0, tensor(edges)).value();
        x = cat({x, index_select(Var(context.edge_table), 0, which)}, 1);
      }
      const Segments segments(tensor(keys), static_cast<Index>(nodes.size()));
      if (u.score.value().defined()) {
        const Var score = matmul(x, reshape(u.score, {u.score.size(), 1}));
        x = mul(x, segment_softmax(score, segments));
      }
      Var m = segment_sum(x, segments);
      if (config.extra > 0) m = cat({m, index_select(Var(context.extra), 0, tensor(nodes))}, 1);
      const Var old = index_select(h, 0, tensor(nodes));
      const Var gi = linear(m, u.weight_ih, u.bias_ih), gh = linear(old, u.weight_hh, u.bias_hh);
      const Index n = config.hidden;
      const Var r = sigmoid(slice(gi, 1, 0, n) + slice(gh, 1, 0, n));
      const Var z = sigmoid(slice(gi, 1, n, 2 * n) + slice(gh, 1, n, 2 * n));
      const Var fresh = tanh(slice(gi, 1, 2 * n, 3 * n) + r * slice(gh, 1, 2 * n, 3 * n));
      h = index_add(h, 0, tensor(nodes), (fresh - old) * (1.0 - z));
    }
    return h;
  }

  LevelCase config;
  Graph graph;
  std::vector<std::uint8_t> kinds;
  LevelSchedule schedule;
  LevelContext context;
  Tensor fixed_states;         // what is added to the old states of nodes that are not updated
  std::vector<Tensor> inputs;  // state, side, then five for each kind
};

double level_difference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(DType::f64).contiguous(), y = b.to(DType::f64).contiguous();
  double worst = 0;
  for (std::size_t i = 0; i < x.span<double>().size(); ++i)
    worst = std::max(worst, std::abs(x.span<double>()[i] - y.span<double>()[i]));
  return worst;
}

std::vector<LevelCase> level_cases() {
  std::vector<LevelCase> out;
  for (const SweepDirection d : {SweepDirection::fanins, SweepDirection::fanouts})
    for (const bool attention : {true, false}) {
      out.push_back({.hidden = 4, .attention = attention, .direction = d});
      out.push_back({.hidden = 3, .side = 5, .attention = attention, .direction = d});
      out.push_back({.hidden = 5, .extra = 3, .attention = attention, .direction = d, .kinds = 1});
      out.push_back({.hidden = 2,
                     .side = 2,
                     .extra = 1,
                     .edge = 3,
                     .attention = attention,
                     .direction = d,
                     .kinds = 3});
      for (const LevelStart start : {LevelStart::row, LevelStart::common})
        out.push_back({.hidden = 3,
                       .side = 2,
                       .extra = 1,
                       .attention = attention,
                       .direction = d,
                       .start = start});
    }
  return out;
}

std::vector<Tensor> level_gradients(const LevelProblem& p, bool fused, bool keep = false) {
  Tape tape;
  std::vector<Var> vars;
  for (const Tensor& t : p.inputs) vars.push_back(tape.leaf(t));
  const Var y = fused ? p.sweep(vars, keep) : p.reference(vars);
  tape.backward(y, level_random(y.shape(), Rng(99), y.dtype()));
  std::vector<Tensor> out{y.value()};
  for (const Var& v : vars) out.push_back(tape.grad(v));
  return out;
}

}  // namespace

TEST_CASE("level sweep: gradients against differences") {
  for (const LevelCase& c : level_cases()) {
    CAPTURE(c.hidden);
    CAPTURE(c.attention);
    const LevelProblem p(c);
    const auto report =
        gradcheck([&](const std::vector<Var>& in) { return p.sweep(in); }, p.inputs);
    CHECK_MESSAGE(report.passed, concat(report));
  }
}

TEST_CASE("level sweep: equals small operations, values and gradients") {
  for (LevelCase c : level_cases())
    for (const Index hidden : {4, 7, 16, 33}) {
      c.hidden = hidden;
      c.nodes = 600;
      const LevelProblem p(c, static_cast<std::uint64_t>(hidden));
      const auto want = level_gradients(p, false);
      for (const bool keep : {false, true}) {
        const auto got = level_gradients(p, true, keep);
        REQUIRE(got.size() == want.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          CAPTURE(i);
          CHECK(got[i].defined() == want[i].defined());
          if (got[i].defined()) CHECK(level_difference(got[i], want[i]) < 1e-10);
        }
      }
    }
}

TEST_CASE("level sweep: f32 follows f64") {
  for (LevelCase c : level_cases()) {
    c.hidden = 20;
    c.nodes = 300;
    const LevelProblem wide(c, 5);
    LevelProblem narrow = wide;
    for (Tensor& t : narrow.inputs) t = t.to(DType::f32);
    for (Tensor* t : {&narrow.context.extra, &narrow.context.edge_table, &narrow.fixed_states})
      if (t->defined()) *t = t->to(DType::f32);
    const auto vars = [](const LevelProblem& p) {
      return std::vector<Var>(p.inputs.begin(), p.inputs.end());
    };
    CHECK(level_difference(narrow.sweep(vars(narrow)).value(), wide.sweep(vars(wide)).value()) <
          2e-6);
  }
}

TEST_CASE("level sweep: same bits for any number of threads, kept gates change nothing") {
  for (LevelCase c : level_cases()) {
    c.hidden = 32;
    c.nodes = 4000;
    c.dtype = DType::f32;
    const LevelProblem p(c, 7);
    std::vector<Tensor> first;
    for (const int threads : {1, 2, 3, 8}) {
      ThreadLimit limit(threads);
      std::vector<Tensor> got;
      limit.run([&] { got = level_gradients(p, true); });
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i)
        if (got[i].defined()) CHECK(level_difference(got[i], first[i]) == 0);
    }
    CHECK(level_difference(level_gradients(p, true, true)[0], first[0]) == 0);
  }
}

TEST_CASE("level sweep: what does not fit is an error") {
  LevelProblem p({.hidden = 4, .extra = 2});
  const auto text = [&] {
    return test::error_of([&] { p.sweep({p.inputs.begin(), p.inputs.end()}); });
  };
  CHECK(text() == "no error");
  const LevelProblem good = p;
  p.inputs[2] = Tensor::zeros({12, 5}, DType::f64);
  CHECK(text().find("weight_ih is [3 hidden, 6]") != std::string::npos);
  p = good;
  p.inputs[0] = Tensor::zeros({3, 4}, DType::f64);
  CHECK(text().find("a state for each of 14 nodes") != std::string::npos);
  p = good;
  p.context.extra = Tensor::zeros({14, 2}, DType::f32);
  CHECK(text().find("type of extra") != std::string::npos);
  p = good;
  p.context.edge_table = Tensor::zeros({2, 0}, DType::f64);
  CHECK(text().find("edge_rows is i32") != std::string::npos);
}
