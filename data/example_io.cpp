#include "data/example_io.h"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "data/table.h"

namespace fennec {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string_view kind_name(TaskKind kind) {
  switch (kind) {
    case TaskKind::kLabel:
      return "label";
    case TaskKind::kForecast:
      return "forecast";
    case TaskKind::kText:
      return "text";
  }
  FENNEC_CHECK(false, "unknown task kind");
}

[[noreturn]] void expected(const std::string& where, const std::string& field,
                           const std::string& what) {
  throw IoError(where + ": " + field + ": expected " + what);
}

const Json& member(const Json& object, const char* key, const std::string& where,
                   const std::string& field) {
  const auto it = object.find(key);
  if (it == object.end()) expected(where, field, "a value, is missing");
  return *it;
}

std::string text(const Json& value, const std::string& where, const std::string& field) {
  if (!value.is_string()) expected(where, field, "a string");
  return value.get<std::string>();
}

std::vector<LabelSlot> parse_slots(const Json& list, const std::string& where) {
  if (!list.is_array()) expected(where, "meta.slots", "a list");
  std::vector<LabelSlot> slots;
  for (const Json& item : list) {
    const std::string field = "meta.slots[" + std::to_string(slots.size()) + "]";
    if (!item.is_object()) expected(where, field, "an object");
    LabelSlot slot;
    slot.name = text(member(item, "name", where, field + ".name"), where, field + ".name");
    if (item.contains("prefix")) slot.prefix = text(item["prefix"], where, field + ".prefix");
    const Json& labels = member(item, "labels", where, field + ".labels");
    if (!labels.is_array() || labels.empty()) expected(where, field + ".labels", "a list of strings");
    for (const Json& label : labels) slot.labels.push_back(text(label, where, field + ".labels"));
    slots.push_back(std::move(slot));
  }
  return slots;
}

TaskKind parse_kind(const std::string& name, const std::string& where) {
  for (const TaskKind kind : {TaskKind::kLabel, TaskKind::kForecast, TaskKind::kText})
    if (name == kind_name(kind)) return kind;
  expected(where, "meta.kind", "label, forecast or text, is '" + name + "'");
}

TaskKind inferred_kind(const Example& example) {
  if (!example.slots.empty()) return TaskKind::kLabel;
  if (!example.messages.empty()) return TaskKind::kText;
  return to_number(std::string_view(example.completion).substr(1)) ? TaskKind::kForecast
                                                                   : TaskKind::kText;
}

/// Is the answer one of those that the slots allow?
bool slots_spell(const std::vector<LabelSlot>& slots, std::string_view answer, std::size_t index = 0) {
  if (index == slots.size()) return answer.empty();
  const std::string before = (index == 0 ? " " : ", ") + slots[index].prefix;
  if (answer.substr(0, before.size()) != before) return false;
  answer.remove_prefix(before.size());
  return std::any_of(slots[index].labels.begin(), slots[index].labels.end(),
                     [&](const std::string& label) {
                       return answer.substr(0, label.size()) == label &&
                              slots_spell(slots, answer.substr(label.size()), index + 1);
                     });
}

void read_meta(const Json& meta, const std::string& where, Example& example) {
  if (!meta.is_object()) expected(where, "meta", "an object");
  if (meta.contains("task")) example.task = text(meta["task"], where, "meta.task");
  if (meta.contains("slots")) example.slots = parse_slots(meta["slots"], where);
  example.kind = meta.contains("kind") ? parse_kind(text(meta["kind"], where, "meta.kind"), where)
                                       : inferred_kind(example);
}

std::vector<ChatMessage> parse_messages(const Json& list, const std::string& where) {
  if (!list.is_array() || list.empty()) expected(where, "messages", "a list of messages");
  std::vector<ChatMessage> messages;
  for (const Json& item : list) {
    const std::string field = "messages[" + std::to_string(messages.size()) + "]";
    if (!item.is_object()) expected(where, field, "an object");
    ChatMessage message;
    message.role = text(member(item, "role", where, field + ".role"), where, field + ".role");
    if (message.role != "system" && message.role != "user" && message.role != "assistant")
      expected(where, field + ".role", "system, user or assistant, is '" + message.role + "'");
    message.content =
        text(member(item, "content", where, field + ".content"), where, field + ".content");
    messages.push_back(std::move(message));
  }
  if (messages.back().role != "assistant") expected(where, "messages", "an assistant message last");
  return messages;
}

/// A line with "messages".
void read_conversation(const Json& object, const std::string& where, Example& example) {
  for (const char* key : {"prompt", "completion"})
    if (object.contains(key)) expected(where, key, "nothing beside messages");
  example.messages = parse_messages(object["messages"], where);
  if (example.device_id.empty()) expected(where, "device_id", "a name");
  if (!object.contains("meta")) return;
  read_meta(object["meta"], where, example);
  if (example.kind != TaskKind::kText) expected(where, "meta.kind", "text for a conversation");
}

void check(const Example& example, const std::string& where) {
  if (example.device_id.empty()) expected(where, "device_id", "a name");
  if (example.prompt.empty()) expected(where, "prompt", "text");
  const std::string& answer = example.completion;
  if (answer.size() < 2 || answer[0] != ' ') expected(where, "completion", "one space and an answer");
  if (example.kind == TaskKind::kForecast && !to_number(std::string_view(answer).substr(1)))
    expected(where, "completion", "one space and a number");
  if (example.kind != TaskKind::kLabel) return;
  if (example.slots.empty()) expected(where, "meta.slots", "at least one for a label task");
  if (!slots_spell(example.slots, answer)) expected(where, "completion", "one label of each slot");
}

}  // namespace

std::string to_json_line(const Example& example) {
  if (!example.messages.empty()) {
    Json messages = Json::array();
    for (const ChatMessage& m : example.messages)
      messages.push_back({{"role", m.role}, {"content", m.content}});
    return Json{{"device_id", example.device_id},
                {"messages", std::move(messages)},
                {"meta", {{"task", example.task}, {"kind", kind_name(example.kind)}}}}
        .dump();
  }
  Json meta{{"task", example.task}, {"kind", kind_name(example.kind)}};
  for (const LabelSlot& slot : example.slots)
    meta["slots"].push_back({{"name", slot.name}, {"prefix", slot.prefix}, {"labels", slot.labels}});
  return Json{{"device_id", example.device_id},
              {"prompt", example.prompt},
              {"completion", example.completion},
              {"meta", std::move(meta)}}
      .dump();
}

Example parse_example(std::string_view json, const std::string& where) {
  const Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) expected(where, "line", "one JSON object in valid UTF-8");
  Example example;
  example.device_id = text(member(object, "device_id", where, "device_id"), where, "device_id");
  if (object.contains("messages")) {
    read_conversation(object, where, example);
    return example;
  }
  example.prompt = text(member(object, "prompt", where, "prompt"), where, "prompt");
  example.completion = text(member(object, "completion", where, "completion"), where, "completion");
  if (example.completion.empty()) expected(where, "completion", "one space and an answer");
  read_meta(object.contains("meta") ? object["meta"] : Json::object(), where, example);
  check(example, where);
  return example;
}

std::vector<Example> one_per_answer(Example example) {
  std::vector<Example> examples;
  for (std::size_t i = 0; i + 1 < example.messages.size(); ++i) {
    if (example.messages[i].role != "assistant") continue;
    Example& earlier = examples.emplace_back(example);
    earlier.messages.resize(i + 1);
  }
  examples.push_back(std::move(example));
  return examples;
}

std::vector<Example> load_examples(const fs::path& file) {
  std::vector<Example> examples;
  for_each_line(file, [&](std::size_t number, std::string_view line) {
    if (line.empty()) return;
    auto some = one_per_answer(parse_example(line, file.string() + ":" + std::to_string(number)));
    std::move(some.begin(), some.end(), std::back_inserter(examples));
  });
  return examples;
}

void write_examples(const fs::path& file, std::span<const Example> examples) {
  std::string lines;
  for (const Example& example : examples) lines += to_json_line(example) + '\n';
  write_file_atomically(file, lines);
}

DeviceData load_device_data(const fs::path& path) {
  DeviceData data;
  if (fs::is_directory(path)) {
    const fs::path train = path / "train.jsonl", test = path / "test.jsonl";
    if (!fs::exists(train) && !fs::exists(test))
      throw IoError(
          path.string() +
          ": neither train.jsonl nor test.jsonl is there; `fennec-client prepare` writes them");
    if (fs::exists(train)) data.train = load_examples(train);
    if (fs::exists(test)) data.test = load_examples(test);
  } else {
    data.train = load_examples(path);
  }
  const std::vector<Example>& some = data.train.empty() ? data.test : data.train;
  data.device_id = some.empty() ? path.filename().string() : some.front().device_id;
  return data;
}

std::vector<std::string> prepared_devices(const fs::path& root) {
  std::error_code error;
  std::vector<std::string> devices;
  for (const auto& entry : fs::directory_iterator(root, error))
    if (fs::exists(entry.path() / "train.jsonl") || fs::exists(entry.path() / "test.jsonl"))
      devices.push_back(entry.path().filename().string());
  if (error) throw IoError(root.string() + ": " + error.message());
  if (devices.empty())
    throw IoError(root.string() + ": no device is prepared there (<device>/train.jsonl)");
  std::sort(devices.begin(), devices.end());
  return devices;
}

void write_device_data(const fs::path& root, const DeviceData& device) {
  const fs::path directory = root / device.device_id;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw IoError(directory.string() + ": " + error.message());
  write_examples(directory / "train.jsonl", device.train);
  write_examples(directory / "test.jsonl", device.test);
}

}  // namespace fennec
