#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/chat_message.h"

namespace fennec {

/// One labelled part of an answer: "valve " followed by one of `labels`. A plain label task has one
/// slot with an empty prefix.
struct LabelSlot {
  std::string name;                 ///< "valve"
  std::string prefix;               ///< text before the label inside the completion: "valve "
  std::vector<std::string> labels;  ///< every label the task knows, not just those seen here
};

enum class TaskKind { kLabel, kForecast, kText };

/// One training or test example: a line of the JSONL that `prepare` and `collect` write.
/// JSON: {"device_id", "prompt", "completion", "meta": {"task", "kind": "label|forecast|text",
/// "slots"?, …}}, or a conversation: {"device_id", "messages": [{"role", "content"}, …], "meta"?}.
struct Example {
  std::string device_id;
  std::string prompt;      ///< ends without a space: "…\nactivity:"
  std::string completion;  ///< begins with one space: " walking"
  std::string task;
  TaskKind kind = TaskKind::kText;
  std::vector<LabelSlot> slots;  ///< kLabel: completion = " " + join(", ", prefix + label)
  std::vector<ChatMessage>
      messages{};  ///< not empty: a conversation whose last message, the assistant's,
                   ///< is learnt; then prompt and completion are empty
};

}  // namespace fennec
