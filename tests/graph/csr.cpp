#include <cfm/graph/csr.hpp>

#include <vector>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("csr: rows, edges, and the columns of a row") {
  const std::vector<std::int64_t> offsets = {0, 2, 2, 3};
  const std::vector<std::int32_t> columns = {4, 1, 0};
  const CsrView csr{offsets, columns};
  CHECK(csr.rows() == 3);
  CHECK(csr.edges() == 3);
  CHECK(std::vector<std::int32_t>(csr[0].begin(), csr[0].end()) == std::vector<std::int32_t>{4, 1});
  CHECK(csr[1].empty());
  CHECK(csr[2].front() == 0);
  CHECK(CsrView().rows() == 0);
  CHECK(CsrView().edges() == 0);
}
