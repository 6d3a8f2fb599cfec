#include "core/module_pattern.h"

#include <doctest/doctest.h>

using namespace fennec;

TEST_CASE("a pattern matches whole paths only") {
  const auto pattern = ModulePattern::compile("(?:.*\\.)?(?:mlp\\.(up|down)_proj)");
  REQUIRE(pattern);
  CHECK(pattern->matches("model.layers.3.mlp.up_proj"));
  CHECK(pattern->matches("mlp.down_proj"));
  CHECK_FALSE(pattern->matches("model.layers.3.mlp.up_proj.x"));
  CHECK_FALSE(pattern->matches("model.layers.3.xmlp.up_proj"));
}

TEST_CASE("what is no regular expression is refused by name, and so is one of unreasonable length") {
  const auto broken = ModulePattern::compile("(");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message == "'(' is not a regular expression");
  CHECK_FALSE(ModulePattern::compile(std::string(5000, 'a')));
}

TEST_CASE("a pattern that backtracks without end gives up") {
  const auto pattern = ModulePattern::compile("(?:a|aa|a*)*b");
  REQUIRE(pattern);
  CHECK_FALSE(pattern->matches(std::string(200, 'a')));
}
