#include <cfm/models/gamora_classifier.hpp>

#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/models/gamora.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("gamora classifier: equals the layers for other sizes of the model") {
  const GamoraGraph g = gamora_graph(carry_save_multiplier(6));
  for (Index width : {3, 16, 20, 33})
    for (Index layers : {1, 2, 5}) {
      CAPTURE(width);
      CAPTURE(layers);
      const Gamora<> model({.width = width, .layers = layers},
                           Rng(static_cast<std::uint64_t>(width * layers)));
      const GamoraOutput out = model(g.graph, g.features());
      const Tensor got = GamoraClassifier(model).logits(g);
      int head = 0;
      for (const Var* want : {&out.first, &out.second, &out.root}) {
        const auto a = want->value().view<float, 2>();
        const auto b = std::as_const(got).view<float, 2>();
        for (Index v = 0; v < a.rows(); ++v)
          for (Index k = 0; k < 3; ++k)
            CHECK(std::abs(a(v, k) - b(v, 3 * head + k)) < 1e-4f);
        ++head;
      }
    }
}

TEST_CASE("gamora classifier: the same bits for any number of threads, and in a larger circuit") {
  const Gamora<> model({}, Rng(1));
  const GamoraClassifier classifier(model);
  const GamoraGraph g = gamora_graph(carry_save_multiplier(48));
  Tensor first;
  ThreadLimit(1).run([&] { first = classifier.logits(g); });
  for (int threads : {2, 3, 8}) {
    Tensor again;
    ThreadLimit(threads).run([&] { again = classifier.logits(g); });
    CHECK(std::equal(std::as_const(first).span<float>().begin(),
                     std::as_const(first).span<float>().end(),
                     std::as_const(again).span<float>().begin()));
  }
}

TEST_CASE("gamora classifier: the decoding rule") {
  using detail::decode_shared;
  const float other[3] = {9, 0, 0}, adder[3] = {0, 9, 0}, exclusive[3] = {0, 0, 9};
  CHECK(decode_shared(other, other) == SharedLabel::other);
  CHECK(decode_shared(adder, adder) == SharedLabel::adder_only);
  CHECK(decode_shared(exclusive, exclusive) == SharedLabel::xor_only);
  CHECK(decode_shared(adder, exclusive) == SharedLabel::shared);
  CHECK(decode_shared(exclusive, adder) == SharedLabel::shared);
  const float weak[3] = {1, 0, 0};  // one head says other: the sum of both decides
  CHECK(decode_shared(weak, adder) == SharedLabel::adder_only);
  CHECK(decode_shared(weak, exclusive) == SharedLabel::xor_only);
  const float faint[3] = {0, 0.5f, 0};
  CHECK(decode_shared(other, faint) == SharedLabel::other);
}

TEST_CASE("gamora classifier: an empty circuit, and one without gates") {
  const GamoraClassifier classifier(Gamora<>({}, Rng(1)));
  CHECK(classifier(gamora_graph(Aig())).shared.empty());
  Aig wire;
  wire.add_output(wire.add_input());
  CHECK(classifier(gamora_graph(wire)).root.size() == 2);
}

TEST_CASE("adder accuracy: inputs and outputs count as other") {
  const AdderLabels truth{{SharedLabel::input, SharedLabel::shared, SharedLabel::output},
                          {RootLabel::input, RootLabel::sum, RootLabel::output}};
  AdderLabels got{{SharedLabel::other, SharedLabel::shared, SharedLabel::xor_only},
                  {RootLabel::other, RootLabel::carry, RootLabel::other}};
  const AdderAccuracy a = adder_accuracy(got, truth);
  CHECK(a.shared == doctest::Approx(200.0 / 3));
  CHECK(a.root == doctest::Approx(200.0 / 3));
  got.shared.pop_back();
  CHECK_THROWS_AS(adder_accuracy(got, truth), Error);
}
