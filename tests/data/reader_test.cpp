#include "data/reader.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

Table read(const std::string& name, const std::string& text) {
  const test::TempDir dir;
  write_file_atomically(dir / name, text);
  return read_table(dir / name);
}

std::string refusal(const std::string& name, const std::string& text) {
  try {
    read(name, text);
  } catch (const IoError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("CSV cells keep commas and quotes, rows keep their line") {
  const Table table = read("a.csv", "x,y z,w\r\n1,\"a, \"\"b\"\"\",\n\n,é,?\n");
  CHECK(table.columns == std::vector<std::string>{"x", "y z", "w"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0] == std::vector<std::string>{"1", "a, \"b\"", ""});
  CHECK(table.rows[1] == std::vector<std::string>{"", "é", "?"});
  CHECK(table.lines == std::vector<std::size_t>{2, 4});
}

TEST_CASE("JSONL scalars and lists become cells") {
  const Table table =
      read("a.jsonl", "{\"n\":1.50,\"s\":\"x\",\"a\":[1,2.5],\"z\":null}\n{\"s\":\"y\",\"n\":true}\n");
  CHECK(table.columns == std::vector<std::string>{"n", "s", "a", "z"});
  CHECK(table.rows[0] == std::vector<std::string>{"1.5", "x", "[1,2.5]", ""});
  CHECK(table.rows[1] == std::vector<std::string>{"true", "y", "", ""});
}

TEST_CASE("records that do not read are named by file and line") {
  CHECK(refusal("a.csv", "x,y\n1,2\n3\n").find("a.csv:3: expected 2 cells, has 1") !=
        std::string::npos);
  CHECK(refusal("a.csv", "x\n\"1\n").find("a.csv:2: a quoted cell") != std::string::npos);
  CHECK(refusal("a.jsonl", "{\"x\":1}\n{\"x\":\n").find("a.jsonl:2: expected one JSON object") !=
        std::string::npos);
  CHECK(refusal("a.jsonl", "{\"x\":{}}\n").find("a.jsonl:1: x: expected") != std::string::npos);
  CHECK(refusal("a.csv", "x,y\n").find("no records") != std::string::npos);
  CHECK(refusal("a.txt", "x,y\n").find(".csv") != std::string::npos);
}

TEST_CASE("a column that is not there is named with its nearest") {
  const Table table = read("a.csv", "voltage,current\n1,2\n");
  CHECK(table.column("current") == 1);
  try {
    (void)table.column("voltag");
    FAIL("found");
  } catch (const IoError& error) {
    CHECK(std::string(error.what()).find("no column 'voltag'; did you mean 'voltage'?") !=
          std::string::npos);
  }
}

TEST_CASE("only a whole finite number is a number") {
  CHECK(to_number("-1.5e2") == -150.0);
  CHECK(to_number("7") == 7.0);
  for (const char* text : {"", " 1", "1 ", "1,5", "nan", "inf", "1e999", "0x10", "abc", "-"}) {
    CAPTURE(std::string(text));
    CHECK(!to_number(text));
  }
}
