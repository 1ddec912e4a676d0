#include <cfm/autograd/record.hpp>

#include <memory>

#include "check.hpp"

using namespace cfm;

TEST_CASE("record: what a backward step captured lives as long as the tape needs it") {
  auto token = std::make_shared<int>(1);
  const Tensor w = Tensor::of<float>({1});
  {
    Tape tape;
    const Var x = tape.leaf(w);
    const Var y = record({&x}, w.clone(),
                         [token, to = x.slot()](Gradients& g, const Tensor& dy) { g.add(to, dy); });
    CHECK(token.use_count() == 2);
    tape.backward(y);
    CHECK(token.use_count() == 1);  // released by the replay
  }
  {
    Tape tape;
    const Var x = tape.leaf(w);
    record({&x}, w.clone(), [token](Gradients&, const Tensor&) {});
    CHECK(token.use_count() == 2);
  }
  CHECK(token.use_count() == 1);  // released with a tape that was never replayed
  Tape tape;
  const Var constant = tape.input(w);
  record({&constant}, w.clone(), [token](Gradients&, const Tensor&) {});
  CHECK(token.use_count() == 1);  // not kept for constants
}

TEST_CASE("record: a step that throws leaves no gradient, and releases everything") {
  auto token = std::make_shared<int>(1);
  Tape tape;
  const Tensor w = Tensor::of<float>({1});
  const Var x = tape.leaf(w);
  const Var bad = record({&x}, w.clone(), [token, to = x.slot()](Gradients& g, const Tensor& dy) {
    g.add(to, dy);
    throw NumericError("step failed");
  });
  CHECK_THROWS_AS(tape.backward(bad), NumericError);
  CHECK_FALSE(tape.grad(w).defined());
  CHECK(token.use_count() == 1);
}

TEST_CASE("record: constants want no gradient, and none is kept for them") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1});
  const Var x = tape.leaf(w), c = tape.input(w);
  const Var y = record({&x, &c}, w.clone(),
                       [to_x = x.slot(), to_c = c.slot()](Gradients& g, const Tensor& dy) {
                         CHECK(g.wanted(to_x));
                         CHECK_FALSE(g.wanted(to_c));
                         g.add(to_x, dy);
                         g.add(to_c, dy);
                       });
  tape.backward(y);
  CHECK_FALSE(tape.grad(c).defined());
}
