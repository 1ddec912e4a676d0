#include "everything.hpp"

int everything_b() { return CFM_VERSION_MAJOR; }
