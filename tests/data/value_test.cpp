#include "data/value.h"

#include <doctest/doctest.h>

#include "core/error.h"

using namespace fennec;

namespace {

const std::vector<std::string> kMissing = {"", "NA"};

Table table_of(std::vector<std::string> columns, std::vector<std::vector<std::string>> rows) {
  Table table{"t.csv", std::move(columns), std::move(rows), {}};
  for (std::size_t i = 0; i < table.rows.size(); ++i) table.lines.push_back(i + 2);
  return table;
}

std::string write(ValueConfig value, const Table& table) {
  value.name = "v";
  const std::vector<ValueConfig> values = {value};
  return ValueWriter(values, kMissing, table, "dev").write("v", {0, table.rows.size()});
}

ValueConfig value_of(std::vector<std::string> columns, const std::string& statistic) {
  ValueConfig value;
  value.columns = std::move(columns);
  value.statistic = statistic;
  return value;
}

}  // namespace

TEST_CASE("statistics of a column") {
  const Table table = table_of({"a", "b"}, {{"1", "3"}, {"NA", "4"}, {"4", ""}, {"-1.5", "NA"}});
  CHECK(write(value_of({"a"}, "all"), table) == "1 ? 4 -2");
  CHECK(write(value_of({"a"}, "first"), table) == "1");
  CHECK(write(value_of({"b"}, "last"), table) == "?");
  CHECK(write(value_of({"a"}, "max"), table) == "4");
  CHECK(write(value_of({"a", "b"}, "min"), table) == "-2 3");
  ValueConfig value = value_of({"a", "b"}, "mean");
  value.scale = 10;
  CHECK(write(value, table) == "12 35");  // (1 + 4 - 1.5)/3 = 1.1667; 3.5
  value.statistic = "sd";
  CHECK(write(value, table) == "22 5");  // population sd of 1, 4, -1.5 is 2.248
}

TEST_CASE("rounding is half to even and knows no negative zero") {
  const Table table = table_of({"a"}, {{"0.5"}, {"1.5"}, {"2.5"}, {"-0.5"}, {"-0.2"}, {"-1.5"}});
  CHECK(write(value_of({"a"}, "all"), table) == "0 2 2 0 0 -2");
  ValueConfig value = value_of({"a"}, "all");
  value.decimals = 1;
  CHECK(write(value, table) == "0.5 1.5 2.5 -0.5 -0.2 -1.5");
  value = value_of({"a"}, "first");
  value.offset = 6;
  value.pad = 3;
  CHECK(write(value, table) == "006");
}

TEST_CASE("phases cut lists inside a cell, every thins a series") {
  const Table table = table_of({"a"}, {{"[1,3,10,20,30,7]"}});
  ValueConfig value = value_of({"a"}, "mean");
  value.phases = {0, 2, 5, 6};
  CHECK(write(value, table) == "2 20 7");
  value = value_of({"a"}, "all");
  value.every = 2;
  CHECK(write(value, table) == "1 10 30");
}

TEST_CASE("columns combine to a magnitude or a weekday") {
  const Table table = table_of({"x", "y", "year", "month", "day"},
                               {{"3", "4", "2014", "3", "1"}, {"NA", "1", "2016", "2", "29"}});
  ValueConfig value = value_of({"x", "y"}, "all");
  value.combine = "magnitude";
  CHECK(write(value, table) == "5 ?");
  value = value_of({"year", "month", "day"}, "all");
  value.combine = "weekday";
  CHECK(write(value, table) == "Sat Mon");
}

TEST_CASE("bins, limits and maps turn numbers into words") {
  const Table table =
      table_of({"a", "t"}, {{"35", "UP"}, {"36", "DOWN"}, {"9999", "x"}, {"10000", ""}});
  ValueConfig value = value_of({"a"}, "all");
  value.bins = {35, 75};
  value.bin_names = {"low", "mid", "high"};
  CHECK(write(value, table) == "low mid high high");
  CHECK(value_labels(value) == std::vector<std::string>{"low", "mid", "high"});
  value = value_of({"a"}, "all");
  value.limit = 9999;
  value.over = "hi";
  CHECK(write(value, table) == "35 36 9999 hi");
  value = value_of({"t"}, "all");
  value.text = true;
  value.missing = "-";
  value.map = {{"UP", "going up"}, {"DOWN", "going down"}, {"D", "going down"}};
  CHECK(write(value, table) == "going up going down x -");
  CHECK(value_labels(value) == std::vector<std::string>{"going up", "going down"});
  value.columns = {"a", "t"};
  value.statistic = "last";
  CHECK(write(value, table) == "10000 -");
}

TEST_CASE("rows pick a part of the window and lines write one text a row") {
  const Table table = table_of({"a"}, {{"1"}, {"2"}, {"3"}});
  std::vector<ValueConfig> values(3);
  values[0] = value_of({"a"}, "last");
  values[0].name = "a";
  values[1].name = "past";
  values[1].lines = "a={a}";
  values[1].rows = {0, -1};
  values[2].name = "now";
  values[2].lines = "<{a}>";
  values[2].rows = {-1};
  const ValueWriter writer(values, kMissing, table, "dev");
  CHECK(writer.fill("{device}: {past}\n{now} {", {0, 3}) == "dev: a=1\na=2\n<3> {");
  CHECK(writer.fill("{past}", {2, 3}).empty());
}

TEST_CASE("a cell that is no number is named by line and column") {
  const Table table = table_of({"a"}, {{"1"}, {"12 C"}});
  try {
    write(value_of({"a"}, "mean"), table);
    FAIL("accepted");
  } catch (const IoError& error) {
    CHECK(std::string(error.what()) == "t.csv:3: column 'a': expected a number, is '12 C'");
  }
}
