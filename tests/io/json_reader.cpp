#include <cfm/io/json_reader.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("json reader: reads what is asked for, in order") {
  JsonReader r(R"( {"shape": [2, 3], "name": "a\u00e4\n", "more": {"x": [null, true]}} )");
  std::string key;
  int seen = 0;
  r.begin_object();
  while (r.next_key(key)) {
    ++seen;
    if (key == "shape") {
      r.begin_array();
      Index product = 1;
      while (r.next_item()) product *= std::get<std::int64_t>(r.number());
      CHECK(product == 6);
    } else if (key == "name") {
      CHECK(r.string() == "a\xC3\xA4\n");
    } else {
      CHECK(r.peek() == JsonKind::object);
      r.skip();
    }
  }
  r.finish();
  CHECK(seen == 3);
}

TEST_CASE("json reader: errors name line and column") {
  JsonReader r("{\n  \"a\": tru }", "conf.json");
  std::string key;
  r.begin_object();
  CHECK(r.next_key(key));
  std::string text;
  try {
    r.boolean();
  } catch (const FormatError& error) {
    text = error.what();
  }
  CHECK(text.rfind("conf.json:2:", 0) == 0);
}
