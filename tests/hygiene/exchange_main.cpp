// A program of two units built for different instruction sets that hand each other tensors and
// netlists, and compute the same.

#include <cstdio>

#include "exchange.hpp"

int main() {
  const Exchange fast = make_fast(), plain = make_plain();
  const std::string wrong = check_plain(fast) + check_fast(plain);
  std::printf("%s and %s in one program: %s\n", fast.target.c_str(), plain.target.c_str(),
              wrong.empty() ? "agree" : wrong.c_str());
  return wrong.empty() ? 0 : 1;
}
