#include "configs/yaml.h"

#include <doctest/doctest.h>

#include "core/error.h"

using namespace fennec;

namespace {

std::string refusal(const std::string& yaml) {
  try {
    parse_yaml(yaml, "x.yaml");
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("nodes remember their line; a map's child that of its key") {
  const Params root = parse_yaml("a: 1\nb:\n  c:\n    - x\n    - y\nd: \"\"\n", "f.yaml");
  REQUIRE(root.kind == Params::Kind::kMap);
  CHECK(root.find("a")->where == "f.yaml:1");
  CHECK(root.find("b")->where == "f.yaml:2");
  const Params* list = root.find("b")->find("c");
  REQUIRE(list != nullptr);
  CHECK(list->where == "f.yaml:3");
  REQUIRE(list->list.size() == 2);
  CHECK(list->list[1].scalar == "y");
  CHECK(list->list[1].where == "f.yaml:5");
  CHECK(root.find("d")->quoted);
  CHECK_FALSE(root.find("a")->quoted);
  CHECK(root.find("zz") == nullptr);
}

TEST_CASE("an empty document is null") {
  CHECK(parse_yaml("", "f").kind == Params::Kind::kNull);
  CHECK(parse_yaml("# only a comment\n", "f").kind == Params::Kind::kNull);
}

TEST_CASE("what would surprise an operator is refused, with the line") {
  CHECK(refusal("a: 1\nb: 2\na: 3\n") == "x.yaml:3: key 'a' is given twice; first at x.yaml:1");
  CHECK(refusal("a:\n  b: 1\n  b: 2\n") == "x.yaml:3: key 'b' is given twice; first at x.yaml:2");
  CHECK(refusal("a: &x 1\nb: *x\n") == "x.yaml:1: anchors (&name) are not supported");
  CHECK(refusal("a: &x [1]\n") == "x.yaml:1: anchors (&name) are not supported");
  CHECK(refusal("a: !!int 1\n").find("x.yaml:1: tags (") == 0);
  CHECK(refusal("a: !x {b: 1}\n").find("x.yaml:1: tags (") == 0);
  CHECK(refusal("a: 1\n---\nb: 2\n") == "x.yaml: holds several documents, expected one");
  CHECK(refusal("? [a]\n: 1\n") == "x.yaml:1: empty key");
  CHECK(refusal("a: [1\nb: 2\n").find("x.yaml:") == 0);
  CHECK(refusal("a: \"open\n").find("x.yaml:") == 0);
  CHECK(refusal("\ta: 1\n").find("x.yaml:1: ") == 0);
  CHECK(refusal(std::string(100000, '[')).find("x.yaml:1: ") == 0);
}
