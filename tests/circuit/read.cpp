#include <cfm/circuit/read.hpp>

#include "shared_circuits.hpp"

using namespace cfm;

TEST_CASE("read: the extension chooses the format, in both directions") {
  const auto folder =
      std::filesystem::temp_directory_path() / concat("cfm_read_", static_cast<long>(getpid()));
  std::filesystem::create_directories(folder);
  const Aig aig = test::random_aig(5, true);
  for (const char* name : {"x.aig", "x.aag", "x.bench", "x.blif", "x.v", "X.AIG", "X.Blif"}) {
    CAPTURE(name);
    write_circuit(aig, folder / name);
    CHECK(read_circuit(folder / name) == aig);
  }
  const std::string extensions =
      ": a circuit file ends in .aig, .aag, .bench, .blif, .eqn, .json, .kiss2 or .v, and then "
      "perhaps .gz";
  CHECK(test::error_of([&] { read_circuit("x.vhd"); }) == "x.vhd" + extensions);
  CHECK(test::error_of([&] { read_circuit("x.gz"); }) == "x.gz" + extensions);
  CHECK(test::error_of([&] { read_netlist("x.blif"); }).find("a netlist ends in .v or .json") !=
        std::string::npos);
  CHECK_THROWS_AS(write_circuit(aig, folder / "x"), UnsupportedError);
  CHECK_THROWS_AS(write_circuit(aig, folder / "x.json"), UnsupportedError);
  CHECK_THROWS_AS(read_circuit(folder / "missing.aig"), IoError);
  std::filesystem::remove_all(folder);
}

TEST_CASE("read: what gzip wrote is unpacked, told by its bytes") {
  const auto folder =
      std::filesystem::temp_directory_path() / concat("cfm_gz_", static_cast<long>(getpid()));
  std::filesystem::create_directories(folder);
  // One stored block: the same bytes with a frame around them.
  const auto packed = [](std::string_view text) {
    std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff\1", 11);
    const auto append = [&](std::uint32_t value, int count) {
      for (int i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
    };
    const auto n = static_cast<std::uint32_t>(text.size());
    append(n, 2);
    append(~n, 2);
    out += text;
    append(crc32(as_bytes(text)), 4);
    append(n, 4);
    return out;
  };
  const std::pair<const char*, std::string_view> files[] = {
      {"a.bench.gz", "INPUT(a)\nINPUT(b)\nOUTPUT(y)\ny = AND(a, b)\n"},
      {"a.blif.gz", ".model m\n.inputs a b\n.outputs y\n.names a b y\n11 1\n.end\n"},
      {"a.eqn.gz", "INORDER = a b; OUTORDER = y; y = a * b;"},
      {"a.v.GZ", "module m(input a, b, output y); assign y = a & b; endmodule"},
      {"a.aag.gz", "aag 3 2 0 1 1\n2\n4\n6\n6 4 2\ni0 a\ni1 b\no0 y\n"},
      {"a.v", "module m(input a, b, output y); and (y, a, b); endmodule"},
      {"a.json.gz",
       R"({"modules":{"m":{"ports":{"a":{"direction":"input","bits":[2]},"b":{"direction":"input",)"
       R"("bits":[3]},"y":{"direction":"output","bits":[4]}},"cells":{"c":{"type":"$_AND_",)"
       R"("connections":{"A":[2],"B":[3],"Y":[4]}}}}}})"}};
  Aig first;
  for (const auto& file : files) {
    CAPTURE(file.first);
    write_file_atomic(folder / file.first, packed(file.second));
    const Aig aig = read_circuit(folder / file.first);
    CHECK(aig.ands() == 1);
    if (first.ands() == 0) first = aig;
    CHECK(aig == first);
  }
  CHECK(read_netlist(folder / "a.v.GZ").gates() == 1);
  write_file_atomic(folder / "a.kiss2.gz", packed(".i 1\n.o 1\n0 p q 1\n1 q p 0\n"));
  CHECK(read_circuit(folder / "a.kiss2.gz").latches().size() == 1);
  std::string damaged = packed(files[0].second);
  damaged[20] = 'X';
  write_file_atomic(folder / "bad.bench.gz", damaged);
  CHECK(test::error_of<FormatError>([&] {
          read_circuit(folder / "bad.bench.gz");
        }).find("the checksum of the data is wrong") != std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("read: in every format, what is written behaves alike and its second text is the first") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const Aig aig = test::random_aig(seed, seed % 2 == 0);
    const std::string bench = format_bench(aig), blif = format_blif(aig),
                      verilog = format_verilog(aig);
    const Aig from_bench = parse_bench(bench), from_blif = parse_blif(blif),
              from_verilog = to_aig(parse_verilog(verilog));
    CHECK(format_bench(from_bench) == bench);
    CHECK(format_blif(from_blif) == blif);
    CHECK(format_verilog(from_verilog) == verilog);
    CHECK(test::behave_alike(from_bench, from_blif));
    CHECK(test::behave_alike(from_verilog, from_blif));
    if (seed % 2 == 0) CHECK(test::behave_alike(from_verilog, aig));
  }
}
