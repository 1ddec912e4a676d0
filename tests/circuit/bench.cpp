#include <cfm/circuit/bench.hpp>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// The truth table of output 0 over three inputs a, b, c: bit a + 2 b + 4 c.
unsigned table_of(std::string_view gate) {
  const Aig aig = parse_bench(concat("INPUT(a)\nINPUT(b)\nINPUT(c)\nOUTPUT(y)\ny = ", gate, "\n"));
  BitRows in(3, 1);
  in[0][0] = 0xAA;
  in[1][0] = 0xCC;
  in[2][0] = 0xF0;
  return static_cast<unsigned>(simulate(aig, in)[0][0] & 0xFF);
}

}  // namespace

TEST_CASE("bench: every gate has its function, in any case") {
  CHECK(table_of("AND(a, b, c)") == 0x80);
  CHECK(table_of("nand(a, b, c)") == 0x7F);
  CHECK(table_of("OR(a, b, c)") == 0xFE);
  CHECK(table_of("NOR(a, b, c)") == 0x01);
  CHECK(table_of("XOR(a, b, c)") == 0x96);
  CHECK(table_of("XNOR(a, b)") == 0x99);
  CHECK(table_of("NXOR(a, b, c)") == 0x69);
  CHECK(table_of("Not(a)") == 0x55);
  CHECK(table_of("BUF(b)") == 0xCC);
  CHECK(table_of("BUFF(c)") == 0xF0);
  CHECK(table_of("AND(b)") == 0xCC);
  CHECK(table_of("MUX(a, b, c)") == 0xD8);  // select a: b if 1, c if 0
  CHECK(table_of("vdd") == 0xFF);
  CHECK(table_of("gnd()") == 0x00);
  CHECK(table_of("OR(a, gnd)") == 0xAA);
}

TEST_CASE("bench: a LUT gives back its table, first input least significant") {
  for (unsigned table = 0; table < 256; ++table) {
    static constexpr char digits[] = "0123456789abcdef";
    const std::string hex = {digits[table / 16], digits[table % 16]};
    CHECK(table_of(concat("LUT 0x", hex, " (a, b, c)")) == table);
  }
  CHECK(table_of("LUT 0x8(a, b)") == 0x88);
  CHECK(table_of("LUT 0x1 (a, b, c)") == 0x01);  // short tables end in zeros
  CHECK(table_of("lut 0X2 (c)") == 0xF0);
  CHECK(table_of("LUT 0x1 ()") == 0xFF);
}

TEST_CASE("bench: both dialects of DFF") {
  const std::string text = "INPUT(d)\nOUTPUT(q)\nq = DFF(d)\np = DFF0(d)\nr = DFF1(q)\n";
  const Aig abc = parse_bench(text);
  CHECK(abc.latches()[0].reset == Reset::undefined);
  CHECK(abc.latches()[1].reset == Reset::zero);
  CHECK(abc.latches()[2].reset == Reset::one);
  CHECK(abc.latch_name(2) == "r");
  const Aig zero = parse_bench(text, "bench", {.plain_dff = Reset::zero});
  CHECK(zero.latches()[0].reset == Reset::zero);
  CHECK(format_bench(zero, {.plain_dff = Reset::zero}).find("DFF0") == std::string::npos);
  CHECK_THROWS_AS(format_bench(abc, {.plain_dff = Reset::zero}), UnsupportedError);
  CHECK(parse_bench("INPUT(d)\nOUTPUT(q)\nq = DFFRSE(d, gnd, gnd, gnd, gnd)\n").latches().size() ==
        1);
}

TEST_CASE("bench: errors name the file, the place and the rule") {
  const auto error = [](std::string_view text) {
    return test::error_of([&] { parse_bench(text, "f.bench"); });
  };
  CHECK(error("INPUT(a)\nOUTPUT(y)\ny = AND(a, zz)\n") ==
        "f.bench:3:1: 'zz' is used here and driven nowhere");
  CHECK(error("OUTPUT(y)\n") == "f.bench:1:8: 'y' is used here and driven nowhere");
  CHECK(error("INPUT(a)\ny NOT(a)\n") == "f.bench:2:3: expected '=' after 'y', found 'N'");
  CHECK(error("INPUT(a)\nINPUT(a)\n") == "f.bench:2:7: 'a' is driven twice");
  CHECK(error("INPUT(a)\na = NOT(a)\n") == "f.bench:2:1: 'a' is driven twice");
  CHECK(error("y = NOT(y)\n") == "f.bench:1:1: combinational cycle through 'y'");
  CHECK(error("y = FOO(a)\n").starts_with("f.bench:1:5: unknown gate 'FOO'"));
  CHECK(error("y = NOT(a, b)\n") == "f.bench:1:5: this gate takes 1 signal, found 2");
  CHECK(error("y = AND()\n") == "f.bench:1:5: this gate takes at least 1 signal");
  CHECK(error("y = MUX(a, b)\n").find("takes 3 signals") != std::string::npos);
  CHECK(error("y = LUT 0x10 (a, b)\n") == "f.bench:1:5: the truth table has more than 4 rows");
  CHECK(error("y = LUT 0x4 (a)\n") == "f.bench:1:5: the truth table has more than 2 rows");
  CHECK(error("y = LUT 0xg (a)\n") == "f.bench:1:11: expected a hexadecimal digit");
  CHECK(error("y = AND(a") == "f.bench:1:10: expected ',' or ')', found the end of the file");
}

TEST_CASE("bench: a gate that nothing reads may lack a signal, a cycle may not be") {
  CHECK(parse_bench("INPUT(a)\nOUTPUT(a)\nx = NOT(no)\nz = NOT(x)\n").ands() == 0);
  CHECK_THROWS_AS(parse_bench("INPUT(a)\nOUTPUT(a)\nx = NOT(z)\nz = NOT(x)\n"), FormatError);
}

TEST_CASE("bench: names that the format lacks or that collide are changed, once") {
  Aig aig;
  const Literal a = aig.add_input("x(1)"), b = aig.add_input("x_1_"), c = aig.add_input("n4");
  aig.add_output(aig.add_and(a, !b), "n4");
  aig.add_output(!c, "");
  aig.add_output(c, "n4");
  const std::string text = format_bench(aig);
  const Aig again = parse_bench(text);
  CHECK(again.input_name(0) == "x_1_");
  CHECK(again.input_name(1) == "x_1__1");
  CHECK(again.output_name(0) == "n4_1");
  CHECK(again.output_name(1) == "o1");
  CHECK(again.output_name(2) == "n4");
  CHECK(std::ranges::equal(again.output_literals(), aig.output_literals()));
  CHECK(format_bench(again) == text);
}

TEST_CASE("bench: writing and reading is the identity, twice the same bytes") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Aig aig = random_aig(seed, true);
    const std::string text = format_bench(aig);
    CHECK(parse_bench(text) == aig);
    CHECK(format_bench(parse_bench(text)) == text);
    const Aig unnamed = random_aig(seed, false);
    const std::string first = format_bench(unnamed);
    CHECK(format_bench(parse_bench(first)) == first);
  }
}

TEST_CASE("bench: what it cannot hold is refused") {
  Aig aig;
  aig.properties.bad.push_back(literal_true);
  CHECK_THROWS_AS(format_bench(aig), UnsupportedError);
}

TEST_CASE("bench: a chain of a million gates in reverse order, on a small stack") {
  CHECK(runs_on_small_stack([] {
    const int n = 1'000'000;
    std::string text = "INPUT(a)\nOUTPUT(g0)\n";
    for (int k = 0; k < n; ++k) text += concat("g", k, "=NAND(a,g", k + 1, ")\n");
    text += concat("g", n, "=BUFF(a)\n");
    if (parse_bench(text).outputs() != 1) throw Error("lost");
  }));
}

TEST_CASE("bench: development circuits have ABC's counts") { check_counts(".bench", 54); }

TEST_CASE("bench: development circuits simulate as recorded") { check_simulations(".bench", 20); }

TEST_CASE("bench: development circuits survive writing") {
  const auto data = data_dir("circuits");
  if (!data) return;
  for (const auto& path : files_below(*data, ".bench")) {
    CAPTURE(path.string());
    const Aig aig = read_bench(path);
    CHECK(strash(aig) == aig);
    CHECK(parse_bench(format_bench(aig)) == aig);
  }
}

TEST_CASE("bench: malformed files get their verdicts") { check_verdicts("bench", 9); }

TEST_CASE("bench: every prefix of a small file is read or refused") {
  check_prefixes_of_files(".bench", [](std::string_view text) { parse_bench(text); });
  check_prefixes(format_bench(random_aig(3, true)) + "y = LUT 0x8 (in_0[0], in_0[0])\n",
                 [](std::string_view text) { parse_bench(text); });
}
