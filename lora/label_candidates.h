#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/example.h"
#include "model/tokenizer.h"

namespace fennec {

using TokenIds = std::vector<TokenId>;

/// The completion of an example that begins with `prompt`, as ids, exactly as training sees them.
/// @param ends  whether end of text follows
TokenIds completion_ids(const Tokenizer& tokenizer, const std::string& prompt,
                        const std::string& completion, bool ends);

/// The slots of each label example: its own, or one slot over the completions of its task.
class LabelSlots {
 public:
  explicit LabelSlots(const std::vector<Example>& examples);
  const std::vector<LabelSlot>& of(const Example& example) const;

 private:
  std::map<std::string, std::vector<LabelSlot>> implied_;  // by task
};

/// The label of each slot in " prefix label, prefix label"; what cannot be read as a label is kept as
/// text.
std::vector<std::string> gold_labels(std::string_view completion, const std::vector<LabelSlot>& slots);

/// Builds the answer to one example slot by slot.
class AnswerInProgress {
 public:
  AnswerInProgress(const Tokenizer& tokenizer, std::string prompt, const std::vector<LabelSlot>& slots);
  std::size_t slot() const { return slot_; }
  /// Ids that follow the answer so far, one list a label of the current slot, up to the separator or
  /// end of text.
  std::vector<TokenIds> candidates() const;
  void choose(std::size_t label, const TokenIds& ids);

 private:
  std::string text_with(const std::string& label) const;

  const Tokenizer& tokenizer_;
  std::string prompt_, text_;  // text_: the completion so far, its separator included
  const std::vector<LabelSlot>& slots_;
  std::size_t slot_ = 0;
  TokenIds ids_;
};

/// A whole decimal number, spaces around it allowed: "-12.5". Nothing else.
std::optional<double> parse_number(std::string_view text);

}  // namespace fennec
