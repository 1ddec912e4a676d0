#include <cfm/train/schedule.hpp>

#include <vector>

#include <doctest/doctest.h>

#include <cfm/nn/config.hpp>

using namespace cfm;

TEST_CASE("schedules: values at the points that define them") {
  CHECK(ConstantRate{0.5}(1000) == 0.5);
  const StepDecay step{.every = 30, .factor = 0.1};
  CHECK(step(29) == 1);
  CHECK(step(30) == doctest::Approx(0.1));
  CHECK(step(89) == doctest::Approx(0.01));
  const MultiStepDecay multi{.milestones = {3, 5}, .factor = 0.5};
  CHECK(multi(2) == 1);
  CHECK(multi(3) == 0.5);
  CHECK(multi(4) == 0.5);
  CHECK(multi(5) == 0.25);
  CHECK(ExponentialDecay{0.9}(2) == doctest::Approx(0.81));
  const LinearRate linear{.steps = 20, .from = 0.1, .to = 1};
  CHECK(linear(0) == 0.1);
  CHECK(linear(10) == doctest::Approx(0.55));
  CHECK(linear(21) == 1);
  const CosineDecay cosine{.steps = 100, .minimum = 0.01};
  CHECK(cosine(0) == 1);
  CHECK(cosine(50) == doctest::Approx(0.505));
  CHECK(cosine(100) == doctest::Approx(0.01));
  CHECK(cosine(5000) == doctest::Approx(0.01));
  CHECK(InverseSquareRoot{.scale = 100}(400) == doctest::Approx(0.5));
  CHECK(InverseSquareRoot{.scale = 100}(7) == 1);
}

TEST_CASE("schedules: one cycle starts, peaks and ends where it says") {
  const OneCycle cycle{.steps = 100};
  CHECK(cycle(0) == doctest::Approx(1.0 / 25));
  CHECK(cycle(29) == doctest::Approx(1));
  CHECK(cycle(99) == doctest::Approx(1.0 / 25 / 1e4));
  CHECK(cycle(200) == doctest::Approx(1.0 / 25 / 1e4));
  for (Index s = 1; s < 100; ++s) {  // up to the peak, then down
    if (s <= 29) CHECK(cycle(s) > cycle(s - 1));
    else CHECK(cycle(s) < cycle(s - 1));
  }
}

TEST_CASE("schedules: warm-up, then cosine") {
  // 1e-3 to 1e-4 with 10 steps of warm-up and 100 in all.
  const WarmUp<CosineDecay> schedule{.steps = 10, .next = {.steps = 90, .minimum = 0.1}};
  CHECK(1e-3 * schedule(0) == doctest::Approx(1e-4));
  CHECK(1e-3 * schedule(9) == doctest::Approx(1e-3));
  CHECK(1e-3 * schedule(55) == doctest::Approx(5.5e-4));
  CHECK(1e-3 * schedule(100) == doctest::Approx(1e-4));
  const WarmUp wsd{4, HoldThen{10, LinearRate{.steps = 5}}};
  CHECK(wsd(3) == 1);
  CHECK(wsd(13) == 1);
  CHECK(wsd(14) == 1);
  CHECK(wsd(15) == doctest::Approx(0.8));
  CHECK(wsd(19) == 0);
}

TEST_CASE("reduce on plateau: waits for its patience, cools down, keeps the minimum") {
  ReduceOnPlateau plateau({.factor = 0.5, .patience = 2, .cooldown = 1, .minimum = 0.2});
  const std::vector<double> losses = {1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9};
  const std::vector<double> factors = {1, 1, 1, 1, .5, .5, .5, .5, .25, .25, .25, .25};
  for (std::size_t i = 0; i < losses.size(); ++i) {
    CAPTURE(i);
    CHECK(plateau(losses[i]) == factors[i]);
  }
  CHECK(plateau(0.9) == 0.2);
  CHECK(plateau(0.1) == 0.2);
  CHECK_THROWS_WITH_AS(ReduceOnPlateau({.factor = 1.5}),
                       doctest::Contains("plateau: the factor is between 0 and 1: 1.5"), Error);
}

TEST_CASE("reduce on plateau: a NaN is no progress, and more can be better") {
  ReduceOnPlateau plateau({.patience = 0, .maximize = true});
  CHECK(plateau(0.5) == 1);
  CHECK(plateau(0.6) == 1);
  CHECK(plateau(std::nan("")) == doctest::Approx(0.1));
  CHECK(plateau(0.7) == doctest::Approx(0.1));
  CHECK(plateau(0.7) == doctest::Approx(0.01));
}

TEST_CASE("reduce on plateau: goes on from a saved state") {
  const auto metric = [](int i) { return i < 5 ? 1.0 / (1 + i) : 0.3; };
  const PlateauOptions options{.factor = 0.3, .patience = 3, .cooldown = 2};
  ReduceOnPlateau whole(options);
  for (int cut = 0; cut < 20; ++cut) {
    ReduceOnPlateau first(options), second(options);
    for (int i = 0; i < cut; ++i) first(metric(i));
    const Json saved = config_to_json(first);
    detail::from_json_value(JsonRef(saved, "state"), second);
    for (int i = cut; i < 20; ++i) CHECK(first(metric(i)) == second(metric(i)));
  }
}
