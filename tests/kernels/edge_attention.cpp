#include <cfm/kernels/edge_attention.hpp>

#include "../reference/aggregate.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

struct EdgeCase {
  Index rows = 15, cols = 11, heads = 3, keys = 5, width = 4;
  reference::Csr csr = reference::random_csr(rows, cols, 4, 3);
  Index edges() const { return static_cast<Index>(csr.columns.size()); }
};

template <class T>
double leaky_by_hand(T x, double slope) {
  return static_cast<double>(x) * (x < 0 ? slope : 1.0);
}

// The definition in double, score by score.
template <class T, class Score>
std::vector<double> attend_by_hand(const EdgeCase& g, const EdgeAttentionInputs<T>& x,
                                   const Score& score) {
  std::vector<double> out(static_cast<std::size_t>(g.rows * g.heads * g.width), 0.0);
  for (Index v = 0; v < g.rows; ++v)
    for (Index h = 0; h < g.heads; ++h) {
      const auto from = g.csr.offsets[static_cast<std::size_t>(v)],
                 to = g.csr.offsets[static_cast<std::size_t>(v) + 1];
      std::vector<double> s;
      for (auto i = from; i < to; ++i) {
        const Index u = g.csr.columns[static_cast<std::size_t>(i)];
        double sum = 0;
        for (Index c = h * g.keys; c < (h + 1) * g.keys; ++c) {
          const double q = static_cast<double>(x.q(v, c)),
                       k = static_cast<double>(x.k(u, c)) +
                           (x.edge_key.data ? static_cast<double>(x.edge_key(i, c)) : 0.0);
          if constexpr (std::is_same_v<Score, DotScore>)
            sum += q * k / std::sqrt(static_cast<double>(g.keys));
          else if constexpr (std::is_same_v<Score, LeakyDotScore>)
            sum += static_cast<double>(x.weight(c)) * leaky_by_hand(q + k, score.slope);
          else
            sum += leaky_by_hand(q + k, score.slope);
        }
        s.push_back(sum);
      }
      const double high = s.empty() ? 0 : *std::max_element(s.begin(), s.end());
      double total = 0;
      for (double& p : s) total += p = std::exp(p - high);
      for (auto i = from; i < to; ++i)
        for (Index c = h * g.width; c < (h + 1) * g.width; ++c) {
          const Index u = g.csr.columns[static_cast<std::size_t>(i)];
          const double factor = x.factor.data ? static_cast<double>(x.factor(i, h)) : 1.0;
          out[static_cast<std::size_t>(v * g.heads * g.width + c)] +=
              s[static_cast<std::size_t>(i - from)] / total * factor *
              (static_cast<double>(x.v(u, c)) +
               (x.edge_value.data ? static_cast<double>(x.edge_value(i, c)) : 0.0));
        }
    }
  return out;
}

template <class T>
struct EdgeData {
  std::vector<T> q, k, v, w, ek, ev, f;
  EdgeAttentionInputs<T> in;

  EdgeData(const EdgeCase& g, bool edges)
      : q(test::normals<T>(g.rows * g.heads * g.keys, 1)),
        k(test::normals<T>(g.cols * g.heads * g.keys, 2)),
        v(test::normals<T>(g.cols * g.heads * g.width, 3)),
        w(test::normals<T>(g.heads * g.keys, 4)),
        ek(test::normals<T>(g.edges() * g.heads * g.keys, 5)),
        ev(test::normals<T>(g.edges() * g.heads * g.width, 6)),
        f(test::normals<T>(g.edges() * g.heads, 7)) {
    const auto view = [](const std::vector<T>& x, Index rows) {
      const Index cols = rows == 0 ? 0 : static_cast<Index>(x.size()) / rows;
      return matrix_view(x.data(), rows, cols);
    };
    in = {view(q, g.rows), view(k, g.cols), view(v, g.cols), g.heads,
          vector_view(std::as_const(w).data(), g.heads * g.keys)};
    if (!edges) return;
    in.edge_key = view(ek, g.edges());
    in.edge_value = view(ev, g.edges());
    in.factor = view(f, g.edges());
  }
};

template <class T, class Score>
void compare_with_hand(const EdgeCase& g, const Score& score, bool edges) {
  const EdgeData<T> data(g, edges);
  std::vector<T> out(static_cast<std::size_t>(g.rows * g.heads * g.width + 1), T(-55));
  edge_attention<T>(CsrView(g.csr), data.in, score,
                    matrix_view(out.data(), g.rows, g.heads * g.width));
  CHECK(out.back() == T(-55));
  const auto want = attend_by_hand(g, data.in, score);
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst,
                     std::abs(static_cast<double>(out[i]) - want[i]) / (1 + std::abs(want[i])));
  CHECK(worst <= 1000 * static_cast<double>(std::numeric_limits<T>::epsilon()));
}

}  // namespace

TEST_CASE_TEMPLATE("edge_attention: every width and number of heads equals the definition", T,
                   float, double) {
  for (Index heads : {1, 3, 8})
    for (Index width : {1, 2, 3, 4, 7, 8, 16, 19, 70}) {
      CAPTURE(heads);
      CAPTURE(width);
      for (bool edges : {false, true}) {
        const EdgeCase g{.heads = heads, .keys = width % 9 + 1, .width = width};
        compare_with_hand<T>(g, LeakyDotScore{0.2}, edges);
        compare_with_hand<T>(g, DotScore{}, edges);
        const EdgeCase one{.heads = heads, .keys = 1, .width = width};
        compare_with_hand<T>(one, AdditiveScore{0.2}, edges);
      }
    }
}

TEST_CASE("edge_attention: large scores neither overflow nor vanish") {
  const std::vector<std::int64_t> offsets{0, 2};
  const std::vector<std::int32_t> columns{0, 1};
  const std::vector<float> q{1e4f}, k{1, 2}, v{3, 4};
  float out = 0, log_sum = 0;
  edge_attention<float>(CsrView{offsets, columns},
                        {matrix_view(q.data(), 1, 1), matrix_view(k.data(), 2, 1),
                         matrix_view(v.data(), 2, 1)},
                        DotScore{1}, matrix_view(&out, 1, 1), matrix_view(&log_sum, 1, 1));
  CHECK(out == 4);
  CHECK(log_sum == 2e4f);
}

TEST_CASE("edge_attention: the same bits for any number of threads, both passes") {
  const EdgeCase g{.rows = 2000, .cols = 1500, .heads = 2, .keys = 6, .width = 10};
  const EdgeData<float> data(g, true);
  std::vector<std::int64_t> origin;
  const auto turned = reference::transpose(g.csr, g.cols, &origin);
  test::check_threads([&] {
    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    std::vector<float> out(size(g.rows * 20)), log_sum(size(g.rows * 2)), dq(size(g.rows * 12)),
        dk(size(g.cols * 12)), dv(size(g.cols * 20)), dw(12);
    const auto y = matrix_view(out.data(), g.rows, 20);
    const auto sums = matrix_view(log_sum.data(), g.rows, 2);
    edge_attention<float>(CsrView(g.csr), data.in, LeakyDotScore{}, y, sums);
    edge_attention_backward<float>(CsrView(g.csr), EdgeRows(turned, origin), data.in,
                                   LeakyDotScore{},
                                   {.dy = y,
                                    .out = y,
                                    .log_sum = sums,
                                    .dq = matrix_view(dq.data(), g.rows, 12),
                                    .dk = matrix_view(dk.data(), g.cols, 12),
                                    .dv = matrix_view(dv.data(), g.cols, 20),
                                    .d_weight = vector_view(dw.data(), 12)});
    for (const auto* more : {&dq, &dk, &dv, &dw}) out.insert(out.end(), more->begin(), more->end());
    return out;
  });
}

TEST_CASE("edge_attention: what does not fit is refused") {
  const EdgeCase g;
  EdgeData<float> data(g, false);
  std::vector<float> out(static_cast<std::size_t>(g.rows * g.heads * g.width));
  const auto y = matrix_view(out.data(), g.rows, g.heads * g.width);
  CHECK_THROWS_WITH_AS(edge_attention<float>(CsrView(g.csr), data.in, AdditiveScore{}, y),
                       doctest::Contains("one number a node and head"), ShapeError);
  data.in.weight = {};
  CHECK_THROWS_WITH_AS(edge_attention<float>(CsrView(g.csr), data.in, LeakyDotScore{}, y),
                       doctest::Contains("the weight must be"), ShapeError);
  data.in.heads = 2;
  CHECK_THROWS_WITH_AS(edge_attention<float>(CsrView(g.csr), data.in, DotScore{}, y),
                       doctest::Contains("columns must be those of 2 heads"), ShapeError);
}
