#include <cfm/core/progress.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("progress: nobody listening means go on") {
  CHECK(report({}, {.stage = "epoch", .step = 1, .total = 2}));
}

TEST_CASE("progress: the listener sees the report and decides") {
  Progress seen;
  const ProgressFunction listener = [&](const Progress& p) {
    seen = p;
    return p.step < 3;
  };
  CHECK(report(listener, {.stage = "epoch", .step = 2, .total = 5, .value = 0.25}));
  CHECK(seen.stage == "epoch");
  CHECK(seen.total == 5);
  CHECK(seen.value == 0.25);
  CHECK_FALSE(report(listener, {.stage = "epoch", .step = 3}));
}
