#include <cfm/circuit/blif.hpp>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

unsigned cover_table(std::string_view rows) {
  const Aig aig =
      parse_blif(concat(".model m\n.inputs a b c\n.outputs y\n.names a b c y\n", rows, "\n.end\n"));
  BitRows in(3, 1);
  in[0][0] = 0xAA;
  in[1][0] = 0xCC;
  in[2][0] = 0xF0;
  return static_cast<unsigned>(simulate(aig, in)[0][0] & 0xFF);
}

}  // namespace

TEST_CASE("blif: covers of every function of three inputs, as on-set and as off-set") {
  for (unsigned table = 0; table < 256; ++table) {
    CAPTURE(table);
    for (const bool value : {true, false}) {
      std::string rows;
      for (unsigned row = 0; row < 8; ++row) {
        if (((table >> row & 1) != 0) != value) continue;
        for (unsigned k = 0; k < 3; ++k) rows += (row >> k & 1) != 0 ? '1' : '0';
        rows += value ? " 1\n" : " 0\n";
      }
      if (rows.empty() && !value) continue;  // no rows always mean false
      CHECK(cover_table(rows) == table);
    }
  }
  CHECK(cover_table("1-0 1\n-11 1") == 0xCA);
  CHECK(cover_table("--- 1") == 0xFF);
  CHECK(cover_table("--- 0\n1-- 0") == 0x00);
}

TEST_CASE("blif: factoring keeps the function of wide covers") {
  Rng rng(5);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const std::size_t n = 3 + rng.below(9), rows = 1 + rng.below(40);
    std::string text = ".model m\n.inputs";
    for (std::size_t i = 0; i < n; ++i) text += concat(" x", i);
    text += "\n.outputs y\n.names";
    for (std::size_t i = 0; i < n; ++i) text += concat(" x", i);
    text += " y\n";
    std::vector<std::string> cubes(rows);
    for (std::string& cube : cubes) {
      for (std::size_t i = 0; i < n; ++i) cube += "01---"[rng.below(5)];
      text += cube + " 1\n";
    }
    const BitRows in = random_patterns(static_cast<Index>(n), 1, rng.split(1));
    std::uint64_t sum = 0;
    for (const std::string& cube : cubes) {
      std::uint64_t product = ~std::uint64_t{0};
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t x = in[static_cast<Index>(i)][0];
        if (cube[i] != '-') product &= cube[i] == '1' ? x : ~x;
      }
      sum |= product;
    }
    CHECK(simulate(parse_blif(text), in)[0][0] == sum);
  }
}

TEST_CASE("blif: latches with every form of reset and type") {
  const Aig aig = parse_blif(
      ".model m\n.inputs d clk\n.outputs q0\n.latch d q0 re clk 0\n.latch d q1 1\n"
      ".latch d q2 2\n.latch d q3\n.latch d q4 fe NIL\n.latch d q5 al clk 3\n.end\n");
  const Reset expected[] = {Reset::zero,      Reset::one,       Reset::undefined,
                            Reset::undefined, Reset::undefined, Reset::undefined};
  REQUIRE(aig.latches().size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(aig.latches()[i].reset == expected[i]);
  CHECK(aig.latch_name(4) == "q4");
}

TEST_CASE("blif: continuation lines, comments, skipped directives and don't-care networks") {
  const Aig aig = parse_blif(
      "# top\n.model m # name\n.inputs a \\\n b \\  \n c\n.outputs y\n.area 3.0\n"
      ".default_input_arrival 0 0\n.names a b \\\n c y # and\n111 1 # row\n\n.attr x 1\n"
      ".exdc\n.names a y\n1 1\n.end\n");
  CHECK(aig.inputs() == 3);
  CHECK(aig.ands() == 2);
  const Aig copies = parse_blif(".inputs a\n.outputs y z\n.conn a y\n.barbuf y z\n");
  CHECK(copies.output_literals()[1] == Literal(2));
}

TEST_CASE("blif: a hierarchy is flattened, latches inside instances too") {
  const std::string text =
      ".model top\n.inputs a b c\n.outputs s t\n.subckt cell y=s x=a z=b\n"
      ".subckt cell x=s z=c y=t\n.end\n"
      ".model cell\n.inputs x z\n.outputs y\n.names x z n\n11 1\n.latch n q 1\n"
      ".names q n y\n10 1\n01 1\n.end\n";
  const Aig aig = parse_blif(text);
  CHECK(aig.inputs() == 3);
  REQUIRE(aig.latches().size() == 2);
  CHECK(aig.latch_name(0) == "u1/q");
  CHECK(aig.latch_name(1) == "u2/q");
  CHECK(aig.ands() == 2 + 2 * 3);
}

TEST_CASE("blif: gates need their library") {
  const std::string text = ".model m\n.inputs a b\n.outputs y\n.gate nand2 A=a B=b O=y\n.end\n";
  CHECK(test::error_of([&] { parse_blif(text, "f"); }) ==
        "f:4:1: unknown model 'nand2'; give the cells of its library as BLIF models");
  const Aig aig = parse_blif(
      text, "f", {.library = ".model nand2\n.inputs A B\n.outputs O\n.names A B O\n11 0\n.end\n"});
  CHECK(aig.ands() == 1);
  CHECK(aig.output_literals()[0].inverted());
}

TEST_CASE("blif: a hierarchy that multiplies is refused before it is built") {
  std::string text;
  for (int level = 0; level < 30; ++level)
    text += concat(".model m", level, "\n.inputs a\n.outputs y\n.subckt m", level + 1,
                   " a=a y=y\n.subckt m", level + 1, " a=a y=z\n.end\n");
  text += ".model m30\n.inputs a\n.outputs y\n.names a y\n1 1\n.end\n";
  CHECK(test::error_of([&] { parse_blif(text, "f"); }).find("more than the limit of 10000000") !=
        std::string::npos);
  const std::string two = ".model a\n.subckt b\n.subckt b\n.end\n.model b\n.names x\n.end\n";
  CHECK_NOTHROW(parse_blif(two, "f", {.max_flattened = 7}));
  CHECK_THROWS_AS(parse_blif(two, "f", {.max_flattened = 6}), FormatError);
}

TEST_CASE("blif: the covers of a hierarchy count against its limit") {
  std::string text = ".model a\n.subckt b\n.subckt b\n.end\n.model b\n.names x\n.names x y\n";
  for (int row = 0; row < 100'000; ++row) text += "1 1\n";
  CHECK_NOTHROW(parse_blif(text, "f", {.max_flattened = 20'000}));
  CHECK_THROWS_AS(parse_blif(text, "f", {.max_flattened = 10'000}), FormatError);
}

TEST_CASE("blif: errors name the file, the place and the rule") {
  const auto error = [](std::string_view lines) {
    return test::error_of(
        [&] { parse_blif(concat(".model m\n.inputs a b\n.outputs y\n", lines), "f.blif"); });
  };
  CHECK(error(".names a z y\n11 1\n") ==
        "f.blif:4:1: 'z' is used here and driven nowhere "
        "(BlifOptions::undriven_is_false makes it false)");
  CHECK(error(".latch z q\n.conn a y\n").starts_with("f.blif:4:1: 'z' is used here and driven"));
  CHECK(error("").starts_with("f.blif:1:1: 'y' is used here and driven nowhere"));
  CHECK(error(".names a y\n1 1\n.names b y\n1 1\n") == "f.blif:6:1: 'y' is driven twice");
  CHECK(error(".names a b y\n111 1\n") ==
        "f.blif:5:1: this row needs 2 characters 0, 1 or -, found 3");
  CHECK(error(".names a b y\n1x 1\n") == "f.blif:5:2: a row has characters 0, 1 or -");
  CHECK(error(".names a b y\n11 2\n") == "f.blif:5:4: the value of a row is 0 or 1, found '2'");
  CHECK(error(".names a b y\n11 1\n00 0\n") ==
        "f.blif:6:4: all rows of a cover have the same value");
  CHECK(error(".names a b y\n11\n") ==
        "f.blif:5:3: expected the value of the row, found the end of the line");
  CHECK(error(".names y y\n1 1\n") == "f.blif:4:1: combinational cycle through 'y'");
  CHECK(error("11 1\n") == "f.blif:4:1: a row of a cover without .names before it");
  CHECK(error(".search x\n") ==
        "f.blif:4:1: .search is refused: reading a file opens no other file");
  CHECK(error(".foo\n") == "f.blif:4:1: unknown directive '.foo'");
  CHECK(error(".latch a y 7\n").starts_with("f.blif:4:12: expected a latch type"));
  CHECK(error(".subckt s a\n") == "f.blif:4:11: expected pin=signal, found 'a'");
  CHECK(error(".subckt s\n.end\n.model s\n.inputs p\n.end\n") ==
        "f.blif:4:1: input 'p' of model 's' is not connected");
  CHECK(error(".subckt s p=a p=b\n.end\n.model s\n.inputs p\n.end\n") ==
        "f.blif:4:15: pin 'p' is connected twice");
  CHECK(error(".subckt s\n.end\n.model s\n.blackbox\n.end\n") ==
        "f.blif:4:1: model 's' is a black box");
  CHECK(error(".end\n.model m\n.end\n") == "f.blif:5:1: model 'm' is defined twice");
  CHECK(test::error_of([] { parse_blif("", "f"); }) == "f:1:1: not BLIF: there is no .model");
}

TEST_CASE("blif: signals that nothing drives are errors, or false on request") {
  const std::string text = ".model m\n.inputs a\n.outputs y z\n.names a x y\n1- 1\n-1 1\n.end\n";
  CHECK_THROWS_AS(parse_blif(text), FormatError);
  const Aig aig = parse_blif(text, "f", {.undriven_is_false = true});
  CHECK(aig.output_literals()[0] == Literal(2));
  CHECK(aig.output_literals()[1] == literal_false);
}

TEST_CASE("blif: writing and reading is the identity, twice the same bytes") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Aig aig = random_aig(seed, true);
    const std::string text = format_blif(aig);
    CHECK(parse_blif(text) == aig);
    CHECK(format_blif(parse_blif(text)) == text);
    const Aig unnamed = random_aig(seed, false);
    const std::string first = format_blif(unnamed);
    CHECK(format_blif(parse_blif(first)) == first);
  }
  CHECK_THROWS_AS(format_blif(Aig(), "two words"), Error);
}

TEST_CASE("blif: graphs with constant fan-ins can be written") {
  Aig aig;
  const Literal a = aig.add_input("a");
  aig.add_output(aig.add_and(a, literal_true), "y");
  aig.add_output(aig.add_and(a, literal_false), "z");
  for (const Aig& again : {parse_blif(format_blif(aig)), parse_bench(format_bench(aig))}) {
    CHECK(again.output_literals()[0] == a);
    CHECK(again.output_literals()[1] == literal_false);
  }
}

TEST_CASE("blif: a chain of a million gates in reverse order, on a small stack") {
  CHECK(runs_on_small_stack([] {
    const int n = 1'000'000;
    std::string text = ".inputs a\n.outputs g0\n";
    for (int k = 0; k < n; ++k) text += concat(".names a g", k + 1, " g", k, "\n11 0\n");
    text += concat(".names a g", n, "\n1 1\n");
    if (parse_blif(text).outputs() != 1) throw Error("lost");
  }));
}

TEST_CASE("blif: a hierarchy of ten thousand levels, on a small stack") {
  CHECK(runs_on_small_stack([] {
    std::string text;
    for (int k = 0; k < 10'000; ++k)
      text +=
          concat(".model m", k, "\n.inputs a\n.outputs y\n.subckt m", k + 1, " a=a y=y\n.end\n");
    text += ".model m10000\n.inputs a\n.outputs y\n.names a y\n0 1\n.end\n";
    if (parse_blif(text).output_literals()[0] != Literal(3)) throw Error("lost");
  }));
}

TEST_CASE("blif: a huge cover costs bounded time") {
  Rng rng(1);
  std::string text = ".inputs";
  for (int i = 0; i < 40; ++i) text += concat(" x", i);
  text += "\n.outputs y\n.names";
  for (int i = 0; i < 40; ++i) text += concat(" x", i);
  text += " y\n";
  for (int row = 0; row < 4000; ++row) {
    for (int i = 0; i < 40; ++i) text += "01-"[rng.below(3)];
    text += " 1\n";
  }
  CHECK(parse_blif(text).ands() > 4000);
}

TEST_CASE("blif: development circuits have ABC's counts") { check_counts(".blif", 160); }

TEST_CASE("blif: development circuits simulate as recorded") { check_simulations(".blif", 140); }

TEST_CASE("blif: development circuits survive writing") {
  const auto data = data_dir("circuits");
  if (!data) return;
  for (const auto& path : files_below(*data, ".blif")) {
    CAPTURE(path.string());
    const Aig aig = read_as_abc(path);
    CHECK(strash(aig) == aig);
    CHECK(parse_blif(format_blif(aig)) == aig);
  }
}

TEST_CASE("blif: malformed files get their verdicts") { check_verdicts("blif", 23); }

TEST_CASE("blif: every prefix of a small file is read or refused") {
  check_prefixes_of_files(".blif", [](std::string_view text) { parse_blif(text); });
}
