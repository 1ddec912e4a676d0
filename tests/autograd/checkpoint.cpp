#include <cfm/autograd/checkpoint.hpp>

#include <vector>

#include <doctest/doctest.h>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_norm.hpp>

#include "../test.hpp"
#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Two leaves, one of them used twice, and dropout in between.
struct DropoutBlock {
  Tensor first = random({8, 8}, 1, -0.5, 0.5), second = random({8, 8}, 2, -0.5, 0.5);

  Var operator()(const Var& x) const {
    const Var w = x.tape() ? x.tape()->leaf(first) : Var(first);
    const Var u = x.tape() ? x.tape()->leaf(second) : Var(second);
    return x + matmul(dropout(gelu(matmul(dropout(tanh(matmul(x, w)), 0.3), u)), 0.5), w);
  }
};

struct BlockOutcome {
  Tensor value;
  std::vector<Tensor> grads;
};

// Gradients of x and of the blocks' leaves; `part` runs a block. Leaves of the first block are used
// again after the last one, so that the order of sums shows.
template <class Part>
BlockOutcome run_blocks(const std::vector<DropoutBlock>& blocks, const Part& part) {
  Tape tape({.training = true, .rng = Rng(5)});
  const Tensor input = random({6, 8}, 9);
  const Var x = tape.leaf(input);
  Var h = dropout(x, 0.1);
  for (const DropoutBlock& b : blocks) h = part(b, h);
  h = dropout(h, 0.1) + matmul(h, tape.leaf(blocks[0].first)) + x;
  tape.backward(sum(square(h)));
  BlockOutcome out{h.value(), {tape.grad(x)}};
  for (const DropoutBlock& b : blocks)
    for (const Tensor& t : {b.first, b.second}) out.grads.push_back(tape.grad(t));
  return out;
}

void check_same_outcome(const BlockOutcome& a, const BlockOutcome& b) {
  CHECK(identical(a.value, b.value));
  REQUIRE(a.grads.size() == b.grads.size());
  for (std::size_t i = 0; i < a.grads.size(); ++i) {
    REQUIRE(a.grads[i].defined());
    REQUIRE(b.grads[i].defined());
    CHECK(identical(a.grads[i], b.grads[i]));
  }
}

const auto plain_block = [](const DropoutBlock& b, const Var& h) { return b(h); };
const auto checkpointed_block = [](const DropoutBlock& b, const Var& h) {
  return checkpoint(b, h);
};

}  // namespace

TEST_CASE("checkpoint: values and gradients are those without it, bit for bit") {
  const std::vector<DropoutBlock> blocks(3);  // three blocks that share their leaves
  check_same_outcome(run_blocks(blocks, plain_block), run_blocks(blocks, checkpointed_block));
  std::vector<DropoutBlock> different(3);
  different[1] = {random({8, 8}, 3), random({8, 8}, 4)};
  different[2] = {random({8, 8}, 5), random({8, 8}, 6)};
  check_same_outcome(run_blocks(different, plain_block), run_blocks(different, checkpointed_block));
}

TEST_CASE("checkpoint: nested parts") {
  const std::vector<DropoutBlock> blocks(2);
  const DropoutBlock inner{random({8, 8}, 3), random({8, 8}, 4)};
  const auto twice = [&](const DropoutBlock& b, const Var& h) { return inner(b(inner(b(h)))); };
  const auto nested = [&](const DropoutBlock& b, const Var& h) {
    return checkpoint(
        [&inner, &b](const Var& x) {
          const auto both = [&](const Var& v) { return inner(checkpoint(b, v)); };
          return checkpoint(both, checkpoint(both, x));
        },
        h);
  };
  check_same_outcome(run_blocks(blocks, twice), run_blocks(blocks, nested));
}

TEST_CASE("checkpoint: captured values, constants, several inputs and results") {
  const Tensor a = random({3, 3}, 1), b = random({3, 3}, 2), c = random({3, 3}, 3);
  const auto gradients = [&](bool with) {
    Tape tape;
    const Var x = tape.leaf(a), y = tape.leaf(b), captured = exp(tape.leaf(c));
    const auto f = [captured](const Var& p, const Var& q, const Var& k) {
      return std::vector<Var>{matmul(p, q) * captured, p * k, q};
    };
    const Var fixed(random({3, 3}, 4));
    const std::vector<Var> out =
        with ? checkpoint(f, x, exp(x) * y, fixed) : f(x, exp(x) * y, fixed);
    tape.backward(sum(out[0]) + sum(square(out[2])));  // out[1] is not used
    return std::vector<Tensor>{tape.grad(a), tape.grad(b), tape.grad(c)};
  };
  const auto want = gradients(false), got = gradients(true);
  for (std::size_t i = 0; i < 3; ++i) CHECK(identical(want[i], got[i]));

  // The same value twice.
  const auto square_of = [&](bool with) {
    Tape tape;
    const Var x = exp(tape.leaf(a));
    const auto f = [](const Var& p, const Var& q) { return p * q * p; };
    tape.backward(sum(with ? checkpoint(f, x, x) : f(x, x)));
    return tape.grad(a);
  };
  CHECK(identical(square_of(false), square_of(true)));
}

TEST_CASE("checkpoint: without a tape, or without anything to differentiate, nothing is recorded") {
  const Tensor a = random({3, 3}, 1);
  const auto f = [](const Var& v) { return tanh(v); };
  CHECK(identical(checkpoint(f, a).value(), f(a).value()));
  Tape tape;
  const Var y = checkpoint(f, tape.input(a));
  CHECK(y.tape() == &tape);
  CHECK(!y.needs_grad());
  CHECK(tape.size() == 0);
  // A part whose only leaves are its own.
  const Tensor w = random({3, 3}, 2);
  const auto own = [w](const Var& v) { return tanh(matmul(v, v.tape()->leaf(w))); };
  const Var z = checkpoint(own, tape.input(a));
  CHECK(z.needs_grad());
  CHECK(tape.size() == 1);
  tape.backward(sum(z));
  Tape other;
  other.backward(sum(own(other.input(a))));
  CHECK(identical(tape.grad(w), other.grad(w)));
}

TEST_CASE("checkpoint: gradients pass the check in double") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return checkpoint(
            [](const Var& x, const Var& w) { return dropout(tanh(matmul(x, w)), 0.4) * x; }, v[0],
            v[1]);
      },
      {random({4, 3}, 1), random({3, 3}, 2)}, {.training = true});
}

TEST_CASE("checkpoint: writes that a part asks for happen once") {
  Tensor mean = Tensor::zeros({3}), variance = Tensor::ones({3});
  const Tensor gain = Tensor::ones({3}), shift = Tensor::zeros({3});
  const Tensor x = random({5, 3}, 1, -2, 2, DType::f32);
  const auto statistics = [&](bool with) {
    const Tensor m = mean.clone(), v = variance.clone();
    Tape tape({.training = true});
    const auto f = [&](const Var& h) {
      return batch_norm(h, h.tape()->leaf(gain), h.tape()->leaf(shift), m, v);
    };
    const Var h = tape.leaf(x);
    tape.backward(sum(square(with ? checkpoint(f, h) : f(h))));
    tape.commit();
    return m;
  };
  CHECK(identical(statistics(false), statistics(true)));
}

TEST_CASE("checkpoint: memory of one part instead of all") {
  constexpr Index rows = 512, width = 64, parts = 8;
  const Tensor x = random({rows, width}, 1, -1, 1, DType::f32);
  const Tensor w = random({width, width}, 2, -0.1, 0.1, DType::f32);
  const auto part = [w](const Var& h) {
    Var y = h;
    for (int i = 0; i < 4; ++i) y = tanh(matmul(y, y.tape()->leaf(w)));
    return h + y;
  };
  BufferPool& pool = BufferPool::instance();
  const auto peak = [&](bool with) {
    pool.reset_peak();
    const Index before = pool.usage().current;
    Tape tape;
    Var h = tape.leaf(x);
    for (Index i = 0; i < parts; ++i) h = with ? checkpoint(part, h) : part(h);
    tape.backward(sum(h));
    return static_cast<double>(pool.usage().peak - before) / static_cast<double>(rows * width * 4);
  };
  const double all = peak(false), some = peak(true);
  CAPTURE(all);
  CAPTURE(some);
  CHECK(all > 6.0 * parts);
  CHECK(some < parts + 12.0);  // the inputs of the parts, and what one part takes
}

TEST_CASE("checkpoint: errors") {
  Tape tape;
  Tensor w = random({3, 3}, 2);
  const Tensor a = random({3, 3}, 1);
  const auto f = [w](const Var& v) { return matmul(v, v.tape()->leaf(w)); };
  const Var y = sum(checkpoint(f, tape.leaf(a)));
  w.fill(2);
  CHECK(error_of([&] {
          tape.backward(y);
        }).starts_with("backward: a tensor that backward needs was written after it was used"));
  CHECK(!tape.grad(a).defined());

  // A part that throws the second time leaves a tape that is replayed, and nothing else.
  Tape again;
  int calls = 0;
  const auto fails = [&calls](const Var& v) {
    if (++calls == 2) throw NumericError("the second time");
    return tanh(v);
  };
  const Var z = sum(checkpoint(fails, again.leaf(a)));
  CHECK(error_of([&] { again.backward(z); }) == "the second time");
  CHECK(!again.grad(a).defined());
  CHECK(error_of([&] { again.backward(z); }).starts_with("backward: the tape was replayed before"));

  // One that throws the first time leaves a tape that records.
  Tape third;
  const auto never = [](const Var& v) -> Var { return reshape(v, {7}); };
  CHECK_THROWS_AS(checkpoint(never, third.leaf(a)), ShapeError);
  const Var t = tanh(third.leaf(a));
  CHECK(t.needs_grad());
  CHECK(third.size() == 1);
}
