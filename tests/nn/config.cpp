#include <cfm/nn/config.hpp>

#include <doctest/doctest.h>

#include <cfm/nn/activation.hpp>

using namespace cfm;

namespace {

struct Inner {
  double rate = 0.5;
  static void visit(auto& self, auto&& v) { v("rate", self.rate); }
};

struct Sample {
  Index width = 64;
  std::uint8_t small = 3;
  float scale = 0.1f;
  bool bias = true;
  std::string name = "a \"b\"";
  Activation activation = Activation::gelu;
  std::vector<Index> sizes{1, 2};
  std::optional<double> limit;
  Inner inner;
  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("small", self.small);
    v("scale", self.scale);
    v("bias", self.bias);
    v("name", self.name);
    v("activation", self.activation);
    v("sizes", self.sizes);
    v("limit", self.limit);
    v("inner", self.inner);
  }
};

Sample parse(const char* text) {
  const JsonDocument document = parse_json(text, "file");
  return config_from_json<Sample>(document.root());
}

}  // namespace

TEST_CASE("config: JSON and back gives the same fields") {
  Sample a{.width = -5, .small = 255, .scale = 0.3f, .bias = false, .name = "\xC3\xA4",
           .activation = Activation::tanh, .sizes = {}, .limit = 1e300, .inner = {.rate = 1.0 / 3}};
  const std::string text = to_text(config_to_json(a));
  const Sample b = parse(text.c_str());
  CHECK(to_text(config_to_json(b)) == text);
  CHECK(b.width == -5);
  CHECK(b.scale == 0.3f);
  CHECK(b.activation == Activation::tanh);
  CHECK(b.limit == 1e300);
  CHECK(b.inner.rate == 1.0 / 3);
  CHECK(text.find("\"activation\":\"tanh\"") != std::string::npos);
}

TEST_CASE("config: what is left out keeps its default") {
  const Sample s = parse(R"({"inner":{},"sizes":[7]})");
  CHECK(s.width == 64);
  CHECK(s.sizes == std::vector<Index>{7});
  CHECK(s.inner.rate == 0.5);
}

TEST_CASE("config: every field that does not fit is named") {
  const auto expect = [](const char* text, const char* message) {
    CHECK_THROWS_WITH_AS(parse(text), doctest::Contains(message), FormatError);
  };
  expect(R"({"width":1.5})", "file: $.width: wanted an integer");
  expect(R"({"small":256})", "file: $.small: wanted an integer from 0 to 255, got 256");
  expect(R"({"bias":1})", "file: $.bias: wanted");
  expect(R"({"activation":"swish"})", "$.activation: this program knows no \"swish\" here");
  expect(R"({"sizes":[1,"x"]})", "$.sizes[1]");
  expect(R"({"inner":{"rat":1}})", "$.inner.rat: this program knows no such field");
  expect(R"([])", "file: $: wanted");
}
