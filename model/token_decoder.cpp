#include "model/token_decoder.h"

#include <cstdint>
#include <utility>

#include "model/byte_level.h"
#include "model/normalizer.h"
#include "model/unicode.h"

namespace fennec {
namespace {

using Tokens = std::vector<std::string>;
using Parts = std::vector<TokenPart>;

/// A stage that needs whole tokens: waits for the end of one that comes in parts.
/// @param work  (tokens, last) → tokens
template <class Work>
DecodeStage on_tokens(Work work) {
  return [work = std::move(work), open = std::string()](Parts parts, bool last) mutable {
    Tokens whole;
    for (TokenPart& part : parts) {
      open += part.text;
      if (part.ends) whole.push_back(std::exchange(open, {}));
    }
    Parts out;
    for (std::string& token : work(std::move(whole), last)) out.push_back({std::move(token)});
    return out;
  };
}

/// A stage that makes one token of all.
/// @param work  (parts, last) → the text they add to it
template <class Work>
DecodeStage into_one(Work work) {
  return [work = std::move(work), begins = true](Parts parts, bool last) mutable {
    std::string text = work(std::move(parts), last);
    if (text.empty() && !last) return Parts{};
    return Parts{{std::move(text), std::exchange(begins, false), last}};
  };
}

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

DecodeStage join_with_spaces() {
  return into_one([first = true](const Parts& parts, bool) mutable {
    std::string text;
    for (const TokenPart& part : parts) {
      if (part.begins && !std::exchange(first, false)) text += ' ';
      text += part.text;
    }
    return text;
  });
}

DecodeStage fuse() {
  return into_one([](const Parts& parts, bool) {
    std::string text;
    for (const TokenPart& part : parts) text += part.text;
    return text;
  });
}

/// Tokens are stand-ins of bytes; a character waits for its last byte.
DecodeStage byte_level() {
  return into_one(
      [token = std::string(), bytes = std::string()](const Parts& parts, bool last) mutable {
        for (const TokenPart& part : parts) {
          token += part.text;
          if (part.ends) append_bytes_of(bytes, std::exchange(token, {}));
        }
        const std::size_t tail = last ? 0 : unicode::incomplete_tail(bytes);
        std::string text = unicode::replace_invalid({bytes.data(), bytes.size() - tail});
        bytes.erase(0, bytes.size() - tail);
        return text;
      });
}

/// Adjacent byte tokens are one string if that is valid UTF-8, else a replacement character each: which
/// it is shows at the next other token.
DecodeStage byte_fallback() {
  return on_tokens([bytes = std::string()](const Tokens& tokens, bool last) mutable {
    Tokens out;
    const auto flush = [&] {
      if (!bytes.empty() && unicode::is_valid(bytes))
        out.push_back(bytes);
      else
        out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
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
    if (last) flush();
    return out;
  });
}

/// Removes up to `most` times `content` from the front; what is left to remove.
std::int64_t strip_front(std::string& text, const std::string& content, std::int64_t most) {
  while (most > 0 && text.starts_with(content)) {
    text.erase(0, content.size());
    --most;
  }
  return text.empty() ? most : 0;
}

DecodeStage make_strip(const JsonNode& node) {
  const std::string content = node.text("content");
  if (content.empty() || unicode::sequence_length(content[0]) != content.size())
    node.refuse("content must be one character");
  const std::int64_t start = node.integer("start", 0), stop = node.integer("stop", 0);
  if (stop <= 0)
    return [content, start, left = start](Parts parts, bool) mutable {
      for (TokenPart& part : parts) left = strip_front(part.text, content, part.begins ? start : left);
      return parts;
    };
  return on_tokens([content, start, stop](Tokens tokens, bool) {
    for (std::string& token : tokens) {
      strip_front(token, content, start);
      for (std::int64_t i = 0; i < stop && token.ends_with(content); ++i)
        token.resize(token.size() - content.size());
    }
    return tokens;
  });
}

DecodeStage make_metaspace(const JsonNode& node) {
  const std::string mark = node.text("replacement", "▁");
  if (mark.empty()) node.refuse("replacement must not be empty");
  const bool prefixed =
      node.text("prepend_scheme", node.flag("add_prefix_space", true) ? "always" : "never") != "never";
  return on_tokens([mark, prefixed, first = true](Tokens tokens, bool) mutable {
    for (std::string& token : tokens) {
      std::string out;
      for (std::size_t at = 0; at < token.size();) {
        if (token.compare(at, mark.size(), mark) != 0) {
          out.push_back(token[at++]);
          continue;
        }
        if (!first || !prefixed) out.push_back(' ');
        at += mark.size();
      }
      token = std::move(out);
      first = false;
    }
    return tokens;
  });
}

DecodeStage make_replace(const JsonNode& node) {
  return on_tokens([replace = make_normalizer(node)](Tokens tokens, bool) {
    for (std::string& token : tokens) token = replace(std::move(token));
    return tokens;
  });
}

DecodeStage make_stage(const JsonNode& node) {
  const std::string type = node.type();
  if (type == "ByteLevel") return byte_level();
  if (type == "ByteFallback") return byte_fallback();
  if (type == "Fuse") return fuse();
  if (type == "Replace") return make_replace(node);
  if (type == "Strip") return make_strip(node);
  if (type == "Metaspace") return make_metaspace(node);
  if (type == "Sequence") {
    std::vector<DecodeStage> steps;
    for (const JsonNode& item : node.items("decoders")) steps.push_back(make_stage(item));
    return [steps](Parts parts, bool last) mutable {
      for (DecodeStage& step : steps) parts = step(std::move(parts), last);
      return parts;
    };
  }
  node.refuse(
      "decoder '" + type +
      "' is not supported; known: Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace");
}

}  // namespace

TokenDecoder::TokenDecoder(const std::optional<JsonNode>& node)
    : stage_(node ? make_stage(*node) : join_with_spaces()) {}

std::string TokenDecoder::add(std::vector<std::string> tokens, bool last) {
  Parts parts;
  parts.reserve(tokens.size());
  for (std::string& token : tokens) parts.push_back({std::move(token)});
  std::string text;
  for (const TokenPart& part : stage_(std::move(parts), last)) text += part.text;
  return text;
}

}  // namespace fennec
