#include <cfm/models/mgvga.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/graph/batch.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

MgvgaConfig small_mgvga() {
  return {.width = 4, .layers = 2, .align_layers = 1, .verilog = 6, .dropout = 0};
}

// The golden graph with kinds as MGVGA numbers them.
MgvgaGraph golden_mgvga() {
  MgvgaGraph out;
  const ExplicitNotGraph t1 = test::golden_not_graph();
  out.graph = t1.graph;
  for (NodeKind k : t1.kinds)
    out.kinds.push_back(static_cast<std::uint8_t>(k == NodeKind::input      ? MgvgaKind::input
                                                  : k == NodeKind::and_gate ? MgvgaKind::and_gate
                                                                            : MgvgaKind::not_gate));
  return out;
}

// Names as in the golden vectors: enc0.norm.weight, enc0.conv.mlp.0.weight ...
MgvgaBlock<> golden_block(const std::string& prefix) {
  MgvgaBlock<> block(small_mgvga(), Rng(1));
  test::fill_by_formula(block.norm, prefix + "norm.");
  test::fill_by_formula(block.conv, prefix + "conv.");
  block.conv.t->value.fill(1);
  return block;
}

Tensor index_list(std::initializer_list<std::int64_t> values) {
  return Tensor::from(std::span(values.begin(), values.size()),
                      {static_cast<Index>(values.size())});
}

}  // namespace

TEST_CASE("mgvga: has the published number of parameters, and names") {
  const Mgvga<> model;
  CHECK(parameter_count(model) == 1103442);
  CHECK(parameter_count(Mgvga<>({.conv_bias = true})) == 1104978);
  std::vector<std::string> names;
  for_each_tensor(model, [&](std::string_view name, const auto&) { names.emplace_back(name); });
  for (const char* name :
       {"token_emb.node_token_emb.weight", "graph_encoder.layers.0.layer.conv.mlp.0.weight",
        "graph_encoder.layers.5.layer.conv.aggr_module.t", "graph_encoder.conv.layer.norm.bias",
        "graph_decoder.conv.layer.conv.mlp.4.weight", "vg_decoder.layers.1.attn.linear_k.weight",
        "vg_decoder.layers.0.mlp.fc2.bias", "vg_decoder.layers.0.mlp_norm.weight",
        "mask_token.weight", "vg_node_prediction_head.classifier.bias",
        "indegree_prediction_head.mlp.fc1.weight", "outdegree_prediction_head.classifier.weight"}) {
    CAPTURE(name);
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  }
  const auto table = model.token_emb.weight.value;
  for (Index k = 0; k < 64; ++k) CHECK(table.view<float, 2>()(0, k) == 0);
}

TEST_CASE("mgvga: the golden blocks") {
  const MgvgaGraph g = golden_mgvga();
  Embedding table(5, 4, Rng(1));
  test::fill_by_formula(table, "token_emb.node_token_emb.");
  table.weight.value.select(0, 0).fill(0);
  const Var x = table(g.tokens());
  const Var first = golden_block("enc0.")(g.graph, x);
  const std::vector<double> input{-.411733, -.090320, -.247618, -.195304};
  const std::vector<double> inverter{-.261117, -.088471, -.299856, -.440072};
  std::vector<double> want;
  const auto add = [&](const std::vector<double>& row) {
    want.insert(want.end(), row.begin(), row.end());
  };
  for (int i = 0; i < 3; ++i) add(input);
  add({-.576344, .441637, .562601, .025602});
  add(inverter);
  add({-.593151, .433311, .581830, .028332});
  add({-.155707, -.026114, -.423411, -.466474});
  add({-.656332, .409980, .651801, .031302});
  add(inverter);
  test::check_rows(first.value(), want, 2e-6);
  const Var second = golden_block("enc1.")(g.graph, relu(first));
  want.clear();
  for (int i = 0; i < 3; ++i) add({-.226055, .098164, .197490, -.155633});
  add({-.251272, .561000, .779138, -.156773});
  add({-.251272, .119362, .216537, -.182375});
  add({-.249423, .549993, .797298, -.151051});
  add({-.226063, .098136, .197505, -.155610});
  add({-.247993, .524746, .866397, -.145911});
  add({-.243350, .109395, .211516, -.170946});
  test::check_rows(second.value(), want, 2e-6);
}

TEST_CASE("mgvga: a batch of graphs is the graphs one by one") {
  const Mgvga<> model(small_mgvga(), Rng(3));
  const MgvgaGraph g = golden_mgvga();
  const Tensor one = model(g.graph, g.tokens()).value();
  const Graph both = GraphBatch(std::vector<Graph>{g.graph, g.graph}).graph();
  const Tensor two = model(both, cat({Var(g.tokens()), Var(g.tokens())}).value()).value();
  for (Index v = 0; v < 18; ++v)
    for (Index k = 0; k < 4; ++k)
      CHECK(two.view<float, 2>()(v, k) == one.view<float, 2>()(v % 9, k));
}

TEST_CASE("mgvga: what is hidden is not seen, and only that is replaced") {
  const Mgvga<> model(small_mgvga(), Rng(3));
  const MgvgaGraph g = golden_mgvga();
  const Tensor states = model(g.graph, g.tokens()).value();
  const Tensor hidden = index_list({3, 6});
  Tensor other = states.clone();
  other.select(0, 3).fill(7);
  other.select(0, 6).fill(-5);
  const Tensor a = model.guess(g.graph, states, hidden).kinds.value(),
               b = model.guess(g.graph, other, hidden).kinds.value();
  CHECK(a.shape() == Shape{2, 4});
  for (std::size_t i = 0; i < 8; ++i) CHECK(a.span<float>()[i] == b.span<float>()[i]);
  other.select(0, 5).fill(3);  // not hidden, and heard by nobody that is: no change
  other.select(0, 0).fill(3);  // the fan-in of both
  const Tensor c = model.guess(g.graph, other, hidden).kinds.value();
  CHECK(c.span<float>()[0] != a.span<float>()[0]);
  // The alignment hides before the encoder: the kinds of hidden nodes do not matter.
  Tensor tokens = g.tokens();
  const Tensor verilog = test::normal_tensor({1, 6}, 2);
  const Segments graphs(Tensor::zeros({9}, DType::i64), 1);
  const Tensor d = model.guess_aligned(g.graph, tokens, hidden, verilog, graphs).value();
  tokens.span<std::int64_t>()[3] = 4;
  const Tensor e = model.guess_aligned(g.graph, tokens, hidden, verilog, graphs).value();
  for (std::size_t i = 0; i < 8; ++i) CHECK(d.span<float>()[i] == e.span<float>()[i]);
}

TEST_CASE("mgvga: the block of the alignment is attention over one key") {
  const MgvgaAlignBlock<> block(small_mgvga(), Rng(6));
  const Tensor x = test::normal_tensor({3, 4}, 1), verilog = test::normal_tensor({1, 6}, 2);
  const Segments graphs(Tensor::zeros({3}, DType::i64), 1);
  // softmax over one score is 1, whatever queries and keys are.
  const Var q = block.linear_q(block.attn_norm(x)), k = block.linear_k(verilog);
  const Var weight = softmax(matmul(q, transpose(k, 0, 1)), 1);
  const Var h = x + block.linear_out(matmul(weight, block.linear_v(verilog)));
  const Tensor want = (h + block.mlp(block.mlp_norm(h))).value();
  const Tensor got = block(x, verilog, graphs).value();
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(got.span<float>()[i] == doctest::Approx(want.span<float>()[i]).epsilon(1e-5));
}

TEST_CASE("mgvga: gradients in double") {
  Mgvga<> model(small_mgvga(), Init(Rng(4), DType::f64));
  for_each_parameter(model, [&](std::string_view name, Parameter& p) {
    p.value = test::formula_tensor(name, p.value.shape(), DType::f64, name.ends_with("norm.weight"));
  });
  const MgvgaGraph g = golden_mgvga();
  const Tensor verilog = test::normal_tensor({1, 6}, 2, DType::f64);
  const Segments graphs(Tensor::zeros({9}, DType::i64), 1);
  const Tensor hidden = index_list({3, 4, 7});
  const GradcheckReport report = gradcheck(
      [&](const std::vector<Var>& in) {
        Mgvga<> copy = model;
        copy.token_emb.weight.value = in[0].value();
        copy.mask_token.weight.value = in[1].value();
        copy.vg_mask_token.weight.value = in[2].value();
        copy.encoder[0].conv.t->value = in[3].value();
        copy.align[0].linear_v.weight.value.value = in[4].value();
        const Var tokens = in[0].tape() ? in[0].tape()->input(g.tokens()) : Var(g.tokens());
        const MgvgaGuess guess = copy.guess(g.graph, copy(g.graph, tokens), hidden);
        return std::vector<Var>{guess.kinds, guess.indegree, guess.outdegree,
                                copy.guess_aligned(g.graph, tokens, hidden, verilog, graphs)};
      },
      {model.token_emb.weight.value, model.mask_token.weight.value,
       model.vg_mask_token.weight.value, model.encoder[0].conv.t->value,
       model.align[0].linear_v.weight.value.value});
  CAPTURE(concat(report));
  CHECK(report.passed);
}

TEST_CASE("mgvga: names what is wrong") {
  const Mgvga<> model(small_mgvga(), Rng(3));
  const MgvgaGraph g = golden_mgvga();
  CHECK(test::error_of([&] { model.guess(g.graph, model(g.graph, g.tokens()), index_list({9})); })
            .starts_with("mgvga: a hidden node is no node"));
  CHECK(test::error_of([] { Mgvga<>({.layers = 0}); })
            .starts_with("mgvga: width, layers, classes and verilog are at least 1"));
}
