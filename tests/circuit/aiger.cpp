#include <cfm/circuit/aiger.hpp>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("aiger: the half adder of the format's description") {
  const Aig aig = parse_aiger("aag 7 2 0 2 3\n2\n4\n6\n12\n6 13 15\n12 2 4\n14 3 5\n");
  CHECK(aig.inputs() == 2);
  CHECK(aig.ands() == 3);
  BitRows in(2, 1);
  in[0][0] = 0b1100;
  in[1][0] = 0b1010;
  const BitRows out = simulate(aig, in);
  CHECK((out[0][0] & 15) == 0b0110);
  CHECK((out[1][0] & 15) == 0b1000);
}

TEST_CASE("aiger: everything of version 1.9 is kept, in both encodings") {
  const std::string text =
      "aag 6 2 3 1 1 2 1 2 1\n2\n4\n6 13\n8 2 1\n10 4 10\n13\n6\n8\n3\n2\n1\n6\n8\n10\n12\n"
      "12 4 2\ni0 a b\nl1 reg\no0 y\nb1 never\nc0 always\nj1 live\nf0 fair\nc\nfree\ntext";
  const Aig aig = parse_aiger(text);
  CHECK(aig.input_name(0) == "a b");
  CHECK(aig.input_name(1).empty());
  CHECK(aig.latches()[0] == Latch{Literal(13), Reset::zero});
  CHECK(aig.latches()[1] == Latch{Literal(2), Reset::one});
  CHECK(aig.latches()[2] == Latch{Literal(4), Reset::undefined});
  CHECK(aig.properties.bad == std::vector{Literal(6), Literal(8)});
  CHECK(aig.properties.constraints == std::vector{Literal(3)});
  CHECK(aig.properties.justice ==
        std::vector<std::vector<Literal>>{{Literal(6), Literal(8)}, {Literal(10)}});
  CHECK(aig.properties.fairness == std::vector{Literal(12)});
  CHECK(aig.properties.bad_names == std::vector<std::string>{"", "never"});
  CHECK(aig.properties.justice_names == std::vector<std::string>{"", "live"});
  CHECK(aig.comment == "free\ntext");
  CHECK(format_aiger(aig, AigerFormat::ascii) == text);
  CHECK(parse_aiger(format_aiger(aig, AigerFormat::binary)) == aig);
}

TEST_CASE("aiger: a missing reset is 0, and c0 is a name but c alone the comment") {
  const Aig aig = parse_aiger("aag 1 0 1 0 0 0 1\n2 3\n2\nc0 name\nc\nc0 no name\n");
  CHECK(aig.latches()[0].reset == Reset::zero);
  CHECK(aig.properties.constraint_names == std::vector<std::string>{"name"});
  CHECK(aig.comment == "c0 no name\n");
}

TEST_CASE("aiger: deltas of one to three bytes as the format's description has them") {
  Aig aig;
  for (int i = 0; i < 8256; ++i) aig.add_input();
  aig.add_output(aig.add_and(Literal(16514 - 127), Literal(16514 - 127 - 128)));
  const std::string bytes = format_aiger(aig, AigerFormat::binary);
  CHECK(bytes.substr(bytes.size() - 3) == "\x7f\x80\x01");
  CHECK(parse_aiger(bytes) == aig);
  Aig far;
  for (int i = 0; i < 8256; ++i) far.add_input();
  far.add_output(far.add_and(Literal(16514 - 258), literal_false));
  const std::string more = format_aiger(far, AigerFormat::binary);
  CHECK(more.substr(more.size() - 4) == "\x82\x02\x80\x7f");
  CHECK(parse_aiger(more) == far);
}

TEST_CASE("aiger: ASCII ANDs come in any order, with gaps in the numbers") {
  const Aig aig = parse_aiger("aag 90 2 0 1 3\n60\n4\n81\n80 70 4\n70 10 61\n10 60 4\n");
  CHECK(aig.ands() == 3);
  CHECK(aig == parse_aiger("aag 5 2 0 1 3\n2\n4\n11\n6 4 2\n8 6 3\n10 8 4\n"));
}

TEST_CASE("aiger: errors name the file, the place and the rule") {
  const auto error = [](std::string_view text) {
    return test::error_of([&] { parse_aiger(text, "f.aag"); });
  };
  CHECK(error("aag 2 1 0 1 0\n2\n4\n") == "f.aag:3:1: variable 2 is not defined");
  CHECK(error("aag 1 1 0 1 0\n3\n2\n") ==
        "f.aag:2:1: a definition needs a positive even literal, found 3");
  CHECK(error("aag 2 1 0 0 1\n2\n2 2 2\n") == "f.aag:3:1: variable 1 is defined twice");
  CHECK(error("aag 3 1 0 0 2\n2\n4 6 2\n6 4 2\n").find("depends on itself") != std::string::npos);
  CHECK(error("aag 3  1 0 0 0\n") == "f.aag:1:7: expected a count, found ' '");
  CHECK(error("aag 1 1 0 0 0\r\n2\n") ==
        "f.aag:1:14: expected a line end after the counts, found a carriage return");
  CHECK(error("aag 1 1 0 0 0\n2\ni0 a\ni0 b\n") == "f.aag:4:1: symbol i0 is given twice");
  CHECK(error("aag 1 1 0 0 0\n2\ni1 a\n") == "f.aag:3:1: symbol i1: there are 1 of this kind");
  CHECK(error("aag 1 1 0 0 0\n2\ni0 a") == "f.aag:3:5: expected a line end after the name");
  CHECK(error("aig 2 1 0 1 1\n4\n\x80\x80\x80\x80\x80\x01") ==
        "f.aag:16: a delta of more than 32 bits");
  CHECK(error("aig 2 1 0 1 1\n4\n\x02\x83") == "f.aag:18: the file ends within the ANDs");
}

TEST_CASE("aiger: headers that promise more than the file holds are refused at once") {
  for (const char* header :
       {"aag 1073741823 1073741823 0 0 0\n2\n", "aag 1000000000 0 0 0 1000000000\n",
        "aig 1000000000 1000000000 0 0 0\n", "aig 1000000000 0 1000000000 0 0\n",
        "aag 0 0 0 1000000000 0\n", "aag 0 0 0 0 0 1000000000\n", "aag 0 0 0 0 0 0 0 1000000000\n",
        "aag 0 0 0 0 0 0 0 1\n1000000000\n", "aag 99999999999999999999 0 0 0 0\n",
        "aag 4294967296 0 0 0 0\n", "aig 4294967295 4294967295 0 0 1\n",
        "aag 1000000000 1 0 0 0\n2\n"}) {
    CAPTURE(header);
    CHECK_THROWS_AS(parse_aiger(header), FormatError);
  }
  CHECK_THROWS_WITH_AS(parse_aiger("aag 900 0 0 0 900\n", "f"),
                       "f:1:1: the counts need at least 5400 bytes, 0 follow", FormatError);
}

TEST_CASE("aiger: writing and reading is the identity, twice the same bytes") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const Aig aig = random_aig(seed, seed % 2 == 0);
    for (const AigerFormat format : {AigerFormat::ascii, AigerFormat::binary}) {
      const std::string bytes = format_aiger(aig, format);
      const Aig again = parse_aiger(bytes);
      CHECK(again == aig);
      CHECK(format_aiger(again, format) == bytes);
    }
  }
}

TEST_CASE("aiger: a name with a line end and a property without variable are not written") {
  Aig aig;
  aig.add_input("two\nlines");
  CHECK_THROWS_AS(format_aiger(aig, AigerFormat::ascii), Error);
  Aig dangling;
  dangling.properties.bad.push_back(Literal(20));
  CHECK_THROWS_AS(format_aiger(dangling, AigerFormat::binary), Error);
}

TEST_CASE("aiger: files are written whole, in the encoding of their name") {
  const auto folder =
      std::filesystem::temp_directory_path() / concat("cfm_aiger_", static_cast<long>(getpid()));
  std::filesystem::create_directories(folder);
  const Aig aig = random_aig(7, true);
  write_aiger(aig, folder / "a.aag");
  write_aiger(aig, folder / "a.aig");
  CHECK(read_text_file(folder / "a.aag").starts_with("aag "));
  CHECK(read_text_file(folder / "a.aig").starts_with("aig "));
  CHECK(read_aiger(folder / "a.aag") == aig);
  CHECK(read_aiger(folder / "a.aig") == aig);
  CHECK_THROWS_AS(read_aiger(folder / "none.aig"), IoError);
  std::filesystem::remove_all(folder);
}

TEST_CASE("aiger: a chain of a million ANDs in reverse order, on a small stack") {
  CHECK(runs_on_small_stack([] {
    const std::size_t n = 1'000'000;
    const Aig chain = and_chain(n);
    std::string text = concat("aag ", n + 2, " 2 0 1 ", n, "\n2\n4\n", 2 * (n + 2), "\n");
    for (std::uint32_t v = static_cast<std::uint32_t>(n + 2); v > 2; --v)
      text += concat(2 * v, " ", chain.fanins(v)[0].value, " ", chain.fanins(v)[1].value, "\n");
    const Aig aig = parse_aiger(text);
    if (!std::ranges::equal(aig.all_fanins(), chain.all_fanins())) throw Error("not the chain");
    if (depth(aig) != static_cast<std::int32_t>(n)) throw Error("not its depth");
    if (parse_aiger(format_aiger(aig, AigerFormat::binary)) != aig) throw Error("not the same");
  }));
}

TEST_CASE("aiger: a cycle of a hundred thousand ANDs is reported") {
  const std::uint32_t n = 100'000;
  std::string text = concat("aag ", n, " 0 0 0 ", n, "\n");
  for (std::uint32_t v = 1; v <= n; ++v) text += concat(2 * v, " ", 2 * (v % n + 1), " 1\n");
  CHECK(runs_on_small_stack([&] {
    try {
      parse_aiger(text);
    } catch (const FormatError&) {
      return;
    }
    throw Error("accepted");
  }));
}

TEST_CASE("aiger: development circuits have ABC's counts") {
  check_counts(".aig", 32);
  check_counts(".aag", 30);
}

TEST_CASE("aiger: development circuits simulate as recorded") {
  check_simulations(".aig", 20);
  check_simulations(".aag", 20);
}

TEST_CASE("aiger: development circuits survive writing") {
  const auto data = data_dir("circuits");
  if (!data) return;
  for (const char* extension : {".aig", ".aag"})
    for (const auto& path : files_below(*data, extension)) {
      if (std::filesystem::file_size(path) > 200'000) continue;
      CAPTURE(path.string());
      const Aig aig = read_aiger(path);
      for (const AigerFormat format : {AigerFormat::ascii, AigerFormat::binary})
        CHECK(parse_aiger(format_aiger(aig, format)) == aig);
    }
}

TEST_CASE("aiger: random circuits simulate as recorded, ASCII and binary alike") {
  const auto data = data_dir("circuits_random");
  if (!data) return;
  std::size_t simulated = 0;
  for (const auto& path : files_below(*data, ".aig")) {
    CAPTURE(path.string());
    auto ascii_path = path;
    const Aig binary = read_aiger(path);
    const Aig ascii = read_aiger(ascii_path.replace_extension(".aag"));
    CHECK(binary.inputs() == ascii.inputs());
    CHECK(binary.ands() == ascii.ands());
    CHECK(parse_aiger(format_aiger(ascii, AigerFormat::binary)) == ascii);
    auto recorded = path;
    if (!std::filesystem::exists(recorded.replace_extension(".sim"))) continue;
    const Simulation simulation = read_simulation(recorded);
    CHECK(simulates(binary, simulation));
    CHECK(simulates(ascii, simulation));
    ++simulated;
  }
  CHECK(simulated == 100);
}

TEST_CASE("aiger: malformed files get their verdicts") { check_verdicts("aiger", 34); }

TEST_CASE("aiger: every prefix of a small file is read or refused") {
  const auto parse = [](std::string_view text) { parse_aiger(text); };
  check_prefixes_of_files(".aag", parse);
  check_prefixes_of_files(".aig", parse);
}

TEST_CASE("aiger: a prefix that is read has lost names or comment, never logic") {
  const Aig whole = random_aig(12, true);
  for (const AigerFormat format : {AigerFormat::ascii, AigerFormat::binary})
    check_prefixes(format_aiger(whole, format), [&](std::string_view text) {
      const Aig part = parse_aiger(text);
      CHECK(std::ranges::equal(part.all_fanins(), whole.all_fanins()));
      CHECK(std::ranges::equal(part.output_literals(), whole.output_literals()));
      CHECK(part.latches() == whole.latches());
    });
}
