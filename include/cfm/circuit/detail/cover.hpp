#pragma once
/// @file  Sums of products: algebraic division, and building them in factored form.

#include <algorithm>
#include <utility>

#include <cfm/circuit/strash.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// A product: positions 2 * input + inverted, ascending. Without any it is true.
using Cube = std::vector<std::uint32_t>;
// A sum of products. Without any it is false.
using Cover = std::vector<Cube>;

inline bool includes(const Cube& a, const Cube& b) {
  return std::includes(a.begin(), a.end(), b.begin(), b.end());
}

inline Cube without(const Cube& a, const Cube& b) {
  Cube out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

inline std::size_t literal_count(const Cover& cover) {
  std::size_t n = 0;
  for (const Cube& cube : cover) n += cube.size();
  return n;
}

// Cubes in the order of the binary numbers whose bits are their literals.
inline bool precedes(const Cube& a, const Cube& b) {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

// Sorts cubes by size, and drops those that another one contains.
inline void remove_contained(Cover& cover) {
  std::sort(cover.begin(), cover.end(), [](const Cube& a, const Cube& b) {
    return a.size() != b.size() ? a.size() < b.size() : precedes(b, a);
  });
  std::vector<std::uint64_t> kept;  // signatures: if a is not within b here, it is not within b
  for (Cube& cube : cover) {
    std::uint64_t signature = 0;
    for (const std::uint32_t literal : cube) signature |= std::uint64_t{1} << (literal % 64);
    bool contained = false;
    for (std::size_t i = 0; i < kept.size() && !contained; ++i)
      contained = (kept[i] & ~signature) == 0 && includes(cube, cover[i]);
    if (contained) continue;
    std::swap(cover[kept.size()], cube);
    kept.push_back(signature);
  }
  cover.resize(kept.size());
}

// The literals that all cubes share.
inline Cube common_cube(const Cover& cover) {
  Cube common = cover[0];
  for (std::size_t i = 1; i < cover.size() && !common.empty(); ++i) {
    Cube next;
    std::set_intersection(common.begin(), common.end(), cover[i].begin(), cover[i].end(),
                          std::back_inserter(next));
    common = std::move(next);
  }
  return common;
}

inline void make_cube_free(Cover& cover) {
  const Cube common = common_cube(cover);
  if (common.empty()) return;
  for (Cube& cube : cover) cube = without(cube, common);
}

struct Division {
  Cover quotient, remainder;  // cover = divisor * quotient + remainder
};

inline Division divide(const Cover& cover, std::uint32_t literal) {
  Division out;
  for (const Cube& cube : cover) {
    if (std::binary_search(cube.begin(), cube.end(), literal)) {
      out.quotient.push_back(without(cube, {literal}));
    } else {
      out.remainder.push_back(cube);
    }
  }
  return out;
}

// Weak division: the largest quotient for which the product is a part of the cover. Sorts both
// operands; the cover by what lies outside the literals of the divisor, then by what lies within.
inline Division divide(Cover& cover, Cover& divisor) {
  Cube mask;
  for (const Cube& cube : divisor) mask.insert(mask.end(), cube.begin(), cube.end());
  std::sort(mask.begin(), mask.end());
  mask.erase(std::unique(mask.begin(), mask.end()), mask.end());
  std::sort(divisor.begin(), divisor.end(), precedes);

  struct Parts {
    Cube outside, within, cube;
  };
  std::vector<Parts> parts(cover.size());
  for (std::size_t i = 0; i < cover.size(); ++i) {
    parts[i].outside = without(cover[i], mask);
    parts[i].within = without(cover[i], parts[i].outside);
    parts[i].cube = std::move(cover[i]);
  }
  std::sort(parts.begin(), parts.end(), [](const Parts& a, const Parts& b) {
    return a.outside != b.outside ? precedes(a.outside, b.outside) : precedes(a.within, b.within);
  });
  for (std::size_t i = 0; i < cover.size(); ++i) cover[i] = std::move(parts[i].cube);

  // A group with the same outside gives a cube of the quotient if it holds the whole divisor.
  Division out;
  std::vector<std::size_t> used;
  for (std::size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    while (end < parts.size() && parts[end].outside == parts[begin].outside) ++end;
    used.clear();
    for (std::size_t i = begin; i < end && used.size() < divisor.size(); ++i)
      if (parts[i].within == divisor[used.size()]) used.push_back(i);
    if (used.size() == divisor.size()) {
      out.quotient.push_back(std::move(parts[begin].outside));
    } else {
      used.clear();
    }
    for (std::size_t i = begin, u = 0; i < end; ++i) {
      if (u < used.size() && used[u] == i) {
        ++u;
      } else {
        out.remainder.push_back(cover[i]);
      }
    }
  }
  return out;
}

// Builds covers as ABC does, so that node counts agree: one or two inputs, or one cube, as written;
// others in the form that quick algebraic factoring gives.
// Source:  R. Brayton, "Factoring logic functions", IBM J. Research and Development 31(2), 1987.
class CoverBuilder {
 public:
  explicit CoverBuilder(Strash& build) : build_(build) {}

  // The sum of the cubes over these inputs.
  Literal build(Cover cover, std::span<const Literal> inputs) {
    inputs_ = inputs;
    if (cover.size() <= 1 || inputs.size() <= 2 || cover.size() > most_cubes) return plain(cover);
    remove_contained(cover);
    return factor(std::move(cover));
  }

 private:
  // Bounds on the work for one cover, far above those of real netlists; beyond, it stays a sum.
  static constexpr std::size_t most_cubes = 4096;
  static constexpr std::size_t most_steps = std::size_t{1} << 24;
  static constexpr std::uint32_t no_literal = 0xFFFFFFFF;

  Literal input(std::uint32_t literal) const { return inputs_[literal / 2] ^ (literal % 2 != 0); }

  Literal plain(const Cover& cover) {
    Literal sum = literal_false;
    for (const Cube& cube : cover) {
      Literal product = literal_true;
      for (const std::uint32_t literal : cube) product = build_.land(product, input(literal));
      sum = build_.lor(sum, product);
    }
    return sum;
  }

  // Balanced; the depth of the recursion is the logarithm of n.
  Literal tree(std::span<const Literal> terms, bool sum) {
    if (terms.empty()) return sum ? literal_false : literal_true;
    if (terms.size() == 1) return terms[0];
    const Literal a = tree(terms.first(terms.size() / 2), sum);
    const Literal b = tree(terms.subspan(terms.size() / 2), sum);
    return sum ? build_.lor(a, b) : build_.land(a, b);
  }

  Literal balanced(const Cover& cover) {
    std::vector<Literal> products, factors;
    for (const Cube& cube : cover) {
      factors.clear();
      for (const std::uint32_t literal : cube) factors.push_back(input(literal));
      products.push_back(tree(factors, false));
    }
    return tree(products, true);
  }

  // The literal of `mask` (of all, without one) that occurs most or, if `rarest`, least often but
  // at least twice; the first of several. no_literal if none occurs twice.
  std::uint32_t pick(const Cover& cover, const Cube* mask, bool rarest) {
    count_.resize(2 * inputs_.size(), 0);
    for (const Cube& cube : cover)
      for (const std::uint32_t literal : cube) ++count_[literal];
    std::uint32_t best = no_literal, best_count = 0;
    const auto consider = [&](std::uint32_t literal) {
      const std::uint32_t n = count_[literal];
      if (n < 2) return;
      const bool better = best == no_literal || (rarest ? n < best_count : n > best_count);
      if (!better && !(n == best_count && literal < best)) return;
      best = literal;
      best_count = n;
    };
    if (mask) {
      for (const std::uint32_t literal : *mask) consider(literal);
    } else {
      for (const Cube& cube : cover)
        for (const std::uint32_t literal : cube) consider(literal);
    }
    for (const Cube& cube : cover)
      for (const std::uint32_t literal : cube) count_[literal] = 0;
    return best;
  }

  // A kernel of level 0; empty if no literal occurs twice.
  Cover divisor(const Cover& cover) {
    std::uint32_t literal = pick(cover, nullptr, true);
    if (literal == no_literal) return {};
    Cover kernel = cover;
    for (; literal != no_literal; literal = pick(kernel, nullptr, true)) {
      steps_ += literal_count(kernel);
      kernel = divide(kernel, literal).quotient;
      make_cube_free(kernel);
    }
    return kernel;
  }

  // What is left to do, as a stack: factor a cover, or combine the last two results.
  struct Task {
    enum class Kind : std::uint8_t { factor, push, land, lor } kind;
    Cover cover;
    std::uint32_t literal = 0;
  };

  void add_sum(Cover remainder) {
    if (remainder.empty()) return;
    tasks_.push_back({Task::Kind::lor, {}});
    tasks_.push_back({Task::Kind::factor, std::move(remainder)});
  }

  // Divides by the most frequent literal of a cube.
  void split_at_literal(const Cover& cover, const Cube& cube) {
    const std::uint32_t literal = pick(cover, &cube, false);
    if (literal == no_literal) return results_.push_back(balanced(cover));
    Division by = divide(cover, literal);
    add_sum(std::move(by.remainder));
    tasks_.push_back({Task::Kind::land, {}});
    tasks_.push_back({Task::Kind::factor, std::move(by.quotient)});
    tasks_.push_back({Task::Kind::push, {}, literal});
  }

  void split(Cover& cover) {
    const std::size_t size = literal_count(cover) + cover.size();
    steps_ += size;
    Cover kernel = steps_ > most_steps ? Cover() : divisor(cover);
    if (kernel.empty()) return results_.push_back(balanced(cover));
    steps_ += size * kernel.size();
    Division by = divide(cover, kernel);
    if (by.quotient.empty()) return results_.push_back(balanced(cover));
    if (by.quotient.size() == 1) return split_at_literal(cover, by.quotient[0]);
    make_cube_free(by.quotient);
    steps_ += size * by.quotient.size();
    Division again = divide(cover, by.quotient);
    if (again.quotient.empty()) return results_.push_back(balanced(cover));
    const Cube common = common_cube(again.quotient);
    if (!common.empty()) return split_at_literal(cover, common);
    add_sum(std::move(again.remainder));
    tasks_.push_back({Task::Kind::land, {}});
    tasks_.push_back({Task::Kind::factor, std::move(by.quotient)});
    tasks_.push_back({Task::Kind::factor, std::move(again.quotient)});
  }

  Literal factor(Cover whole) {
    steps_ = 0;
    tasks_.push_back({Task::Kind::factor, std::move(whole)});
    while (!tasks_.empty()) {
      Task task = std::move(tasks_.back());
      tasks_.pop_back();
      if (task.kind == Task::Kind::factor) {
        split(task.cover);
      } else if (task.kind == Task::Kind::push) {
        results_.push_back(input(task.literal));
      } else {
        const Literal b = results_.back();
        results_.pop_back();
        Literal& a = results_.back();
        a = task.kind == Task::Kind::land ? build_.land(a, b) : build_.lor(a, b);
      }
    }
    const Literal out = results_.back();
    results_.pop_back();
    return out;
  }

  Strash& build_;
  std::span<const Literal> inputs_;
  std::vector<std::uint32_t> count_;  // by literal; all 0 between calls
  std::vector<Task> tasks_;
  std::vector<Literal> results_;
  std::size_t steps_ = 0;
};

}  // namespace detail
CFM_NAMESPACE_END
