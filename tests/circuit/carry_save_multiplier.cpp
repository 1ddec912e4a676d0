#include <cfm/circuit/carry_save_multiplier.hpp>

#include <cfm/circuit/strash.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// The reference flow, step by step: a network of named gates, a depth-first pass with hashing, and
// a second depth-first pass that takes the smaller fan-in literal first.
class Reference {
 public:
  explicit Reference(std::uint32_t n) : n_(n) {
    nodes_.push_back({});  // 0: the constant false
    for (std::uint32_t i = 0; i < 2 * n; ++i) nodes_.push_back({});
    std::vector<Literal> x(2 * n, literal_false);
    for (std::uint32_t k = 0; k < n; ++k) {
      Literal carry = literal_false;
      for (std::uint32_t i = 0; i < 2 * n; ++i) {
        Literal y = literal_false;
        if (k <= i && i < k + n) y = gate(Literal(n + 1 + k, false), Literal(1 + i - k, false));
        const Literal t1 = gate(x[i], y), t2 = gate(!x[i], !y), s = gate(!t1, !t2);
        const Literal u1 = gate(carry, s), u2 = gate(!carry, !s);
        x[i] = gate(!u1, !u2);
        carry = !gate(!t1, !u1);
      }
    }
    outputs_ = x;
  }

  Aig build() {
    Strash hashed;
    for (std::uint32_t i = 0; i < 2 * n_; ++i) hashed.add_input();
    const auto first = number(
        outputs_, [&](std::uint32_t v) { return nodes_[v]; }, 2 * n_,
        [&](Literal a, Literal b) { return hashed.land(a, b); });
    for (Literal l : outputs_) hashed.add_output(first[l.variable()] ^ l.inverted());
    const Aig middle = hashed.take();
    Aig out;
    for (std::uint32_t i = 0; i < 2 * n_; ++i) out.add_input();
    const std::vector<Literal> roots(middle.output_literals().begin(),
                                     middle.output_literals().end());
    const auto second = number(
        roots,
        [&](std::uint32_t v) {
          const auto& f = middle.fanins(v);
          return std::array{f[1], f[0]};  // the smaller first
        },
        2 * n_, [&](Literal a, Literal b) { return out.add_and(a, b); });
    for (Literal l : roots) out.add_output(second[l.variable()] ^ l.inverted());
    return out;
  }

 private:
  using Gate = std::array<Literal, 2>;

  Literal gate(Literal a, Literal b) {
    nodes_.push_back({a, b});
    return Literal(static_cast<std::uint32_t>(nodes_.size() - 1), false);
  }

  template <class Fanins, class Make>
  static std::vector<Literal> number(const std::vector<Literal>& roots, const Fanins& fanins,
                                     std::uint32_t sources, const Make& make) {
    std::vector<Literal> out;
    std::vector<bool> done;
    const auto grow = [&](std::uint32_t v) {
      if (v >= out.size()) out.resize(v + 1), done.resize(v + 1);
    };
    grow(sources);
    for (std::uint32_t v = 0; v <= sources; ++v) out[v] = Literal(v, false), done[v] = true;
    for (Literal root : roots) {
      std::vector<std::uint32_t> stack{root.variable()};
      while (!stack.empty()) {
        const std::uint32_t v = stack.back();
        grow(v);
        if (done[v]) {
          stack.pop_back();
          continue;
        }
        const Gate f = fanins(v);
        grow(std::max(f[0].variable(), f[1].variable()));
        if (!done[f[0].variable()])
          stack.push_back(f[0].variable());
        else if (!done[f[1].variable()])
          stack.push_back(f[1].variable());
        else {
          out[v] =
              make(out[f[0].variable()] ^ f[0].inverted(), out[f[1].variable()] ^ f[1].inverted());
          done[v] = true;
        }
      }
    }
    return out;
  }

  std::uint32_t n_;
  std::vector<Gate> nodes_;
  std::vector<Literal> outputs_;
};

std::vector<std::uint32_t> outputs_of(const Aig& aig) {
  std::vector<std::uint32_t> out;
  for (Literal l : aig.output_literals()) out.push_back(l.value);
  return out;
}

// Smaller literal, larger literal, gate by gate.
std::vector<std::uint32_t> fanins_of(const Aig& aig, std::size_t gates) {
  std::vector<std::uint32_t> out;
  for (const auto& f : aig.all_fanins().first(gates))
    out.insert(out.end(), {f[1].value, f[0].value});
  return out;
}

}  // namespace

TEST_CASE("carry-save multiplier: all of the published listing for 3 bits") {
  const Aig aig = carry_save_multiplier(3);
  CHECK(aig.ands() == 39);
  CHECK(fanins_of(aig, 39) ==
        std::vector<std::uint32_t>{2,  8,  4,  8,  2,  10, 16, 18, 17, 19, 21, 23, 6,  8,  4,  10,
                                   26, 28, 27, 29, 31, 33, 20, 34, 21, 35, 37, 39, 2,  12, 40, 42,
                                   41, 43, 45, 47, 31, 37, 6,  10, 51, 52, 50, 53, 55, 57, 4,  12,
                                   58, 60, 59, 61, 63, 65, 44, 66, 45, 67, 69, 71, 63, 69, 6,  12,
                                   54, 76, 55, 77, 79, 81, 75, 82, 74, 83, 85, 87, 79, 85});
  CHECK(outputs_of(aig) == std::vector<std::uint32_t>{14, 24, 48, 72, 88, 91});
}

TEST_CASE("carry-save multiplier: first gates and outputs for 8 bits") {
  const Aig aig = carry_save_multiplier(8);
  CHECK(fanins_of(aig, 6) ==
        std::vector<std::uint32_t>{2, 18, 4, 18, 2, 20, 36, 38, 37, 39, 41, 43});
  CHECK(outputs_of(aig) == std::vector<std::uint32_t>{34, 44, 68, 108, 164, 236, 324, 428, 532, 628,
                                                      710, 776, 826, 860, 878, 881});
}

TEST_CASE("carry-save multiplier: equals the two-pass flow, gate for gate") {
  for (std::uint32_t n = 1; n <= 20; ++n) {
    CAPTURE(n);
    CHECK(carry_save_multiplier(n) == Reference(n).build());
  }
  CHECK(carry_save_multiplier(64) == Reference(64).build());
}

TEST_CASE("carry-save multiplier: counts, and nothing to hash") {
  for (std::size_t n : {2u, 3u, 7u, 16u, 33u, 100u, 256u}) {
    CAPTURE(n);
    const Aig aig = carry_save_multiplier(n);
    CHECK(aig.ands() == 8 * n * n - 11 * n);
    CHECK(aig.inputs() == 2 * n);
    CHECK(aig.outputs() == 2 * n);
    if (n <= 33) CHECK(strash(aig) == aig);
  }
  CHECK_THROWS_AS(carry_save_multiplier(0), Error);
  CHECK_THROWS_AS(carry_save_multiplier(20000), Error);
}
