#include <cfm/nn/serialize.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <doctest/doctest.h>

#include <cfm/nn/linear.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;

namespace {

struct NetConfig {
  Index in = 3, width = 4, layers = 2;
  static void visit(auto& self, auto&& v) {
    v("in", self.in);
    v("width", self.width);
    v("layers", self.layers);
  }
};

struct Net {
  using Config = NetConfig;
  static constexpr std::string_view kind = "net";

  explicit Net(const Config& c = {}, Init init = {})
      : config_(c), steps{init.constant({}, 0, DType::i64)} {
    for (Index l = 0; l < c.layers; ++l)
      layers.emplace_back(l == 0 ? c.in : c.width, c.width, init.next());
  }
  const Config& config() const { return config_; }
  static void visit(auto& self, auto&& v) {
    v("layers", self.layers);
    v("steps", self.steps);
  }

  Config config_;
  std::vector<Linear<>> layers;
  Buffer steps;
};

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               concat("cfm-serialize-", static_cast<long>(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

bool same_net(const Net& a, const Net& b) {
  const NamedTensors x = named_tensors(a), y = named_tensors(b);
  bool same = x.size() == y.size();
  for (std::size_t i = 0; same && i < x.size(); ++i)
    same = x[i].first == y[i].first && test::same_bits(x[i].second, y[i].second);
  return same;
}

}  // namespace

static_assert(ConfiguredModule<Net>);
static_assert(!ConfiguredModule<Linear<>>);

TEST_CASE("save and load: the same bits, the configuration with them") {
  const Folder folder;
  const auto path = folder.path / "net.safetensors";
  Net net({.in = 5, .width = 7, .layers = 3}, Rng(4));
  net.steps.value.fill(12);
  save(net, path);
  for (bool map : {false, true}) {
    const Net back = load<Net>(path, {.map = map});
    CHECK(back.config().layers == 3);
    CHECK(same_net(net, back));
  }
  const auto first = read_file(path);
  save(load<Net>(path), path);
  CHECK(first == read_file(path));

  // Double precision comes back as it was.
  const Net precise = to(net, DType::f64);
  save(precise, path);
  CHECK(same_net(load<Net>(path), precise));
}

TEST_CASE("load_into: writes into the memory that copies and optimizers share") {
  const Folder folder;
  const Net source({}, Rng(1));
  save(source, folder.path / "a");
  Net target({}, Rng(2));
  const Net copy = target;
  CHECK(!same_net(source, copy));
  load_into(target, folder.path / "a");
  CHECK(same_net(source, copy));
}

TEST_CASE("load_into: says all that does not fit, and changes nothing") {
  Net net({}, Rng(1));
  const Net before = clone(net);
  NamedTensors tensors = named_tensors(Net({}, Rng(2)));
  tensors[0].second = Tensor::zeros({4, 9});             // layers.0.weight
  tensors[1].first = "layers.0.offset";                  // was layers.0.bias
  tensors[3].second = tensors[3].second.to(DType::f64);  // layers.1.bias
  CHECK(test::error_of<FormatError>([&] { load_into(net, tensors, {}, "file"); }) ==
        "file: does not fit the model: missing \"layers.0.bias\"; unexpected \"layers.0.offset\"; "
        "mismatched \"layers.0.weight\" is f32[4, 9], the model has f32[4, 3], "
        "\"layers.1.bias\" is f64[4], the model has f32[4]");
  CHECK(same_net(net, before));
  // Not strict: names may differ, shapes may not.
  CHECK(test::error_of<FormatError>(
            [&] { load_into(net, tensors, {.strict = false, .convert = true}); }) ==
        "tensors: does not fit the model: mismatched \"layers.0.weight\" is f32[4, 9], the model "
        "has f32[4, 3]");
  CHECK(same_net(net, before));
  tensors.erase(tensors.begin());
  load_into(net, tensors, {.strict = false, .convert = true});
  CHECK(!same_net(net, before));
  CHECK(test::same_bits(net.layers[0].weight.value.value, before.layers[0].weight.value.value));
  CHECK(test::error_of<FormatError>([&] {
          load_into(net, {{"x", Tensor::zeros({1})}}, {.strict = false});
        }).find("missing \"layers.0.weight\"") != std::string::npos);

  NamedTensors many;
  for (int i = 0; i < 9; ++i) many.emplace_back(concat("x", i), Tensor::zeros({1}));
  for (auto& t : named_tensors(net)) many.push_back(t);
  CHECK(test::error_of<FormatError>([&] { load_into(net, many); }).find("\"x5\" and 3 more") !=
        std::string::npos);
}

TEST_CASE("load_into: foreign names by a table") {
  const Net source({}, Rng(1));
  NamedTensors tensors = named_tensors(source);
  for (auto& [name, t] : tensors) {
    if (name == "steps")
      name = "extra.step.count";
    else
      name = concat("encoder.", name[7], name.substr(8));  // layers.0.w -> encoder.0.w
  }
  const NamePair table[] = {{"layers.*.**", "encoder.*.**"}, {"steps", "extra.step.count"}};
  Net net({}, Rng(2));
  load_into(net, tensors, {.names = table});
  CHECK(same_net(net, source));
  const NamePair other[] = {{"layers.*.weight", "encoder.*.w"},
                            {"layers.*.bias", "encoder.*.bias"}};
  CHECK(test::error_of<FormatError>([&] {
          load_into(net, tensors, {.names = other});
        }).find("missing \"encoder.0.w\" (for \"layers.0.weight\")") != std::string::npos);
  const NamePair bad[] = {{"layers.0.weight", "*.weight"}};
  CHECK_THROWS_AS(load_into(net, tensors, {.names = bad}), Error);
}

TEST_CASE("load: a file that holds something else is refused") {
  const Folder folder;
  const auto path = folder.path / "x.safetensors";
  const Net net;
  const auto written = [&](SafetensorsMetadata metadata) {
    write_safetensors(path, named_tensors(net), metadata);
    return test::error_of<FormatError>([&] { load<Net>(path); });
  };
  const auto has = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  has(written({}), "has no \"cfm.config\" in its metadata");
  has(written({{"cfm.config", "{}"}}), "holds a model of kind \"\", wanted \"net\"");
  has(written({{"cfm.config", "{}"}, {"cfm.kind", "other"}}), "of kind \"other\", wanted \"net\"");
  has(written({{"cfm.config", "{\"width\":true}"}, {"cfm.kind", "net"}}), "$.width: wanted");
  has(written({{"cfm.config", "{\"width\":-1}"}, {"cfm.kind", "net"}}), "an extent is negative");
  has(written({{"cfm.config", "{\"width\":5}"}, {"cfm.kind", "net"}}), "mismatched");
  has(written({{"cfm.config", "{\"layers\":1}"}, {"cfm.kind", "net"}}), "unexpected");
  // A configuration cannot ask for more memory than the file has: neither by shapes ...
  has(written({{"cfm.config", "{\"width\":100000000}"}, {"cfm.kind", "net"}}), "mismatched");
  // ... nor by layers.
  has(written({{"cfm.config", "{\"layers\":1000000000000}"}, {"cfm.kind", "net"}}),
      "more tensors than the file");
  CHECK_THROWS_AS(load<Net>(folder.path / "absent"), IoError);
}

TEST_CASE("save: a failed write leaves the old file and no other") {
  const Folder folder;
  const auto path = folder.path / "net.safetensors";
  save(Net({}, Rng(1)), path);
  const auto before = read_file(path);
  Net net({}, Rng(2));
  CHECK_THROWS_AS(save(net, folder.path / "absent" / "net"), IoError);
  {
    AtomicFile half(path);  // what a kill in the middle leaves: never the path itself
    half.write(as_bytes(std::string_view("half")));
    CHECK(read_file(path) == before);
  }
  CHECK(read_file(path) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}
