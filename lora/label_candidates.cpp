#include "lora/label_candidates.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "core/error.h"
#include "lora/trainer.h"

namespace fennec {
namespace {

constexpr std::string_view kSeparator = ", ";

/// Length of the longest label of `slot` that `text` holds after the slot's prefix, up to a separator
/// or the end.
std::optional<std::string> read_label(std::string_view text, const LabelSlot& slot) {
  std::optional<std::string> best;
  if (text.substr(0, slot.prefix.size()) != slot.prefix) return best;
  text.remove_prefix(slot.prefix.size());
  for (const std::string& label : slot.labels) {
    if (text.substr(0, label.size()) != label || (best && best->size() >= label.size())) continue;
    const std::string_view rest = text.substr(label.size());
    if (rest.empty() || rest.substr(0, kSeparator.size()) == kSeparator) best = label;
  }
  return best;
}

std::string_view without_leading_space(std::string_view text) {
  if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

}  // namespace

TokenIds completion_ids(const Tokenizer& tokenizer, const std::string& prompt,
                        const std::string& completion, bool ends) {
  Example example;
  example.prompt = prompt;
  example.completion = completion;
  TokenizedExample tokenized =
      tokenize_example(tokenizer, example, std::numeric_limits<std::size_t>::max());
  TokenIds ids(tokenized.ids.begin() + static_cast<std::ptrdiff_t>(tokenized.prompt_tokens),
               tokenized.ids.end());
  if (!ends && !tokenizer.eos().empty()) ids.pop_back();
  return ids;
}

LabelSlots::LabelSlots(const std::vector<Example>& examples) {
  std::map<std::string, std::set<std::string>> seen;
  for (const Example& example : examples)
    if (example.kind == TaskKind::kLabel && example.slots.empty())
      seen[example.task].emplace(without_leading_space(example.completion));
  for (const auto& [task, labels] : seen)
    implied_[task] = {LabelSlot{"", "", {labels.begin(), labels.end()}}};
}

const std::vector<LabelSlot>& LabelSlots::of(const Example& example) const {
  return example.slots.empty() ? implied_.at(example.task) : example.slots;
}

std::vector<std::string> gold_labels(std::string_view completion, const std::vector<LabelSlot>& slots) {
  std::string_view rest = without_leading_space(completion);
  std::vector<std::string> gold;
  for (const LabelSlot& slot : slots) {
    const auto label = read_label(rest, slot);
    const std::size_t end =
        label ? slot.prefix.size() + label->size() : std::min(rest.find(kSeparator), rest.size());
    gold.push_back(label ? *label : std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(rest.size(), end + kSeparator.size()));
  }
  return gold;
}

AnswerInProgress::AnswerInProgress(const Tokenizer& tokenizer, std::string prompt,
                                   const std::vector<LabelSlot>& slots)
    : tokenizer_(tokenizer), prompt_(std::move(prompt)), slots_(slots) {}

std::string AnswerInProgress::text_with(const std::string& label) const {
  const bool last = slot_ + 1 == slots_.size();
  return text_ + " " + slots_[slot_].prefix + label + (last ? "" : ",");
}

std::vector<TokenIds> AnswerInProgress::candidates() const {
  const bool last = slot_ + 1 == slots_.size();
  std::vector<TokenIds> all;
  for (const std::string& label : slots_[slot_].labels) {
    TokenIds ids = completion_ids(tokenizer_, prompt_, text_with(label), last);
    const bool continues =
        ids.size() >= ids_.size() && std::equal(ids_.begin(), ids_.end(), ids.begin());
    if (continues)
      ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(ids_.size()));
    else  // the tokenizer merged across the separator: take the slot's text on its own
      ids = completion_ids(tokenizer_, "", text_with(label).substr(text_.size()), last);
    all.push_back(std::move(ids));
  }
  return all;
}

void AnswerInProgress::choose(std::size_t label, const TokenIds& ids) {
  text_ = text_with(slots_[slot_].labels.at(label));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  ++slot_;
}

std::optional<double> parse_number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; });
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!plain || text.empty() || text.back() == '.' || fault != std::errc{} ||
      end != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace fennec
