#include "model/normalizer.h"

#include <algorithm>

#include "model/byte_level.h"
#include "model/text_pattern.h"
#include "model/unicode.h"

namespace fennec {
namespace {

Normalizer make_sequence(const JsonNode& node) {
  std::vector<Normalizer> steps;
  for (const JsonNode& item : node.items("normalizers")) steps.push_back(make_normalizer(item));
  return [steps](std::string text) {
    for (const Normalizer& step : steps) text = step(std::move(text));
    return text;
  };
}

Normalizer make_replace(const JsonNode& node) {
  return [pattern = make_pattern(node.child("pattern")),
          content = node.text("content")](std::string text) {
    const std::vector<Span> matches = pattern->find_all(text);
    if (matches.empty()) return text;
    std::string out;
    std::size_t at = 0;
    for (const Span& match : matches) {
      out.append(text, at, match.begin - at).append(content);
      at = match.end;
    }
    return out.append(text, at);
  };
}

Normalizer make_strip(const JsonNode& node) {
  return
      [left = node.flag("strip_left", true), right = node.flag("strip_right", true)](std::string text) {
        std::size_t begin = 0, end = 0;
        bool seen = false;
        for (std::size_t at = 0; at < text.size();) {
          const unicode::Decoded d = unicode::decode_at(text, at);
          if (!unicode::is(d.code_point, unicode::kWhiteSpace)) {
            if (!seen) begin = at;
            seen = true;
            end = at + d.length;
          }
          at += d.length;
        }
        if (!left) begin = 0;
        if (!right && (seen || !left)) end = text.size();
        return text.substr(begin, end - begin);
      };
}

Normalizer make_strip_accents() {
  return [](std::string text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const unicode::Decoded d = unicode::decode_at(text, at);
      if (!unicode::is(d.code_point, unicode::kMark)) out.append(text, at, d.length);
      at += d.length;
    }
    return out;
  };
}

Normalizer make_form(unicode::NormalForm form) {
  return [form](const std::string& text) { return unicode::normalize(text, form); };
}

}  // namespace

Normalizer make_normalizer(const std::optional<JsonNode>& node) {
  if (!node) return [](std::string text) { return text; };
  const std::string type = node->type();
  if (type == "Sequence") return make_sequence(*node);
  if (type == "NFC") return make_form(unicode::NormalForm::kNfc);
  if (type == "NFD") return make_form(unicode::NormalForm::kNfd);
  if (type == "NFKC") return make_form(unicode::NormalForm::kNfkc);
  if (type == "NFKD") return make_form(unicode::NormalForm::kNfkd);
  if (type == "Replace") return make_replace(*node);
  if (type == "Strip") return make_strip(*node);
  if (type == "StripAccents") return make_strip_accents();
  if (type == "Lowercase") return [](const std::string& text) { return unicode::to_lower(text); };
  if (type == "ByteLevel") return [](const std::string& text) { return bytes_to_chars(text); };
  if (type == "Prepend")
    return [prefix = node->text("prepend")](std::string text) {
      return text.empty() ? text : prefix + text;
    };
  node->refuse(
      "normalizer '" + type +
      "' is not supported; known: Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, "
      "StripAccents, ByteLevel");
}

}  // namespace fennec
