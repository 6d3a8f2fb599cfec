#pragma once
#include <memory>
#include <string_view>

#include "model/text_pattern.h"

namespace fennec {

/// GPT-2's word regex, the one inside ByteLevel.
inline constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A matcher without a regex engine, linear in the text, for the word regexes of GPT-2, Llama-3 and
/// Qwen2 (told by their exact spelling). Null for any other regex.
std::shared_ptr<const TextPattern> make_word_pattern(std::string_view regex);

}  // namespace fennec
