#include "core/fault_count.h"

#include <doctest/doctest.h>

using namespace fennec;

TEST_CASE("the first sixteen faults deserve a line, then ever fewer") {
  FaultCount faults;
  int lines = 0;
  for (int i = 1; i <= 1 << 20; ++i) {
    const bool line = faults.next();
    lines += line;
    if (i <= 16) CHECK(line);
    if (i == 17 || i == 33 || i == 63) CHECK_FALSE(line);
    if (i == 32 || i == 64 || i == 1 << 20) CHECK(line);
  }
  CHECK(lines == 32);
  CHECK(faults.value() == 1 << 20);
}
