#include <cfm/core/isa.hpp>

#include <set>
#include <string>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("isa: names are unique, and the unit's own is one of them") {
  std::set<std::string> names;
  for (Isa i : all_isas) names.insert(std::string(name(i)));
  CHECK(names.size() == all_isas.size());
  CHECK(names.count(std::string(isa_name())) == 1);
  for (std::size_t i = 0; i < all_isas.size(); ++i)
    CHECK(static_cast<std::size_t>(all_isas[i]) == i);
  CHECK(name(Isa::avx2_partial) == "avx2_partial");
  CHECK(name(Isa::neon) == "neon");
}

TEST_CASE("isa: this program runs, so the processor has what it was compiled for") {
  CHECK(cpu_supports(isa()));
  CHECK(cpu_supports(Isa::base));
}

TEST_CASE("isa: what a stronger set needs, a weaker one has") {
  if (cpu_supports(Isa::avx512)) CHECK(cpu_supports(Isa::avx2));
  if (cpu_supports(Isa::avx2)) CHECK(cpu_supports(Isa::avx2_partial));
  if (cpu_supports(Isa::avx2_partial)) CHECK(cpu_supports(Isa::avx));
  if (cpu_supports(Isa::avx)) CHECK(cpu_supports(Isa::sse4));
  if (cpu_supports(Isa::sse4)) CHECK(cpu_supports(Isa::ssse3));
  CHECK_FALSE((cpu_supports(Isa::neon) && cpu_supports(Isa::ssse3)));
}
