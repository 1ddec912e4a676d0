#include <cfm/train/loop.hpp>

#include <limits>
#include <vector>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("fit: runs the steps in order, reports each, saves when asked") {
  std::vector<Index> ran, saved, reported;
  const FitResult r = fit({.steps = 7, .first = 2, .stage = "epoch", .save_every = 3,
                           .save = [&](Index s) { saved.push_back(s); }},
                          [&](Index k) {
                            ran.push_back(k);
                            return 10.0 - static_cast<double>(k);
                          },
                          [&](const Progress& p) {
                            CHECK(p.stage == "epoch");
                            CHECK(p.total == 7);
                            CHECK(p.value == 10.0 - static_cast<double>(p.step - 1));
                            reported.push_back(p.step);
                            return true;
                          });
  CHECK(ran == std::vector<Index>{2, 3, 4, 5, 6});
  CHECK(reported == std::vector<Index>{3, 4, 5, 6, 7});
  CHECK(saved == std::vector<Index>{3, 6, 7});
  CHECK(r.step == 7);
  CHECK(r.loss == 4);
  CHECK(!r.stopped);
}

TEST_CASE("fit: a stop keeps what was reached and saves it once") {
  std::vector<Index> saved;
  const FitOptions options{.steps = 10, .save_every = 2,
                           .save = [&](Index s) { saved.push_back(s); }};
  const FitResult r = fit(options, [](Index) { return 1.0f; },
                          [](const Progress& p) { return p.step < 4; });
  CHECK(r.stopped);
  CHECK(r.step == 4);
  CHECK(saved == std::vector<Index>{2, 4});
  const FitResult last = fit(options, [](Index) { return 1.0; },
                             [](const Progress& p) { return p.step < 10; });
  CHECK(!last.stopped);  // it was asked to stop after the last step
}

TEST_CASE("fit: a loss that is not finite is an error and is not saved") {
  Index saved = 0;
  const FitOptions options{.steps = 5, .save_every = 1, .save = [&](Index s) { saved = s; }};
  CHECK_THROWS_WITH_AS(fit(options,
                           [](Index k) {
                             return k == 3 ? std::numeric_limits<double>::quiet_NaN() : 0.0;
                           }),
                       "fit: the loss of step 3 is nan", NumericError);
  CHECK(saved == 3);
  CHECK_THROWS_AS(fit({.steps = 3, .first = 4}, [](Index) { return 0.0; }), Error);
  CHECK(fit({}, [](Index) { return 0.0; }).step == 0);
}
