// An operation of one's own: forward and backward in ten lines, and the check that they agree.

#include <cstdio>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/autograd/ops_reduce.hpp>

// [op]
// y = x exp(-x^2 / 2)
cfm::Var wavelet(const cfm::Var& x) {
  using namespace cfm;
  const auto f = [](auto v) { return v * std::exp(-v * v / 2); };
  const auto slope = [](auto dy, auto v) { return dy * (1 - v * v) * std::exp(-v * v / 2); };
  Tensor y = pointwise("wavelet", f, x.value());
  return record({&x}, std::move(y),
                [to = x.slot(), x = Saved(x), slope](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, pointwise("wavelet", slope, dy, *x));
                });
}
// [op]

int main() {
  // [check]
  const cfm::Tensor x = cfm::Tensor::of<double>({-1.5, 0, 0.5, 2}).reshape({2, 2});
  const auto report = cfm::gradcheck([](const auto& v) { return wavelet(v[0]); }, {x});
  std::printf("%s: %s\n", report ? "gradients agree" : "WRONG", cfm::concat(report).c_str());
  // [check]

  // [use]
  const cfm::Tensor w = cfm::Tensor::of<float>({0.5f, -1});
  cfm::Tape tape;
  const cfm::Var loss = cfm::sum(wavelet(tape.leaf(w) * 2.0));
  tape.backward(loss);
  const cfm::Tensor grad = tape.grad(w);
  std::printf("loss %.4f, gradient %.4f %.4f\n", static_cast<double>(loss.item<float>()),
              static_cast<double>(grad.span<float>()[0]),
              static_cast<double>(grad.span<float>()[1]));
  // [use]
  return report ? 0 : 1;
}
