#include <cfm/io/torch_zip.hpp>

#include "tensors.hpp"
#include "torch_writer.hpp"

#include <algorithm>

using namespace cfm;
using test::to_storage;
using test::TorchWriter;

namespace {

TorchFile parse(std::span<const std::byte> bytes, const TorchOptions& options = {}) {
  return parse_torch(to_storage(bytes), "f", options);
}

std::string torch_error(std::span<const std::byte> bytes, const TorchOptions& options = {}) {
  return test::error_of([&] { parse(bytes, options); });
}

// A checkpoint with this pickle (the protocol and the end are added) and 64 bytes of storage "0".
std::vector<std::byte> with_pickle(TorchWriter writer) {
  writer.add_storage("0", std::vector<std::byte>(64, std::byte{1}));
  return writer.bytes();
}

std::string pickle_error(std::string_view opcodes, const TorchOptions& options = {}) {
  return torch_error(with_pickle(TorchWriter().raw(opcodes)), options);
}

}  // namespace

TEST_CASE("torch: every storage type and shape comes back") {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::f16, DType::boolean, DType::i8,
                      DType::i16, DType::i32, DType::i64, DType::u8})
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 4}})
      tensors.emplace_back(concat(name(dtype), shape), test::pattern(dtype, shape));
  std::sort(tensors.begin(), tensors.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::vector<std::byte> bytes;
  REQUIRE(test::write_state_dict(tensors, bytes));
  const TorchFile file = parse(bytes);
  REQUIRE(file.tensors.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    CHECK(file.tensors[i].first == tensors[i].first);
    test::check_same(file.tensors[i].second, tensors[i].second);
  }
  CHECK_THROWS_WITH_AS(file.at("absent"), "f: has no tensor \"absent\"; it has 40", Error);
}

TEST_CASE("torch: dictionaries and lists nest, and scalars are kept") {
  const Tensor weight = test::pattern(DType::f32, {2, 2});
  TorchWriter writer;
  writer.raw("}(").text("epoch").integer(12).text("loss").number(0.25).text("done").raw("\x88");
  writer.text("note").text("caf\xC3\xA9").text("none").raw("N").text("seed").integer(-5000000000);
  writer.text("sizes").tuple({3, 4});
  writer.text("state_dict").raw("}(").text("layers").raw("](").tensor(weight).raw("}").text("w");
  writer.tensor(weight).raw("se").raw("u");
  writer.text("optimizer")
      .raw("}(")
      .integer(0)
      .raw("}")
      .text("step")
      .tensor(weight)
      .raw("su")
      .raw("u");
  const TorchFile file = parse(writer.bytes("model"));
  REQUIRE(file.tensors.size() == 3);
  CHECK(file.tensors[0].first == "optimizer.0.step");
  CHECK(file.tensors[1].first == "state_dict.layers.0");
  CHECK(file.tensors[2].first == "state_dict.layers.1.w");
  test::check_same(file.at("state_dict.layers.1.w"), weight);
  const auto below = file.below("state_dict.layers.");
  REQUIRE(below.size() == 2);
  CHECK(below[1].first == "1.w");
  CHECK(file.root["epoch"].integer() == 12);
  CHECK(file.root["epoch"].number() == 12.0);
  CHECK(file.root["loss"].number() == 0.25);
  CHECK(file.root["done"].boolean());
  CHECK(file.root["note"].string() == "caf\xC3\xA9");
  CHECK(file.root["none"].kind() == TorchKind::none);
  CHECK(file.root["seed"].integer() == -5000000000);
  CHECK(file.root["sizes"].size() == 2);
  CHECK(file.root["sizes"][1].integer() == 4);
  CHECK(file.root["state_dict"]["layers"][0].kind() == TorchKind::tensor);
  CHECK(file.root["optimizer"].key(0) == "0");
  CHECK_FALSE(file.root.find("absent").has_value());
  CHECK_THROWS_WITH_AS(file.root["absent"], "f:0: has no key \"absent\"", FormatError);
  CHECK_THROWS_WITH_AS(file.root["note"].integer(), "f:0: wanted an integer", FormatError);
  CHECK_THROWS_WITH_AS(file.root["sizes"][2], "f:0: has 2 items, wanted item 2", FormatError);
}

TEST_CASE("torch: strides, offsets and shared storages stay") {
  std::vector<std::byte> data;
  for (int i = 0; i < 12; ++i) detail::append_little(data, static_cast<std::uint32_t>(i));
  TorchWriter writer;
  writer.add_storage("s", data);
  writer.raw("}(").text("t").rebuild("IntStorage", "s", 12, 1, {3, 2}, {1, 4});
  writer.text("e").rebuild("IntStorage", "s", 12, 5, {4, 1}, {0, 1}).raw("u");
  const TorchFile file = parse(writer.bytes());
  const Tensor& t = file.at("t");
  CHECK(t.strides() == Strides{1, 4});
  const Tensor dense = t.contiguous();
  const std::int32_t expected[] = {1, 5, 2, 6, 3, 7};
  CHECK(std::equal(expected, expected + 6, dense.data<std::int32_t>()));
  CHECK(file.at("e").contiguous().data<std::int32_t>()[3] == 5);
  CHECK(file.at("e").storage() == t.storage());
}

TEST_CASE("torch: parameters, sizes, ordered dictionaries with a state, protocols 2 to 5") {
  const Tensor weight = test::pattern(DType::f32, {3});
  for (int protocol : {2, 3, 4, 5}) {
    TorchWriter writer(protocol);
    writer.global("collections", "OrderedDict").raw(")R(").text("w");
    writer.global("torch._utils", "_rebuild_parameter").raw("(").tensor(weight).raw("\x88");
    writer.global("collections", "OrderedDict").raw(")RtR");
    writer.text("size").global("torch", "Size").raw("(").tuple({2, 3}).raw("tR").raw("u");
    writer.raw("}").text("_metadata").raw("}sb");
    const TorchFile file = parse(writer.bytes());
    test::check_same(file.at("w"), weight);
    CHECK(file.root["size"][0].integer() == 2);
  }
  // Protocol 4: framed, a name from the stack, memo slots without numbers.
  TorchWriter four(4);
  four.raw(std::string_view("\x95\x04\0\0\0\0\0\0\0", 9)).raw("]\x94(");
  four.raw(
      "\x8c\x0b"
      "collections\x8c\x0bOrderedDict\x93\x94)R\x94h\x02"
      "e");
  const TorchFile file = parse(four.bytes());
  CHECK(file.root.size() == 2);
  CHECK(file.root[1].kind() == TorchKind::dict);
  CHECK(torch_error(TorchWriter(1).raw("N").bytes())
            .ends_with("pickle protocol 1, supported are 2 to 5"));
  CHECK(torch_error(TorchWriter(6).raw("N").bytes())
            .ends_with("pickle protocol 6, supported are 2 to 5"));
}

TEST_CASE("torch: types without a storage class come through untyped storages") {
  TorchWriter writer;
  writer.raw("}").text("w").global("torch._utils", "_rebuild_tensor_v3").raw("(");
  writer.storage("UntypedStorage", "0", 64).integer(2).tuple({3}).tuple({1}).raw("\x89");
  writer.global("collections", "OrderedDict")
      .raw(")R")
      .global("torch", "uint16")
      .raw("N")
      .raw("tRs");
  const TorchFile file = parse(with_pickle(writer));
  CHECK(file.at("w").dtype() == DType::u16);
  CHECK(file.at("w").data<std::uint16_t>()[2] == 0x0101);
}

TEST_CASE("torch: what a plain checkpoint does not need is refused, not run") {
  CHECK(pickle_error("cos\nsystem\n(VlstR") ==
        "f/archive/data.pkl:2: the pickle names os.system, which is not among the names of plain "
        "checkpoints; save a state dict, or set TorchOptions::records to read objects as "
        "dictionaries");
  for (const char* name :
       {"cbuiltins\neval\n", "c__builtin__\nexec\n", "ctorch\nload\n",
        "ctorch._utils\n_rebuild_sparse_tensor\n", "ctorch\nComplexFloatStorage\n"})
    CHECK(pickle_error(name).find("which is not among the names") != std::string::npos);
  CHECK(torch_error(TorchWriter(4).text("os").text("system").raw("\x93").bytes()).find("os.system") !=
        std::string::npos);
  for (const char* opcode :
       {"I1\n", "L1L\n", "F1\n", "S'a'\n", "V\n",  "P0\n", "ios\nx\n", "o",    "p0\n",
        "g0\n", "d",     "l",    "2",      "\x82", "\x83", "\x84",     "\x92", "\x96",
        "\x97", "\x98",  "\x8e", "B",      "C",    "\x8f", "\x90",     "\x91", "\xff"}) {
    CAPTURE(opcode);
    CHECK(pickle_error(opcode).find("is not among those that hold data") != std::string::npos);
  }
  // Names that may be called, called as what they are not.
  CHECK(pickle_error("ctorch\nFloatStorage\n)R").find("not a function") != std::string::npos);
  CHECK(pickle_error("ctorch\nSize\n)R").ends_with("torch.Size wants one argument"));
  CHECK(pickle_error("N)R").ends_with("what is called has another type than expected"));
  CHECK(
      pickle_error("ccollections\nOrderedDict\n)\x81").ends_with("this is no class of records"));
}

TEST_CASE("torch: records are read as dictionaries on request, back references included") {
  TorchWriter writer;
  writer.global("some.module", "Graph").raw(")\x81q").raw(std::string_view("\0", 1)).raw("}(");
  writer.text("x")
      .tensor(test::pattern(DType::f32, {2}))
      .text("self")
      .raw("h")
      .raw(std::string_view("\0", 1));
  writer.raw("ub");
  const auto bytes = writer.bytes();
  CHECK(torch_error(bytes).find("some.module.Graph") != std::string::npos);
  const TorchFile file = parse(bytes, {.records = true});
  REQUIRE(file.tensors.size() == 1);
  CHECK(file.tensors[0].first == "x");
  CHECK(pickle_error("csome.module\nf\n)R", {.records = true}).find("not a function") !=
        std::string::npos);
}

TEST_CASE("torch: damaged pickles are refused with the rule they break") {
  const auto tensor = [](std::int64_t elements, std::int64_t offset, const Extents& shape,
                         const Extents& strides, std::string_view type = "FloatStorage",
                         std::string_view key = "0") {
    return torch_error(
        with_pickle(TorchWriter().rebuild(type, key, elements, offset, shape, strides)));
  };
  CHECK(tensor(16, 0, {4, 4}, {4, 1}) == "no error");
  CHECK(tensor(16, 0, {4, 5}, {4, 1}).find("elements lie outside the storage") !=
        std::string::npos);
  CHECK(tensor(16, 1, {4, 4}, {4, 1}).find("elements lie outside the storage") !=
        std::string::npos);
  CHECK(tensor(16, 0, {4, 4}, {4, -1}).find("elements lie outside the storage") !=
        std::string::npos);
  CHECK(tensor(16, 0, {2, 2}, {std::int64_t{1} << 62, 1}).find("outside") != std::string::npos);
  CHECK(tensor(16, 0, {-1}, {1}).find("an extent is negative") != std::string::npos);
  CHECK(tensor(16, 0, {4, 4}, {1}).find("one stride a dimension") != std::string::npos);
  CHECK(tensor(16, -1, {1}, {1}).ends_with("the offset of a tensor is out of range"));
  CHECK(tensor(16, std::int64_t{1} << 62, {1}, {1})
            .ends_with("the offset of a tensor is out of range"));
  CHECK(tensor(16, 0, {1 << 30}, {0}).find("a tensor of 1073741824 elements in a file of") !=
        std::string::npos);
  CHECK(tensor(17, 0, {1}, {1})
            .ends_with("storage 0 has 64 bytes, the pickle says 17 elements of 4"));
  CHECK(tensor(-1, 0, {1}, {1}).find("the pickle says -1 elements") != std::string::npos);
  CHECK(tensor(std::int64_t{1} << 62, 0, {1}, {1}).find("the pickle says") != std::string::npos);
  CHECK(tensor(16, 0, {1}, {1}, "FloatStorage", "9").ends_with("the archive lacks storage 9"));
  CHECK(tensor(16, 0, {1}, {1}, "FloatStorage", "../../x").ends_with("lacks storage ../../x"));

  CHECK(pickle_error("t").ends_with("no mark was set"));
  CHECK(pickle_error("(\x85").ends_with("the stack has fewer than 1 values"));
  CHECK(pickle_error("N(0").ends_with("the stack is empty"));
  CHECK(pickle_error("N(a").ends_with("the stack is empty"));
  CHECK(pickle_error("NN").ends_with("a pickle must leave exactly one value"));
  CHECK(pickle_error("").ends_with("a pickle must leave exactly one value"));
  CHECK(pickle_error("N.N").ends_with("bytes follow the end of the pickle"));
  CHECK(pickle_error("h\x05").ends_with("memo 5 was never set"));
  CHECK(pickle_error("NNa").ends_with("only lists take items"));
  CHECK(pickle_error("NNNs").ends_with("only dictionaries take keys"));
  CHECK(pickle_error("}(Nu").ends_with("a key has no value"));
  CHECK(pickle_error("NQ").ends_with("a persistent id must be a storage"));
  CHECK(pickle_error("]Nb").ends_with("only dictionaries may have a state"));
  CHECK(pickle_error("X\xff\xff\xff\x7f"
                        "abc")
            .find("a string needs 2147483647 bytes") != std::string::npos);
  CHECK(pickle_error(std::string_view("X\x01\0\0\0\xff", 6)).ends_with("a string is not UTF-8"));
  CHECK(pickle_error("\x8b\xff\xff\xff\xff").find("an integer needs 4294967295 bytes") !=
        std::string::npos);
  CHECK(pickle_error(std::string(100, 'N'), {.values = 50}).ends_with("more than 50 values"));
}

TEST_CASE("torch: pickles that grow when they are walked are bounded") {
  // Each list holds the one before twice: 2^40 paths in 300 bytes.
  std::string laughs = "]N";
  laughs += "a";
  for (char i = 0; i < 40; ++i) laughs += std::string("q") + i + "0](h" + i + "h" + i + "e";
  CHECK(pickle_error(laughs).find("has more than 4194304 values") != std::string::npos);
  // A list that holds itself.
  CHECK(pickle_error(std::string_view("]q\0h\0a", 6)).ends_with("is nested more than 64 deep"));
  // A million lists inside each other.
  std::string deep(1000000, ']');
  deep += std::string(999999, 'a');
  CHECK(pickle_error(deep).ends_with("is nested more than 64 deep"));
  // A memo slot far away costs nothing.
  CHECK(pickle_error("}r\xff\xff\xff\xff") == "no error");
}

TEST_CASE("torch: two tensors of one name are refused") {
  TorchWriter writer;
  writer.raw("}(").text("a.b").rebuild("FloatStorage", "0", 16, 0, {1}, {1});
  writer.text("a").raw("}").text("b").rebuild("FloatStorage", "0", 16, 0, {1}, {1}).raw("su");
  CHECK(torch_error(with_pickle(writer)).ends_with("two tensors are named \"a.b\""));
}

TEST_CASE("torch: archives that are no checkpoints") {
  std::vector<std::byte> bytes;
  ZipWriter zip([&](auto part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
  zip.add("data.pkl", {as_bytes("x")});
  zip.finish();
  CHECK(torch_error(bytes) == "f:0: not a torch checkpoint: the archive has no data.pkl");
  CHECK(torch_error(as_bytes("PK")) == "f:0: too short for a zip archive");
  CHECK(torch_error(as_bytes("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."))
            .find("a checkpoint of torch before 1.6") != std::string::npos);
}

TEST_CASE("torch: every prefix is refused, and damage is an error or the same tensors") {
  TorchWriter writer;
  writer.raw("}").text("w").tensor(test::pattern(DType::f32, {3})).raw("s");
  const auto bytes = writer.bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK(torch_error(std::span(bytes).first(n)) != "no error");
  int survivors = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{1} << (i % 8);
    try {
      const TorchFile file = parse(changed);
      REQUIRE(file.tensors.size() == 1);
      test::check_same(file.tensors[0].second, test::pattern(DType::f32, {3}));
      ++survivors;
    } catch (const Error&) {
    }
  }
  CHECK(survivors > 0);  // dates, paddings
}

TEST_CASE("torch: the public GAMORA weights") {
  const auto path = test::data_dir("checkpoints/gamora_SAGE_mult8.pt");
  if (!path) return;
  for (bool map : {false, true}) {
    const TorchFile file = read_torch(*path, {.map = map});
    CHECK(file.tensors.size() == 21);
    CHECK(file.at("convs.0.lin_l.weight").shape() == Shape{32, 4});
    CHECK(file.at("convs.0.lin_r.weight").shape() == Shape{32, 4});
    for (int i = 1; i < 4; ++i) {
      CHECK(file.at(concat("convs.", i, ".lin_l.weight")).shape() == Shape{32, 32});
      CHECK(file.at(concat("convs.", i, ".lin_r.weight")).shape() == Shape{32, 32});
      CHECK(file.at(concat("convs.", i, ".lin_l.bias")).shape() == Shape{32});
      CHECK(file.at(concat("linear.", i, ".weight")).shape() == Shape{3, 32});
    }
    CHECK(file.at("linear.0.weight").shape() == Shape{32, 32});
    CHECK(file.at("bn0.num_batches_tracked").dtype() == DType::i64);
    Index parameters = 0;
    for (const auto& [name, tensor] : file.tensors)
      if (name.find("running") == std::string::npos &&
          name.find("num_batches") == std::string::npos)
        parameters += tensor.size();
    CHECK(parameters == 7904);
  }
}

TEST_CASE("torch: the public TimingGCN weights") {
  const auto path = test::data_dir("checkpoints/timing_gcn_15799.pt");
  if (!path) return;
  const TorchFile file = read_torch(*path);
  Index parameters = 0;
  for (const auto& [name, tensor] : file.tensors) parameters += tensor.size();
  CHECK(parameters == 224838);
}

TEST_CASE("torch: a heterogeneous graph of PyG reads as records") {
  const auto path = test::data_dir("analog/cirgps_digtime.pt");
  if (!path) return;
  CHECK_THROWS_AS(read_torch(*path), UnsupportedError);
  const TorchFile file = read_torch(*path, {.records = true});
  CHECK(file.at("0._node_store_dict.net._mapping.x").shape() == Shape{1048, 17});
  CHECK(file.at("0._edge_store_dict.pin__cc_p2n__net._mapping.edge_index").shape() ==
        Shape{2, 19840});
}
