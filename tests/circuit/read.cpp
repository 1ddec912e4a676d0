#include <cfm/circuit/read.hpp>

#include "shared_circuits.hpp"

using namespace cfm;

TEST_CASE("read: the extension chooses the format, in both directions") {
  const auto folder =
      std::filesystem::temp_directory_path() / concat("cfm_read_", static_cast<long>(getpid()));
  std::filesystem::create_directories(folder);
  const Aig aig = test::random_aig(5, true);
  for (const char* name : {"x.aig", "x.aag", "x.bench", "x.blif", "X.AIG", "X.Blif"}) {
    CAPTURE(name);
    write_circuit(aig, folder / name);
    CHECK(read_circuit(folder / name) == aig);
  }
  CHECK(test::error_of([&] { read_circuit("x.v"); }) ==
        "x.v: a circuit file ends in .aig, .aag, .bench or .blif");
  CHECK_THROWS_AS(write_circuit(aig, folder / "x"), UnsupportedError);
  CHECK_THROWS_AS(read_circuit(folder / "missing.aig"), IoError);
  std::filesystem::remove_all(folder);
}
