#include <cfm/models/hoga.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

HogaConfig small_hoga(HogaAttention attention = HogaAttention::mix) {
  return {.features = 3, .width = 8, .layers = 2, .heads = 2, .attention = attention, .dropout = 0};
}

}  // namespace

TEST_CASE("hoga: has the names and sizes of the public checkpoint") {
  const Hoga<> model;
  std::vector<std::string> names;
  for_each_tensor(model, [&](std::string_view name, const auto& t) {
    names.push_back(concat(name, t.value.shape()));
  });
  CHECK(names == std::vector<std::string>{
                     "lins.0.weight[256, 4]", "gates.0.weight[256, 256]",
                     "trans.0.query_projection.weight[256, 256]",
                     "trans.0.query_projection.bias[256]",
                     "trans.0.key_projection.weight[256, 256]",
                     "trans.0.key_projection.bias[256]",
                     "trans.0.value_projection.weight[256, 256]",
                     "trans.0.value_projection.bias[256]",
                     "trans.0.output_projection.weight[256, 256]",
                     "trans.0.output_projection.bias[256]", "lns.0.weight[256]", "lns.0.bias[256]",
                     "attn_layer.weight[1, 512]", "attn_layer.bias[1]", "linear.0.weight[256, 256]",
                     "linear.1.weight[3, 256]", "linear.2.weight[3, 256]",
                     "linear.3.weight[3, 256]", "bn0.weight[256]", "bn0.bias[256]",
                     "bn0.running_mean[256]", "bn0.running_var[256]",
                     "bn0.num_batches_tracked[]"});
  CHECK(parameter_count(model) == 399105);
}

TEST_CASE("hoga: both kinds of attention equal their definition, and differ") {
  const Index nodes = 3, hops = 5, width = 8, heads = 2, part = 4;
  const Tensor x = test::normal_tensor({nodes, hops, width}, 1);
  std::vector<Tensor> results;
  for (const auto kind : {HogaAttention::mix, HogaAttention::vanilla}) {
    const HogaAttentionLayer<> layer(small_hoga(kind), Rng(4));
    const Tensor y = layer(x).value();
    const Tensor q = layer.query_projection(x).value(), k = layer.key_projection(x).value(),
                 v = layer.value_projection(x).value();
    Tensor mixed = Tensor::zeros(x.shape());
    for (Index n = 0; n < nodes; ++n)
      for (Index h = 0; h < heads; ++h) {
        // Where element c of row l of head h stands in the buffer of a node.
        const auto place = [&](Index l, Index c) {
          const Index at = kind == HogaAttention::mix ? h * hops * part + l * part + c
                                                      : l * width + c * heads + h;
          return static_cast<std::size_t>(n * hops * width + at);
        };
        for (Index i = 0; i < hops; ++i) {
          std::vector<double> score(hops, 0);
          double total = 0;
          for (Index j = 0; j < hops; ++j) {
            double& s = score[static_cast<std::size_t>(j)];
            for (Index c = 0; c < part; ++c)
              s += static_cast<double>(q.span<float>()[place(i, c)]) *
                   static_cast<double>(k.span<float>()[place(j, c)]);
            total += s = std::exp(s / 2);  // sqrt(part)
          }
          for (Index j = 0; j < hops; ++j)
            for (Index c = 0; c < part; ++c)
              mixed.span<float>()[place(i, c)] +=
                  static_cast<float>(score[static_cast<std::size_t>(j)] / total) *
                  v.span<float>()[place(j, c)];
        }
      }
    const Tensor want = layer.output_projection(mixed).value();
    const auto a = y.span<float>(), b = want.span<float>();
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
    results.push_back(y);
  }
  double difference = 0;
  for (std::size_t i = 0; i < results[0].span<float>().size(); ++i)
    difference += std::abs(
        static_cast<double>(results[0].span<float>()[i] - results[1].span<float>()[i]));
  CHECK(difference > 0.1);
}

TEST_CASE("hoga: nodes are independent of each other") {
  const Hoga<> model(small_hoga(), Rng(2));
  const Tensor hops = test::normal_tensor({7, 4, 3}, 5);
  const Tensor all = model(hops).root.value();
  for (Index v = 0; v < 7; ++v) {
    const Tensor one = model(hops.slice(0, v, v + 1)).root.value();
    for (Index k = 0; k < 3; ++k)
      CHECK(one.view<float, 2>()(0, k) ==
            doctest::Approx(all.view<float, 2>()(v, k)).epsilon(1e-5));
  }
}

TEST_CASE("hoga: vanilla attention does not depend on the order of the hops, mix does") {
  const Tensor hops = test::normal_tensor({2, 5, 3}, 6);
  Tensor turned = hops.clone();
  turned.select(1, 2).copy_from(hops.select(1, 4));
  turned.select(1, 4).copy_from(hops.select(1, 2));
  const auto difference = [&](HogaAttention kind) {
    const HogaEncoder<> encoder(small_hoga(kind), Rng(9));
    const Tensor a = encoder(hops).value(), b = encoder(turned).value();
    double sum = 0;
    for (std::size_t i = 0; i < a.span<float>().size(); ++i)
      sum += std::abs(static_cast<double>(a.span<float>()[i] - b.span<float>()[i]));
    return sum;
  };
  CHECK(difference(HogaAttention::vanilla) < 1e-5);
  CHECK(difference(HogaAttention::mix) > 1e-3);
}

TEST_CASE("hoga: gradients in double") {
  for (const auto kind : {HogaAttention::mix, HogaAttention::vanilla}) {
    HogaConfig config = small_hoga(kind);
    config.layers = 1;
    config.width = 4;
    const Hoga<> model(config, Init(Rng(7), DType::f64));
    const Tensor hops = test::normal_tensor({3, 3, 3}, 8, DType::f64);
    const GradcheckReport report = gradcheck(
        [&](const std::vector<Var>& in) {
          Hoga<> copy = model;
          copy.encoder.gates[0].weight.value.value = in[1].value();
          copy.encoder.attn_layer.weight.value.value = in[2].value();
          copy.encoder.trans[0].key_projection.weight.value.value = in[3].value();
          const GamoraOutput out = copy(in[0]);
          return std::vector<Var>{out.first, out.second, out.root};
        },
        {hops, model.encoder.gates[0].weight.value.value,
         model.encoder.attn_layer.weight.value.value,
         model.encoder.trans[0].key_projection.weight.value.value});
    CAPTURE(concat(report));
    CHECK(report.passed);
  }
}

TEST_CASE("hoga: names what is wrong") {
  CHECK(test::error_of([] { Hoga<>({.width = 10, .heads = 4}); })
            .starts_with("hoga: features, layers and heads at least 1, width a multiple of heads"));
  CHECK(test::error_of<ShapeError>([] {
          const Hoga<> model(small_hoga());
          model(Tensor::zeros({2, 5, 4}));
        })
            .starts_with("hoga: needs features of hops [nodes, hops + 1, 3]"));
}
