#include "model/token_decoder.h"

#include "model/byte_level.h"
#include "model/normalizer.h"
#include "model/unicode.h"

namespace fennec {
namespace {

using Tokens = std::vector<std::string>;

/// The byte that "<0xHH>" stands for; −1 for any other token.
int byte_of(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

Tokens join(const Tokens& tokens, const char* separator = "") {
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) out.append(i == 0 ? "" : separator).append(tokens[i]);
  return {out};
}

Tokens byte_level(const Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) append_bytes_of(bytes, token);
  return {unicode::replace_invalid(bytes)};
}

/// Adjacent byte tokens are one string if that is valid UTF-8, else a replacement character each.
Tokens byte_fallback(const Tokens& tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (unicode::is_valid(bytes) && !bytes.empty())
      out.push_back(bytes);
    else
      for (std::size_t i = 0; i < bytes.size(); ++i) out.emplace_back("\xEF\xBF\xBD");
    bytes.clear();
  };
  for (const std::string& token : tokens) {
    const int byte = byte_of(token);
    if (byte >= 0) {
      bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
      continue;
    }
    flush();
    out.push_back(token);
  }
  flush();
  return out;
}

TokenDecoder make_strip(const JsonNode& node) {
  const std::string content = node.text("content");
  if (content.empty()) node.refuse("content must not be empty");
  return [content, start = node.integer("start", 0), stop = node.integer("stop", 0)](Tokens tokens) {
    for (std::string& token : tokens) {
      for (std::int64_t i = 0; i < start && token.starts_with(content); ++i)
        token.erase(0, content.size());
      for (std::int64_t i = 0; i < stop && token.ends_with(content); ++i)
        token.resize(token.size() - content.size());
    }
    return tokens;
  };
}

TokenDecoder make_metaspace(const JsonNode& node) {
  const std::string mark = node.text("replacement", "▁");
  if (mark.empty()) node.refuse("replacement must not be empty");
  const bool prefixed =
      node.text("prepend_scheme", node.flag("add_prefix_space", true) ? "always" : "never") != "never";
  return [mark, prefixed](Tokens tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string out;
      const std::string& token = tokens[i];
      for (std::size_t at = 0; at < token.size();) {
        if (token.compare(at, mark.size(), mark) != 0) {
          out.push_back(token[at++]);
          continue;
        }
        if (i > 0 || !prefixed) out.push_back(' ');
        at += mark.size();
      }
      tokens[i] = std::move(out);
    }
    return tokens;
  };
}

TokenDecoder make_replace(const JsonNode& node) {
  return [replace = make_normalizer(node)](Tokens tokens) {
    for (std::string& token : tokens) token = replace(std::move(token));
    return tokens;
  };
}

TokenDecoder make_sequence(const JsonNode& node) {
  std::vector<TokenDecoder> steps;
  for (const JsonNode& item : node.items("decoders")) steps.push_back(make_token_decoder(item));
  return [steps](Tokens tokens) {
    for (const TokenDecoder& step : steps) tokens = step(std::move(tokens));
    return tokens;
  };
}

}  // namespace

TokenDecoder make_token_decoder(const std::optional<JsonNode>& node) {
  if (!node) return [](const Tokens& tokens) { return join(tokens, " "); };
  const std::string type = node->type();
  if (type == "Sequence") return make_sequence(*node);
  if (type == "ByteLevel") return byte_level;
  if (type == "ByteFallback") return byte_fallback;
  if (type == "Fuse") return [](const Tokens& tokens) { return join(tokens); };
  if (type == "Replace") return make_replace(*node);
  if (type == "Strip") return make_strip(*node);
  if (type == "Metaspace") return make_metaspace(*node);
  node->refuse(
      "decoder '" + type +
      "' is not supported; known: Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace");
}

}  // namespace fennec
