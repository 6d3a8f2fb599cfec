#include "configs/key_reference.h"

#include <doctest/doctest.h>

#include "core/files.h"

using namespace fennec;

TEST_CASE("docs/configuration.md lists exactly the keys, defaults and meanings of the code") {
  CHECK(read_text_file(std::string(FENNEC_SOURCE) + "/docs/configuration.md") ==
        key_reference_markdown());
}
