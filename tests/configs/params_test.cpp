#include "core/params.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "configs/yaml.h"
#include "core/error.h"
#include "core/rng.h"

using namespace fennec;

namespace {

struct Inner {
  int rank = 8;
  std::string label = "a";
};
template <class Visitor>
void fields(Visitor& v, Inner& c) {
  v("rank", c.rank, "inner rank");
  v("label", c.label, "");
}

struct Outer {
  bool flag = false;
  int small = 1;
  std::int64_t wide = 2;
  std::uint64_t seed = 3;
  double ratio = 0.5;
  std::string text = "plain";
  std::vector<std::string> names;
  std::vector<int> ints;
  std::vector<double> doubles;
  StringMap free_form;
  Inner inner;
  std::vector<Inner> items;
};
template <class Visitor>
void fields(Visitor& v, Outer& c) {
  v("flag", c.flag, "");
  v("small", c.small, "");
  v("wide", c.wide, "");
  v("seed", c.seed, "");
  v("ratio", c.ratio, "a ratio");
  v("text", c.text, "");
  v("names", c.names, "");
  v("ints", c.ints, "");
  v("doubles", c.doubles, "");
  v("free_form", c.free_form, "");
  v("inner", c.inner, "");
  v("items", c.items, "");
}

std::vector<std::string> errors_of(const std::string& yaml) {
  std::vector<std::string> errors;
  read_config<Outer>(parse_yaml(yaml, "x.yaml"), errors);
  return errors;
}

Outer read(const std::string& yaml) {
  std::vector<std::string> errors;
  Outer out = read_config<Outer>(parse_yaml(yaml, "x.yaml"), errors);
  for (const auto& e : errors) FAIL_CHECK(e);
  return out;
}

void refuse(const std::string& yaml, const std::string& message) {
  CAPTURE(yaml);
  const auto errors = errors_of(yaml);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] == message);
}

}  // namespace

TEST_CASE("every field type is read") {
  const Outer o = read(
      "flag: true\nsmall: -7\nwide: 9007199254740993\nseed: 18446744073709551615\nratio: 1e-3\ntext: "
      "'no'\n"
      "names: [a, \"b c\"]\nints: [1, -2]\ndoubles: [0.5, 2]\nfree_form: {x: 1, y: two}\n"
      "inner:\n  rank: 4\nitems:\n  - rank: 1\n  - label: z\n");
  CHECK(o.flag);
  CHECK(o.small == -7);
  CHECK(o.wide == 9007199254740993);
  CHECK(o.seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(o.ratio == 1e-3);
  CHECK(o.text == "no");
  CHECK(o.names == std::vector<std::string>{"a", "b c"});
  CHECK(o.ints == std::vector<int>{1, -2});
  CHECK(o.doubles == std::vector<double>{0.5, 2});
  CHECK(o.free_form == StringMap{{"x", "1"}, {"y", "two"}});
  CHECK(o.inner.rank == 4);
  REQUIRE(o.items.size() == 2);
  CHECK(o.items[0].rank == 1);
  CHECK(o.items[1].label == "z");
}

TEST_CASE("an absent or empty key keeps its default") {
  const Outer o = read("small:\ninner: {}\n");
  CHECK(o.small == 1);
  CHECK(o.inner.rank == 8);
}

TEST_CASE("types are strict, and the message says place, key and value") {
  refuse("\n\ninner:\n  rank: eight\n", "x.yaml:4: inner.rank must be an integer, is 'eight'");
  refuse("small: 1.5", "x.yaml:1: small must be an integer, is '1.5'");
  refuse("small: \"3\"", "x.yaml:1: small must be an integer, is '3'");
  refuse("small: 2147483648", "x.yaml:1: small is out of range: '2147483648'");
  refuse("wide: 9223372036854775808", "x.yaml:1: wide is out of range: '9223372036854775808'");
  refuse("seed: -1", "x.yaml:1: seed is out of range: '-1'");
  refuse("seed: x", "x.yaml:1: seed must be a non-negative integer, is 'x'");
  refuse("flag: yes", "x.yaml:1: flag must be true or false, is 'yes'");
  refuse("flag: 1", "x.yaml:1: flag must be true or false, is '1'");
  refuse("ratio: nan", "x.yaml:1: ratio must be a number, is 'nan'");
  refuse("ratio: 1e999", "x.yaml:1: ratio is out of range: '1e999'");
  refuse("ratio: 1,5", "x.yaml:1: ratio must be a number, is '1,5'");
  refuse("text: [a]", "x.yaml:1: text must be text, is a list");
  refuse("names: a", "x.yaml:1: names must be a list, is 'a'");
  refuse("ints:\n  - 1\n  - b\n", "x.yaml:3: ints[1] must be an integer, is 'b'");
  refuse("inner: 3", "x.yaml:1: inner must be a section of keys, is '3'");
  refuse("items:\n  - rank: 1\n  - rank: q\n", "x.yaml:3: items[1].rank must be an integer, is 'q'");
  refuse("- a\n", "x.yaml:1: the document must be a section of keys, is a list");
}

TEST_CASE("unknown keys are named with what was meant") {
  refuse("inner:\n  ranc: 2\n", "x.yaml:2: unknown key 'inner.ranc'; did you mean 'rank'?");
  refuse("smlal: 2\n", "x.yaml:1: unknown key 'smlal'; did you mean 'small'?");
  refuse("inner:\n  zzz: 2\n", "x.yaml:2: unknown key 'inner.zzz'; known: rank, label");
}

TEST_CASE("every problem of a document is reported, in one pass") {
  const auto errors = errors_of("small: a\nflag: 2\ninner:\n  rank: b\n  foo: 1\nbar: 2\n");
  CHECK(errors.size() == 5);
}

TEST_CASE("closest_name: two edits at most, swaps count once") {
  CHECK(closest_name("fedavgg", {"fedavg", "fedavgm"}) == "fedavg");
  CHECK(closest_name("ocdec", {"codec"}) == "codec");
  CHECK(closest_name("bufer_size", {"buffer_size", "x"}) == "buffer_size");
  CHECK(closest_name("ab", {"xy"}) == "");
  CHECK(closest_name("", {"abc"}) == "");
  CHECK(closest_name("learning", {"rank", "alpha"}) == "");
}

TEST_CASE("what is written reads back to the same, whatever the values") {
  RandomStream draw(Seed(11));
  const std::string alphabet = "aZ09 .:,#'\"\\\n\t[]{}&*!|>%@`-?~\x01é";
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    const auto text = [&] {
      std::string out;
      for (std::uint64_t n = draw.below(8); n > 0; --n)
        out += alphabet[draw.below(alphabet.size() - 2)];
      return out;
    };
    Outer o;
    o.flag = draw.below(2) == 1;
    o.small = static_cast<int>(draw.next_u32());
    o.wide = static_cast<std::int64_t>(draw.next_u64());
    o.seed = draw.next_u64();
    o.ratio = draw.normal() * std::pow(10.0, draw.uniform(-300, 300));
    o.text = text();
    for (int k = 0; k < 3; ++k) {
      o.names.push_back(text());
      o.ints.push_back(static_cast<int>(draw.next_u32()));
      o.doubles.push_back(draw.normal());
      o.free_form.emplace_back("k" + std::to_string(k) + text(), text());
      o.items.push_back({k, text()});
    }
    const std::string written = write_config(o);
    CAPTURE(written);
    const Outer back = read(written);
    CHECK(back.ratio == o.ratio);
    CHECK(back.text == o.text);
    CHECK(back.free_form == o.free_form);
    CHECK(write_config(back) == written);
  }
}

TEST_CASE("words that YAML would take for something else are quoted") {
  for (const char* word :
       {"true", "No", "null", "~", "1", "1e3", "", "-", "- a", "a: b", "#x", "..."}) {
    CAPTURE(std::string(word));
    Outer o;
    o.text = word;
    o.names = {word};
    const Outer back = read(write_config(o));
    CHECK(back.text == word);
    CHECK(back.names == o.names);
  }
}

TEST_CASE("the key reference lists nested keys with defaults and meaning") {
  Outer defaults;
  std::vector<FieldDoc> rows;
  FieldLister lister(rows);
  fields(lister, defaults);
  const auto row = [&](const std::string& key) {
    const auto it =
        std::find_if(rows.begin(), rows.end(), [&](const FieldDoc& r) { return r.key == key; });
    REQUIRE(it != rows.end());
    return *it;
  };
  CHECK(row("ratio").default_value == "0.5");
  CHECK(row("ratio").doc == "a ratio");
  CHECK(row("inner.rank").default_value == "8");
  CHECK(row("names").default_value == "[]");
  CHECK(row("free_form").default_value == "{}");
  CHECK(row("items").default_value == "[]");
  CHECK(row("items[].rank").doc == "inner rank");
}
