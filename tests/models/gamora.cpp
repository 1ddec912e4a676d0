#include <cfm/models/gamora.hpp>

#include <array>
#include <cstdio>
#include <optional>

#include <cfm/circuit/exact_adder_labels.hpp>
#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/io/torch_zip.hpp>
#include <cfm/models/gamora_classifier.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// The public weights, or nothing where the development data is missing.
std::optional<Gamora<>> public_model() {
  const auto path = test::data_dir("checkpoints/gamora_SAGE_mult8.pt");
  if (!path) return std::nullopt;
  Gamora<> model;
  load_into(model, read_torch(*path).tensors, {}, path->string());
  return model;
}

struct Circuit {
  explicit Circuit(std::size_t bits)
      : aig(carry_save_multiplier(bits)),
        graph(gamora_graph(aig)),
        adders(extract_adders(aig)),
        labels(adder_labels(aig, adders)) {}
  Aig aig;
  GamoraGraph graph;
  Adders adders;
  AdderLabels labels;
};

// All logits as the layers compute them, [nodes, 9].
Tensor layer_logits(const Gamora<>& model, const GamoraGraph& g) {
  const GamoraOutput out = model(g.graph, g.features());
  return cat({out.first, out.second, out.root}, 1).value();
}

}  // namespace

TEST_CASE("gamora: has the published number of parameters, and names") {
  const Gamora<> model;
  CHECK(parameter_count(model) == 7904);
  std::vector<std::string> names;
  for_each_tensor(model, [&](std::string_view name, const auto&) { names.emplace_back(name); });
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  CHECK(has("convs.0.lin_l.weight"));
  CHECK(has("convs.3.lin_l.bias"));
  CHECK(has("convs.3.lin_r.weight"));
  CHECK_FALSE(has("convs.3.lin_r.bias"));
  CHECK(has("linear.3.weight"));
  CHECK_FALSE(has("linear.0.bias"));
  CHECK(has("bn0.running_var"));
}

TEST_CASE("gamora: the public weights give the published accuracies") {
  const auto model = public_model();
  if (!model) return;
  struct Row {
    std::size_t bits;
    Index nodes, edges;
    std::size_t full, half;
    const char *shared, *root;
  };
  const Row rows[] = {{2, 18, 28, 0, 2, "66.667", "77.778"},
                      {3, 51, 90, 3, 3, "90.196", "94.118"},
                      {4, 100, 184, 8, 4, "94.000", "96.000"},
                      {5, 165, 310, 15, 5, "96.970", "97.576"},
                      {6, 246, 468, 24, 6, "97.967", "98.374"},
                      {8, 456, 880, 48, 8, "98.904", "99.123"},
                      {10, 730, 1420, 80, 10, "99.315", "99.452"},
                      {12, 1068, 2088, 120, 12, "99.532", "99.625"},
                      {16, 1936, 3808, 224, 16, "99.742", "99.793"},
                      {24, 4440, 8784, 528, 24, "99.887", "99.910"},
                      {32, 7968, 15808, 960, 32, "99.937", "99.950"},
                      {64, 32320, 64384, 3968, 64, "99.985", "99.988"}};
  const GamoraClassifier classifier(*model);
  const auto percent = [](double p) {
    char text[16];
    std::snprintf(text, sizeof text, "%.3f", p);
    return std::string(text);
  };
  for (const Row& row : rows) {
    CAPTURE(row.bits);
    const Circuit c(row.bits);
    CHECK(c.graph.nodes() == row.nodes);
    CHECK(c.graph.graph.edges() == row.edges);
    CHECK(c.adders.full() == row.full);
    CHECK(c.adders.half() == row.half);
    const AdderAccuracy accuracy = adder_accuracy(classifier(c.graph), c.labels);
    CHECK(percent(accuracy.shared) == row.shared);
    CHECK(percent(accuracy.root) == row.root);
  }
}

TEST_CASE("gamora: the public weights give the published logits") {
  const auto model = public_model();
  if (!model) return;
  struct Sums {
    std::size_t bits;
    double first, second, root;
  };
  for (const Sums& want :
       {Sums{8, -2984.8921, -1801.6727, -1195.1600}, Sums{16, -13009.736, -8072.497, -5379.018},
        Sums{32, -54275.960, -34076.214, -22724.818}}) {
    CAPTURE(want.bits);
    const Circuit c(want.bits);
    for (const Tensor& logits :
         {layer_logits(*model, c.graph), GamoraClassifier(*model).logits(c.graph)}) {
      double sums[3] = {};
      const auto rows = logits.view<float, 2>();
      for (Index v = 0; v < rows.rows(); ++v)
        for (Index k = 0; k < 9; ++k) sums[k / 3] += static_cast<double>(rows(v, k));
      // 1e-3 a logit at worst is far above what rounding leaves: the sums agree to 2e-6.
      CHECK(sums[0] == doctest::Approx(want.first).epsilon(2e-6));
      CHECK(sums[1] == doctest::Approx(want.second).epsilon(2e-6));
      CHECK(sums[2] == doctest::Approx(want.root).epsilon(2e-6));
    }
  }
  const Circuit c(8);
  const Tensor logits = GamoraClassifier(*model).logits(c.graph);
  const auto rows = logits.view<float, 2>();
  const std::pair<Index, std::array<double, 9>> golden[] = {
      {0, {5.9491, -12.46, -1.8094, 4.8824, -3.7675, -6.9068, -5.3975, -3.2927, 7.1228}},
      {16, {-.7319, -5.7701, 3.2929, -.0355, 3.9248, -3.6692, -4.2666, -3.5578, 3.703}},
      {439, {-8.2082, 2.9595, 8.8615, -9.6963, 9.9847, .957, 4.8105, .4598, -8.9273}}};
  for (const auto& [node, values] : golden)
    for (Index k = 0; k < 9; ++k)
      CHECK(std::abs(static_cast<double>(rows(node, k)) - values[static_cast<std::size_t>(k)]) <
            1e-3);
}

TEST_CASE("gamora: the public weights err where the reference errs") {
  const auto model = public_model();
  if (!model) return;
  const Circuit c(8);
  const AdderLabels got = GamoraClassifier(*model)(c.graph);
  std::vector<std::array<int, 3>> shared, root;
  for (std::size_t v = 16; v < 440; ++v) {
    const int id = static_cast<int>(v);
    if (got.shared[v] != c.labels.shared[v])
      shared.push_back({id, static_cast<int>(got.shared[v]), static_cast<int>(c.labels.shared[v])});
    if (got.root[v] != c.labels.root[v])
      root.push_back(
          {id, static_cast<int>(got.root[v]) - 1, static_cast<int>(c.labels.root[v]) - 1});
  }
  CHECK(shared == std::vector<std::array<int, 3>>{
                      {16, 2, 1}, {19, 1, 2}, {21, 4, 2}, {221, 1, 2}, {439, 2, 3}});
  CHECK(root == std::vector<std::array<int, 3>>{{19, 2, 0}, {21, 2, 1}, {221, 2, 0}, {223, 2, 1}});
}

TEST_CASE("gamora: renumbering the nodes renumbers the output") {
  const Gamora<> model({}, Rng(5));
  const Circuit c(4);
  const auto nodes = static_cast<std::size_t>(c.graph.nodes());
  std::vector<std::int64_t> to(nodes);  // node v becomes to[v]
  for (std::size_t v = 0; v < nodes; ++v) to[v] = static_cast<std::int64_t>((v * 37 + 11) % nodes);
  std::vector<std::int32_t> sources, targets;
  const CsrView fanins = c.graph.graph.fanins();
  for (Index v = 0; v < fanins.rows(); ++v)
    for (std::int32_t u : fanins[v]) {
      sources.push_back(static_cast<std::int32_t>(to[static_cast<std::size_t>(u)]));
      targets.push_back(static_cast<std::int32_t>(to[static_cast<std::size_t>(v)]));
    }
  const Graph moved = Graph::from_edges(fanins.rows(), sources, targets);
  Tensor x = c.graph.features(), y = Tensor::empty_like(x);
  for (std::size_t v = 0; v < nodes; ++v)
    y.select(0, to[v]).copy_from(x.select(0, static_cast<Index>(v)));
  const Tensor a = model(c.graph.graph, x).root.value(), b = model(moved, y).root.value();
  for (std::size_t v = 0; v < nodes; ++v)
    for (Index k = 0; k < 3; ++k)
      CHECK(a.view<float, 2>()(static_cast<Index>(v), k) ==
            doctest::Approx(b.view<float, 2>()(to[v], k)).epsilon(1e-5));
}

TEST_CASE("gamora: the whole loss has the right gradients") {
  const Gamora<> model({.width = 5, .layers = 2, .dropout = 0}, Init(Rng(3), DType::f64));
  const Circuit c(3);
  const AdderTargets classes = adder_targets(c.labels);
  const auto index = [](const std::vector<std::uint8_t>& values) {
    return Tensor::from(values, {static_cast<Index>(values.size())}).to(DType::i64);
  };
  const GamoraTargets targets{index(classes.first), index(classes.second), index(classes.root)};
  const Tensor x = c.graph.features().to(DType::f64);
  for (const char* wanted : {"convs.0.lin_l.weight", "convs.1.lin_r.weight", "linear.0.weight",
                             "linear.2.weight", "bn0.weight"}) {
    CAPTURE(wanted);
    Tensor parameter;
    for_each_parameter(model, [&](std::string_view name, const Parameter& p) {
      if (name == wanted) parameter = p.value;
    });
    REQUIRE(parameter.defined());
    const auto loss = [&] {
      Tape tape({.training = true});
      return gamora_loss(model(c.graph.graph, tape.input(x)), targets).item<double>();
    };
    Tape tape({.training = true});
    tape.backward(gamora_loss(model(c.graph.graph, tape.input(x)), targets));
    const Tensor grad = tape.grad(parameter);
    REQUIRE(grad.defined());
    const auto values = parameter.span<double>();
    const auto slopes = grad.contiguous();
    for (std::size_t i = 0; i < values.size(); i += 3) {
      const double old = values[i], h = 1e-6;
      values[i] = old + h;
      const double up = loss();
      values[i] = old - h;
      const double down = loss();
      values[i] = old;
      CHECK(std::as_const(slopes).span<double>()[i] ==
            doctest::Approx((up - down) / (2 * h)).epsilon(1e-4).scale(1e-2));
    }
  }
}
