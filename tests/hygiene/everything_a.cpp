// One of two units that include every header; linking them shows that nothing is defined twice.
#include "everything.hpp"

int everything_b();

int everything_a() { return CFM_VERSION_MAJOR; }

int main() { return everything_a() == everything_b() ? 0 : 1; }
