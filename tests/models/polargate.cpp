#include <cfm/models/polargate.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/io/torch_zip.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

PolarGate<> small_polargate(DType dtype = DType::f32) {
  return PolarGate<>({.width = 8, .layers = 3}, Init(Rng(3), dtype));
}

}  // namespace

TEST_CASE("polargate: has the names of the released code") {
  const PolarGate<> model({.width = 128, .layers = 2, .projection = 256});
  std::vector<std::string> names;
  for_each_parameter(model, [&](std::string_view name, const Parameter&) {
    names.emplace_back(name);
  });
  CHECK(names == std::vector<std::string>{
                     "conv1.lin_b.weight", "conv1.lin_b.bias", "conv1.lin_u.weight",
                     "conv1.lin_u.bias", "convs.0.lin_b.weight", "convs.0.lin_b.bias",
                     "convs.0.lin_u.weight", "convs.0.lin_u.bias", "weight.weight", "weight.bias",
                     "proj.weight", "proj.bias", "readout_prob.fc.0.weight",
                     "readout_prob.fc.0.bias", "readout_prob.fc.1.weight",
                     "readout_prob.fc.1.bias", "readout_prob.fc.4.weight",
                     "readout_prob.fc.4.bias", "readout_prob.fc.5.weight",
                     "readout_prob.fc.5.bias", "readout_prob.fc.8.weight",
                     "readout_prob.fc.8.bias"});
  CHECK(model.convs[0].lin_b.inputs() == 192);
  CHECK(model.readout_prob.linear(0).inputs() == 128);
}

TEST_CASE("polargate: the golden vector") {
  PolarGate<> model = small_polargate();
  test::fill_by_formula(model);
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const PolarGateOutput out = model(signed_graph(t1), t1.features());
  const std::vector<double> input{-.296407, -.434888, .424604,  .724737,
                                  -.101503, -.665803, -.188996, .201933};
  std::vector<double> z;
  for (int i = 0; i < 3; ++i) z.insert(z.end(), input.begin(), input.end());
  const double rest[] = {
      -.459016, -.282728, .531893, .605444,  -.176654, -.511677, -.181883, -.035548,
      -.477749, .033153,  .479668, .378513,  -.020014, -.298390, -.394652, -.221184,
      -.651167, -.360435, .715948, .603889,  -.449692, -.441074, .094963,  -.205281,
      -.641098, .592770,  .518098, -.259276, .121324,  .304615,  -.629353, -.637080,
      -.704920, -.640296, .804037, .769556,  -.657319, -.607633, .435293,  -.084448,
      -.623506, .647004,  .476736, -.325274, .195374,  .349335,  -.680966, -.650968};
  z.insert(z.end(), std::begin(rest), std::end(rest));
  test::check_rows(out.state.value(), z, 2e-6);
  test::check_rows(sigmoid(out.logits).value(),
                   {.466635, .466635, .466635, .465996, .461218, .467110, .451999, .470491,
                    .450858},
                   2e-6);
}

TEST_CASE("polargate: the switch of the released code changes what inverted edges say") {
  const ExplicitNotGraph t1 = test::golden_not_graph();
  PolarGate<> with = small_polargate();
  PolarGate<> without({.width = 8, .layers = 3, .negated_minimum = false}, Rng(3));
  test::fill_by_formula(with);
  test::fill_by_formula(without);
  const Tensor a = with.embed(signed_graph(t1), t1.features()).value();
  const Tensor b = without.embed(signed_graph(t1), t1.features()).value();
  const auto same = [&](Index v) {
    for (Index k = 0; k < 8; ++k)
      if (a.view<float, 2>()(v, k) != b.view<float, 2>()(v, k)) return false;
    return true;
  };
  CHECK(same(0));
  CHECK(same(3));  // no inverted edge in its cone
  CHECK_FALSE(same(4));
  CHECK_FALSE(same(5));
}

TEST_CASE("polargate: the public encoder of DeepCell, where its file is at hand") {
  const auto path = test::data_dir("checkpoints/deepcell_aig_pg.pth");
  if (!path) return;
  PolarGate<> model({.width = 128, .layers = 2, .projection = 256});
  load_into(model, read_torch(*path).below("state_dict."), {}, path->string());
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const PolarGateOutput out =
      model(signed_graph(t1, {.collapse_nots = true}), t1.features());
  const Var hs = slice(out.state, 1, 0, 128), hf = slice(out.state, 1, 128, 256);
  CHECK(sum(hs).item<float>() == doctest::Approx(7.43061).epsilon(1e-5));
  CHECK(sum(hf).item<float>() == doctest::Approx(-1.52381).epsilon(1e-4));
  test::check_rows(out.logits.value(),
                   {-.272738, -.272738, -.272738, .247506, -.885899, .355110, -.885899, .230035,
                    -.885898},
                   1e-4);
  test::check_rows(slice(select(hf, 0, 7), 0, 0, 6).value(),
                   {-.007506, -.021503, -.159201, .073228, -.072672, -.048835}, 1e-4);
}

TEST_CASE("polargate: nodes with the same signed in-tree of the depth of the model are equal") {
  // Two copies of a cone under different fan-outs; the deeper parts differ beyond three levels.
  const PolarGate<> model({.width = 16, .layers = 3}, Rng(8));
  const auto node = [&](std::vector<std::int32_t> from, std::vector<std::int32_t> to,
                        std::vector<std::uint8_t> types, Index nodes) {
    return signed_graph(Graph::from_edges(nodes, from, to, types));
  };
  // 4 = AND(0, !1), 5 = AND(4, 2), 6 = AND(5, !4) and their doubles 10, 11, 12 over 7, 8, 9; node 7
  // has a fan-in where 0 has none, out of reach of three rounds at 12 but not at 11.
  const SignedGraph graph =
      node({0, 1, 4, 2, 5, 4, 7, 8, 10, 9, 11, 10, 3}, {4, 4, 5, 5, 6, 6, 10, 10, 11, 11, 12, 12, 13},
           {0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1}, 14);
  Tensor x = Tensor::zeros({14, 3});
  for (Index v = 0; v < 14; ++v)
    x.view<float, 2>()(v, v >= 4 && v <= 6 ? 1 : v >= 10 && v <= 12 ? 1 : 0) = 1;
  const Tensor z = model.embed(graph, x).value();
  const auto rows = z.view<float, 2>();
  const auto same = [&](Index a, Index b) {
    for (Index k = 0; k < 16; ++k)
      if (rows(a, k) != rows(b, k)) return false;
    return true;
  };
  CHECK(same(0, 7));
  CHECK(same(4, 10));
  CHECK(same(5, 11));
  CHECK(same(6, 12));
  CHECK_FALSE(same(4, 5));
  CHECK_FALSE(same(0, 13));  // it hears an inverted edge
  // Beyond the depth of the model nothing is heard: a changed input four levels down.
  const SignedGraph chain = node({0, 1, 2, 3, 5, 6, 7, 8}, {1, 2, 3, 4, 6, 7, 8, 9},
                                 {0, 0, 0, 0, 0, 0, 0, 0}, 10);
  Tensor y = Tensor::zeros({10, 3});
  for (Index v = 0; v < 10; ++v) y.view<float, 2>()(v, v == 5 ? 2 : 1) = 1;
  const Tensor far = model.embed(chain, y).value();
  const auto r = far.view<float, 2>();
  double near = 0, beyond = 0;
  for (Index k = 0; k < 16; ++k) {
    near += std::abs(static_cast<double>(r(3, k) - r(8, k)));
    beyond += std::abs(static_cast<double>(r(4, k) - r(9, k)));
  }
  CHECK(near > 0);
  CHECK(beyond == 0);
}

TEST_CASE("polargate: a batch of graphs is the graphs one by one, whatever their numbers") {
  const PolarGate<> model = small_polargate();
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const SignedGraph one = signed_graph(t1);
  const SignedGraph both{GraphBatch(std::vector<Graph>{one.plain, one.plain}).graph(),
                         GraphBatch(std::vector<Graph>{one.inverted, one.inverted}).graph()};
  const Tensor x = t1.features(), xx = cat({Var(x), Var(x)}).value();
  const Tensor a = model.embed(one, x).value(), b = model.embed(both, xx).value();
  for (Index v = 0; v < 18; ++v)
    for (Index k = 0; k < 8; ++k)
      CHECK(b.view<float, 2>()(v, k) == a.view<float, 2>()(v % 9, k));
}

TEST_CASE("polargate: gradients in double") {
  const PolarGate<> model({.width = 4, .layers = 2, .dropout = 0}, Init(Rng(5), DType::f64));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const SignedGraph graph = signed_graph(t1);
  const Tensor x = test::normal_tensor({9, 3}, 4, DType::f64);
  const GradcheckReport report = gradcheck(
      [&](const std::vector<Var>& in) {
        PolarGate<> copy = model;
        copy.conv1.lin_u.weight.value.value = in[1].value();
        copy.convs[0].lin_b.weight.value.value = in[2].value();
        return copy(graph, in[0]).logits;
      },
      {x, model.conv1.lin_u.weight.value.value, model.convs[0].lin_b.weight.value.value});
  CAPTURE(concat(report));
  CHECK(report.passed);
}
