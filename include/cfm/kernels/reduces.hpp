#pragma once
/// @file  What becomes of the messages that reach a node: sums, means, extrema, mixtures of them.

#include <tuple>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

// Each works column by column over the messages m of a node, in the order of its row. Nodes that
// get no message have 0.

/// Sum of the messages.
struct Sum {};
/// Their sum over their number.
struct Mean {};
/// The largest; the first of equals, and it alone, has the gradient. A NaN wins.
struct Max {};
/// The smallest; the first of equals, and it alone, has the gradient. A NaN wins.
struct Min {};

/// sqrt(mean of (m - mean m)^2 + epsilon): PNA's. Nodes without messages have 0 here too.
/// Source:  G. Corso et al., "Principal neighbourhood aggregation", NeurIPS 2020.
struct StdDev {
  double epsilon = 1e-5;
};

/// The score of SoftmaxSum that is the message itself.
struct MessageScore {};

/// sum of softmax(score / temperature) m over the messages, each column by itself. The score is a
/// lane-wise function of the operands that the message has, or the message (GENConv).
/// Source:  G. Li et al., "DeeperGCN", arXiv:2006.07739, eq. (5).
template <class Score = MessageScore>
struct SoftmaxSum {
  SoftmaxSum() = default;
  explicit SoftmaxSum(Score s, double t = 1) : score(std::move(s)), temperature(t) {}
  explicit SoftmaxSum(double t) : temperature(t) {}

  Score score{};
  double temperature = 1;
};
SoftmaxSum(double)->SoftmaxSum<MessageScore>;

/// Several of them over the same messages, side by side: width columns each, in this order.
template <class... R>
struct Multi {
  explicit Multi(R... r) : parts(std::move(r)...) {}
  std::tuple<R...> parts;
};

CFM_NAMESPACE_END
