#include <cfm/autograd/tape.hpp>

#include <pthread.h>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_shape.hpp>

#include "../test.hpp"
#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

std::vector<float> values(const Tensor& t) {
  const Tensor dense = t.contiguous();
  const auto s = dense.span<float>();
  return {s.begin(), s.end()};
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Runs f on a stack of 256 KB.
void on_small_stack(void (*f)()) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread{};
  const auto start = [](void* p) -> void* {
    reinterpret_cast<void (*)()>(p)();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, start, reinterpret_cast<void*>(f)) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace

TEST_CASE("tape: constants record nothing") {
  const Var a(Tensor::of<float>({1, 2})), b(Tensor::of<float>({3, 4}));
  const Var y = a * b;
  CHECK(y.tape() == nullptr);
  CHECK_FALSE(y.needs_grad());
  CHECK(values(y.value()) == std::vector<float>{3, 8});
  Tape tape;
  const Var z = tape.input(a.value()) * b;
  CHECK(z.tape() == &tape);
  CHECK_FALSE(z.needs_grad());
  CHECK(tape.size() == 0);
}

TEST_CASE("tape: shared inputs add up") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2, 3});
  const Var x = tape.leaf(w);
  tape.backward(sum(x * x + x + x));
  CHECK(values(tape.grad(w)) == std::vector<float>{4, 6, 8});
  CHECK(identical(tape.grad(w), tape.grad(x)));
}

TEST_CASE("tape: one leaf per tensor, whoever asks") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2, 3});
  const Tensor same = w;
  tape.backward(sum(tape.leaf(w) * 2.0 + tape.leaf(same) * 3.0));
  CHECK(values(tape.grad(same)) == std::vector<float>{5, 5, 5});
}

TEST_CASE("tape: another view of a leaf would split its gradient") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2, 3, 4}).reshape({2, 2});
  tape.leaf(w);
  const std::string text = test::error_of([&] { tape.leaf(w.transpose(0, 1)); });
  CHECK(contains(text, "leaf: another view of these elements"));
  CHECK_THROWS_AS(tape.leaf(w.reshape({4})), Error);
}

TEST_CASE("tape: a leaf keeps its tensor, so its address is not given away") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1});
  const Var first = tape.leaf(Tensor::of<float>({5}));
  const Var second = tape.leaf(Tensor::of<float>({7}));
  CHECK(first.slot() != second.slot());
}

TEST_CASE("tape: gradients of leaves are dense and their own") {
  Tape tape;
  const Tensor a = Tensor::of<float>({1, 2}), b = Tensor::of<float>({3, 4});
  tape.backward(sum(tape.leaf(a) + tape.leaf(b)));
  Tensor da = tape.grad(a);
  CHECK(da.is_contiguous());
  CHECK(da.address() != tape.grad(b).address());
}

TEST_CASE("tape: unused branches are skipped, unused outputs come as Tensor()") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2, 3, 4});
  const Var x = tape.leaf(w);
  const Var unused = exp(x) * x;
  const std::vector<Var> parts = split(x, Index{1});
  tape.backward(sum(parts[2] * 5.0));
  CHECK(values(tape.grad(w)) == std::vector<float>{0, 0, 5, 0});
  CHECK(unused.needs_grad());

  Tape other;
  const Tensor p = Tensor::of<float>({1}), q = Tensor::of<float>({1});
  const Var y = other.leaf(p);
  const Var z = other.leaf(q);
  other.backward(sum(y * 2.0));
  CHECK_FALSE(other.grad(q).defined());
  CHECK_FALSE(other.grad(z).defined());
  CHECK_FALSE(other.grad(Tensor::of<float>({1})).defined());
}

TEST_CASE("tape: a node of k outputs gets all gradients at once") {
  Tape tape;
  const Tensor w = Tensor::of<float>({2});
  const Var x = tape.leaf(w);
  int calls = 0;
  const auto [a, b] =
      record({&x}, std::array{x.value(), x.value()},
             [&calls, to = x.slot()](Gradients& gradients, std::span<const Tensor> dy) {
               ++calls;
               REQUIRE(dy.size() == 2);
               gradients.add(to, dy[0]);
               gradients.add(to, dy[1] * 10.0);
             });
  tape.backward(sum(a + b));
  CHECK(calls == 1);
  CHECK(values(tape.grad(w)) == std::vector<float>{11});
}

TEST_CASE("tape: a stale saved tensor is an error") {
  Tape tape;
  Tensor w = Tensor::of<float>({1, 2});
  const Var y = sum(square(tape.leaf(w)));
  w.fill(0);
  const std::string text = test::error_of([&] { tape.backward(y); });
  CHECK(contains(text, "was written after it was used: f32[2]"));
  CHECK_FALSE(tape.grad(w).defined());
}

TEST_CASE("tape: a factor that is not needed may be written") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2});
  Tensor c = Tensor::of<float>({3, 4});
  const Var y = sum(tape.leaf(w) + c);
  c.fill(0);
  CHECK_NOTHROW(tape.backward(y));
}

TEST_CASE("tape: a second replay, other tapes and constants are refused") {
  const Tensor w = Tensor::of<float>({1});
  Tape tape, other;
  const Var x = tape.leaf(w);
  const Var y = sum(x * 2.0);
  CHECK(contains(test::error_of([&] { other.backward(y); }), "not on this tape"));
  CHECK(contains(test::error_of([&] { tape.backward(tape.input(w)); }), "does not depend on any leaf"));
  CHECK(contains(test::error_of([&] { x + other.leaf(w); }), "different tapes"));
  CHECK(contains(test::error_of([&] { static_cast<void>(other.grad(x)); }), "not on this tape"));
  CHECK(contains(test::error_of([&] { tape.backward(y, Tensor::of<float>({1, 2})); }), "shape"));
  CHECK_THROWS_AS(tape.backward(y, Tensor::scalar(1.0)), TypeError);
  const Var wide = x * Tensor::of<float>({1, 2});
  CHECK(contains(test::error_of([&] { tape.backward(wide); }), "needs a scalar"));
  tape.backward(y);
  CHECK(contains(test::error_of([&] { tape.backward(y); }), "replayed before"));
  CHECK(contains(test::error_of([&] { x + x; }), "replayed"));
}

TEST_CASE("tape: leaves are floats") {
  Tape tape;
  CHECK_THROWS_AS(tape.leaf(Tensor::of<std::int32_t>({1})), TypeError);
  CHECK_THROWS_AS(tape.leaf(Tensor()), Error);
}

TEST_CASE("tape: mixing types is an error, never a promotion") {
  Tape tape;
  const Var a = tape.leaf(Tensor::of<float>({1})), b = tape.leaf(Tensor::of<double>({1}));
  CHECK_THROWS_AS(a + b, TypeError);
  CHECK_THROWS_AS(a * b, TypeError);
  CHECK_THROWS_AS(a / b, TypeError);
  const Tensor w = Tensor::of<float>({2});
  Tape casts;
  casts.backward(sum(to(casts.leaf(w), DType::f64) * Tensor::of<double>({3})));
  CHECK(casts.grad(w).dtype() == DType::f32);
  CHECK(values(casts.grad(w)) == std::vector<float>{3});
}

TEST_CASE("tape: a wrong gradient of an operation is named") {
  Tape tape;
  const Var x = tape.leaf(Tensor::of<float>({1, 2}));
  const Var y =
      record({&x}, Tensor::scalar(1.0f),
             [to = x.slot()](Gradients& gradients, const Tensor& dy) { gradients.add(to, dy); });
  CHECK(contains(test::error_of([&] { tape.backward(y); }),
                 "a gradient and its value differ in shape: f32[], [2]"));
}

TEST_CASE("tape: the caller's gradient is not written") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2});
  float memory[] = {1, 1};
  const Var x = tape.leaf(w);
  const Var y = x + x + x;
  tape.backward(y, Tensor(Storage::foreign(memory, sizeof memory, {}), DType::f32, {2}, {1}));
  CHECK(values(tape.grad(w)) == std::vector<float>{3, 3});
  CHECK(memory[0] == 1);
  CHECK(memory[1] == 1);
}

TEST_CASE("tape: set_grad replaces what was collected") {
  Tape tape;
  const Tensor w = Tensor::of<float>({1, 2});
  const Var y = sum(tape.leaf(w));
  CHECK_THROWS_AS(tape.set_grad(w, w), Error);
  tape.backward(y);
  tape.set_grad(w, Tensor::of<float>({7, 8}));
  CHECK(values(tape.grad(w)) == std::vector<float>{7, 8});
  CHECK_THROWS_AS(tape.set_grad(w, Tensor::of<float>({7})), ShapeError);
  CHECK_THROWS_AS(tape.set_grad(Tensor::of<float>({7}), w), Error);
}

TEST_CASE("tape: writes wait for the commit") {
  Tape tape;
  Tensor running = Tensor::of<float>({0});
  tape.write_on_commit(running, Tensor::of<float>({5}));
  CHECK(running.item<float>() == 0);
  tape.commit();
  CHECK(running.item<float>() == 5);
  running.fill(1);
  tape.commit();
  CHECK(running.item<float>() == 1);
}

TEST_CASE("tape: random streams differ from each other and repeat from tape to tape") {
  Tape a({.rng = Rng(3)}), b({.rng = Rng(3)});
  const auto first = a.next_rng().next(), second = a.next_rng().next();
  CHECK(first != second);
  CHECK(b.next_rng().next() == first);
  CHECK(b.next_rng().next() == second);
}

TEST_CASE("tape: a million nodes under a stack of 256 KB") {
  on_small_stack([] {
    constexpr int nodes = 1'000'000;
    const Tensor w = Tensor::scalar(1.0f);
    {
      Tape tape;
      const Var x = tape.leaf(w);
      Var y = x;
      for (int i = 0; i < nodes; ++i) y = y * 1.0;
      tape.backward(y);
      CHECK(tape.grad(w).item<float>() == 1);
    }
    Tape unused;  // destroyed with everything it saved
    Var y = unused.leaf(w);
    for (int i = 0; i < nodes; ++i) y = tanh(y);
    CHECK(unused.size() == nodes);
  });
}

TEST_CASE("tape: saved tensors are released as the replay passes") {
  Tape tape;
  const Tensor w = Tensor::ones({1 << 16});
  Var y = tape.leaf(w);
  for (int i = 0; i < 8; ++i) y = exp(y * 0.01);
  const Var loss = sum(y);
  y = Var();
  const Index before = BufferPool::instance().usage().current;
  tape.backward(loss);
  const Index after = BufferPool::instance().usage().current;
  CHECK(after <= before - 7 * (Index{4} << 16));
}

TEST_CASE("tape: the same bits for any number of threads") {
  const Tensor a = random({97, 1031}, 1, -1, 1, DType::f32),
               b = random({1031}, 2, 1, 2, DType::f32);
  const auto run = [&](int threads) {
    ThreadLimit limit(threads);
    return limit.run([&] {
      Tape tape;
      const Var x = tape.leaf(a), y = tape.leaf(b);
      tape.backward(sum(tanh(x * y) / (y + 1.0) - sigmoid(x) * exp(y)));
      return std::pair(tape.grad(a), tape.grad(b));
    });
  };
  const auto [one_a, one_b] = run(1);
  for (int threads : {2, 3, 8}) {
    CAPTURE(threads);
    const auto [many_a, many_b] = run(threads);
    CHECK(identical(one_a, many_a));
    CHECK(identical(one_b, many_b));
  }
}
