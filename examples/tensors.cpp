/// @file  The snippets of docs/guide/tensors.md, in the order of that page.

#include <cstdio>
#include <string>

#include <cfm/exec/map.hpp>
#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/join.hpp>
#include <cfm/tensor/print.hpp>
#include <cfm/tensor/slice.hpp>

#include "common/args.hpp"

namespace {

void print(const char* what, const cfm::Tensor& t) {
  std::printf("%s: %s\n%s\n\n", what, cfm::concat(t).c_str(), cfm::to_string(t).c_str());
}

void making(std::uint64_t seed) {
  // [making]
  cfm::Tensor a = cfm::Tensor::zeros({2, 3});                  // f32[2, 3]
  cfm::Tensor b = cfm::Tensor::of<float>({1, 2, 3});           // f32[3]
  cfm::Tensor c = cfm::arange(6).reshape({2, 3});              // i64[2, 3]
  cfm::Rng rng(seed);
  cfm::Tensor d = cfm::normal({2, 3}, rng, 0, 0.02);           // the same for any threads
  // [making]
  print("zeros", a);
  print("of", b);
  print("arange", c);
  print("normal", d);
}

void sharing() {
  // [sharing]
  cfm::Tensor t = cfm::Tensor::zeros({2, 3});
  cfm::Tensor same = t;                // shares the elements
  cfm::Tensor row = t.select(0, 1);    // shares them too: no view copies
  cfm::Tensor own = t.clone();         // has elements of its own
  row.fill(7);                         // t and same see it, own does not
  // [sharing]
  print("t", t);
  print("own", own);
}

void reading_and_writing() {
  // [access]
  cfm::Tensor t = cfm::Tensor::zeros({2, 3});
  const auto v = t.view<float, 2>();             // type and rank are checked here, once
  v(1, 2) = 5;                                   // from here on it is a pointer and strides
  for (float& x : t.span<float>()) x += 1;       // needs a contiguous tensor
  const float last = t.select(0, 1).select(0, 2).item<float>();
  // [access]
  std::printf("last element: %g\n\n", static_cast<double>(last));
}

void slicing() {
  // [slicing]
  const cfm::Tensor t = cfm::arange(12).reshape({3, 4});
  cfm::Tensor columns = t.slice(1, 0, 4, 2);                        // t[:, 0:4:2]
  cfm::Tensor corner = cfm::slice(t, {-1, cfm::Slice{.step = -1}});  // t[-1, ::-1]
  cfm::Tensor twice = cfm::cat({t, t}, 1);                          // a copy: i64[3, 8]
  // [slicing]
  print("columns", columns);
  print("corner", corner);
  print("twice", twice);
}

void casting() {
  // [casting]
  const cfm::Tensor t = cfm::Tensor::of<float>({1.5f, -2.5f, 300});
  cfm::Tensor bytes = t.to(cfm::DType::i8);      // [1, -2, 127]: towards zero, then the limit
  cfm::Tensor half = t.to(cfm::DType::bf16);     // nearest, ties to even
  // [casting]
  print("bytes", bytes);
  print("half", half);
}

void mapping(std::uint64_t seed) {
  // [mapping]
  const cfm::Tensor x = cfm::normal({1000, 64}, cfm::Rng(seed));
  cfm::Tensor y = cfm::map(x, [](auto v) { return relu(v) * 2.0f; });
  cfm::Tensor z = cfm::zip_map(x, y, [](auto a, auto b) { return select(a < b, a, b); });
  // [mapping]
  print("z", z);
}

void comparing() {
  // [comparing]
  const cfm::Tensor a = cfm::Tensor::of<float>({1, 2, 3});
  const cfm::Tensor b = cfm::Tensor::of<float>({1, 2.5f, 3});
  const cfm::Comparison answer = cfm::allclose(a, b, {.relative = 1e-3});
  if (!answer) std::printf("%s\n\n", answer.reason.c_str());
  // 1 of 3 elements differ, worst at [1]: 2 and 2.5
  // [comparing]
}

void failing() {
  // [failing]
  try {
    cfm::Tensor::zeros({2, 3}).reshape({4, -1});
  } catch (const cfm::ShapeError& error) {
    std::printf("%s\n", error.what());
    // reshape: -1 has no solution: f32[2, 3], [4, -1] [tensor-inl.hpp:...]
  }
  // [failing]
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 7;
  examples::Args args("tensors", "Makes, shares, slices, casts and compares tensors.");
  args.add("seed", seed, "N", "seed of all randomness");
  return examples::run(args, argc, argv, [&] {
    making(seed);
    sharing();
    reading_and_writing();
    slicing();
    casting();
    mapping(seed);
    comparing();
    failing();
  });
}
