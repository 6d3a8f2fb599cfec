#include "data/example_io.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

std::string refusal(const std::string& line) {
  try {
    parse_example(line, "x.jsonl:7");
  } catch (const IoError& error) {
    return error.what();
  }
  return "accepted";
}

Example label_example() {
  Example example{"rig \"1\"", "T 1 2\n\xc3\xa4:", " valve small lag, leak none",
                  "state",     TaskKind::kLabel,   {}};
  example.slots = {{"valve", "valve ", {"ok", "small lag"}}, {"leak", "leak ", {"none", "weak"}}};
  return example;
}

}  // namespace

TEST_CASE("an example survives writing and reading") {
  const Example written = label_example();
  const Example read = parse_example(to_json_line(written), "x:1");
  CHECK(read.device_id == written.device_id);
  CHECK(read.prompt == written.prompt);
  CHECK(read.completion == written.completion);
  CHECK(read.task == "state");
  CHECK(read.kind == TaskKind::kLabel);
  REQUIRE(read.slots.size() == 2);
  CHECK(read.slots[0].prefix == "valve ");
  CHECK(read.slots[1].labels == std::vector<std::string>{"none", "weak"});
  CHECK(to_json_line(read) == to_json_line(written));
}

TEST_CASE("every cut of an example line is refused with its place") {
  const std::string line = to_json_line(label_example());
  for (std::size_t size = 0; size < line.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(line.substr(0, size)).rfind("x.jsonl:7: line: expected", 0) == 0);
  }
}

TEST_CASE("an example line says which field is wrong") {
  const auto has = [](const std::string& line, const std::string& part) {
    CAPTURE(line);
    CHECK(refusal(line).find("x.jsonl:7: " + part + ": expected") == 0);
  };
  has(R"({"prompt":"a","completion":" b"})", "device_id");
  has(R"({"device_id":"d","prompt":3,"completion":" b"})", "prompt");
  has(R"({"device_id":"d","prompt":"a","completion":"b"})", "completion");
  has(R"({"device_id":"d","prompt":"","completion":" b"})", "prompt");
  has(R"({"device_id":"d","prompt":"a","completion":""})", "completion");
  has(R"({"device_id":"d","prompt":"a","completion":" b","meta":[]})", "meta");
  has(R"({"device_id":"d","prompt":"a","completion":" b","meta":{"kind":"labels"}})", "meta.kind");
  has(R"({"device_id":"d","prompt":"a","completion":" b","meta":{"kind":"label"}})", "meta.slots");
  has(R"({"device_id":"d","prompt":"a","completion":" b","meta":{"kind":"forecast"}})", "completion");
  has(R"({"device_id":"d","prompt":"a","completion":" b","meta":{"slots":[{"name":""}]}})",
      "meta.slots[0].labels");
  has(R"({"device_id":"d","prompt":"a","completion":" b","meta":{"slots":[{"name":"","labels":["c"]}]}})",
      "completion");
  has("[1]", "line");
  has("{\"device_id\":\"\xff\"}", "line");
}

TEST_CASE("the kind of an example is told by its answer when nothing says it") {
  const auto kind = [](const std::string& rest) {
    return parse_example(R"({"device_id":"d","prompt":"a",)" + rest + "}", "x:1").kind;
  };
  CHECK(kind(R"("completion":" -12")") == TaskKind::kForecast);
  CHECK(kind(R"("completion":" 12 C")") == TaskKind::kText);
  CHECK(kind(R"("completion":" on","meta":{"slots":[{"name":"","labels":["on","off"]}]})") ==
        TaskKind::kLabel);
  CHECK(kind(R"("completion":" 3","meta":{"rows":[1,2],"more":null})") == TaskKind::kForecast);
}

TEST_CASE("a conversation is one example for each answer, learnt from what was said before it") {
  const test::TempDir root;
  const std::string line =
      R"({"device_id":"d","messages":[{"role":"system","content":"S"},{"role":"user","content":"A?"},)"
      R"({"role":"assistant","content":"B"},{"role":"user","content":"C?"},{"role":"assistant","content":"D"}],)"
      R"("meta":{"task":"talk","kind":"text"}})";
  const Example whole = parse_example(line, "x:1");
  CHECK(whole.kind == TaskKind::kText);
  CHECK(whole.task == "talk");
  CHECK(to_json_line(whole) == line);
  write_file_atomically(root / "talk.jsonl", to_json_line(label_example()) + "\n" + line + "\n");
  const auto examples = load_examples(root / "talk.jsonl");
  REQUIRE(examples.size() == 3);
  CHECK(examples[0].messages.empty());
  CHECK(examples[1].messages.size() == 3);
  CHECK(examples[1].messages.back().content == "B");
  CHECK(examples[2].messages.size() == 5);
}

TEST_CASE("a conversation says which of its fields is wrong") {
  const auto has = [](const std::string& rest, const std::string& part) {
    CAPTURE(rest);
    CHECK(refusal(R"({"device_id":"d",)" + rest + "}").find("x.jsonl:7: " + part + ": expected") == 0);
  };
  const std::string good =
      R"("messages":[{"role":"user","content":"A"},{"role":"assistant","content":"B"}])";
  CHECK(refusal(R"({"device_id":"d",)" + good + "}") == "accepted");
  has(R"("messages":[])", "messages");
  has(R"("messages":{})", "messages");
  has(R"("messages":[1])", "messages[0]");
  has(R"("messages":[{"content":"A"}])", "messages[0].role");
  has(R"("messages":[{"role":"tool","content":"A"}])", "messages[0].role");
  has(R"("messages":[{"role":"user","content":"A"},{"role":"assistant","content":3}])",
      "messages[1].content");
  has(R"("messages":[{"role":"user","content":"A"}])", "messages");
  has(good + R"(,"prompt":"x")", "prompt");
  has(good + R"(,"completion":" x")", "completion");
  has(good + R"(,"meta":{"kind":"label"})", "meta.kind");
  has(good + R"(,"meta":[])", "meta");
}

TEST_CASE("a device directory is read back as it was written") {
  const test::TempDir root;
  DeviceData device;
  device.device_id = "rig \"1\"";
  device.train = {label_example(), label_example()};
  device.test = {label_example()};
  write_device_data(root.path(), device);
  const DeviceData read = load_device_data(root / device.device_id);
  CHECK(read.device_id == device.device_id);
  CHECK(read.train.size() == 2);
  CHECK(read.test.size() == 1);
  CHECK(prepared_devices(root.path()) == std::vector<std::string>{device.device_id});
  CHECK(load_device_data(root.path() / device.device_id / "test.jsonl").train.size() == 1);
}

TEST_CASE("device data that are not there are named") {
  const test::TempDir root;
  CHECK_THROWS_AS(load_device_data(root.path()), IoError);
  CHECK_THROWS_AS(load_device_data(root / "no"), IoError);
  CHECK_THROWS_AS(prepared_devices(root.path()), IoError);
  CHECK_THROWS_AS(prepared_devices(root / "no"), IoError);
  write_file_atomically(root / "bad.jsonl", to_json_line(label_example()) + "\n\n{}\n");
  try {
    load_examples(root / "bad.jsonl");
    FAIL("accepted");
  } catch (const IoError& error) {
    CHECK(std::string(error.what()).find("bad.jsonl:3: device_id") != std::string::npos);
  }
}
