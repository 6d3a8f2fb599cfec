#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/json_node.h"
#include "model/text_span.h"

namespace fennec {

/// Finds the non-empty, non-overlapping matches of something in valid UTF-8, from left to right. Any
/// thread.
class TextPattern {
 public:
  virtual ~TextPattern() = default;
  virtual std::vector<Span> find_all(std::string_view text) const = 0;
};

/// A `{"String": …}` or `{"Regex": …}` value. The pre-tokenizer regexes of GPT-2, Llama-3 and Qwen2 get
/// their hand-written matcher, any other goes to PCRE2 (Unicode 14 classes). IoError when it does not
/// compile.
std::shared_ptr<const TextPattern> make_pattern(const JsonNode& node);

}  // namespace fennec
