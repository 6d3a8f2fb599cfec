#include "model/text_pattern.h"

#include "core/error.h"
#include "model/word_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace fennec {
namespace {

class LiteralPattern final : public TextPattern {
 public:
  explicit LiteralPattern(std::string literal) : literal_(std::move(literal)) {}
  std::vector<Span> find_all(std::string_view text) const override {
    std::vector<Span> out;
    if (literal_.empty()) return out;
    for (std::size_t at = text.find(literal_); at != std::string_view::npos;) {
      out.push_back({at, at + literal_.size()});
      at = text.find(literal_, at + literal_.size());
    }
    return out;
  }

 private:
  std::string literal_;
};

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

/// PCRE2's \s holds U+180E, which is no longer White_Space: spells the property out. \S inside a
/// class stays.
std::string spell_out_white_space(std::string_view regex) {
  static constexpr std::string_view kMembers =
      R"(\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\' && i + 1 < regex.size()) {
      const char escaped = regex[++i];
      if (escaped == 's')
        out.append(in_class ? "" : "[").append(kMembers).append(in_class ? "" : "]");
      else if (escaped == 'S' && !in_class)
        out.append("[^").append(kMembers).append("]");
      else
        out.append({c, escaped});
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out.push_back(c);
  }
  return out;
}

class RegexPattern final : public TextPattern {
 public:
  RegexPattern(const std::string& regex, const JsonNode& node) : regex_(regex) {
    // The reference engine reads "&&" in a class as intersection; PCRE2 would take it literally.
    if (regex.find("&&") != std::string::npos)
      node.refuse("class intersection (&&) is not supported: " + regex);
    int error = 0;
    PCRE2_SIZE offset = 0;
    // MULTILINE: the reference engine's ^ and $ match at every line.
    const std::string spelled = spell_out_white_space(regex);
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr));
    if (!code_)
      node.refuse("regex does not compile at character " + std::to_string(offset) + " (" +
                  pcre2_message(error) + "): " + regex);
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // slower without it, not wrong
  }

  std::vector<Span> find_all(std::string_view text) const override {
    const std::unique_ptr<pcre2_match_data, FreeMatch> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    std::vector<Span> out;
    for (std::size_t at = 0; at < text.size();) {
      if (!match(text, at, data.get())) break;
      const PCRE2_SIZE* found = pcre2_get_ovector_pointer(data.get());
      if (found[1] > found[0]) out.push_back({found[0], found[1]});
      at = found[1] > at ? found[1] : at + 1;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    }
    return out;
  }

 private:
  bool match(std::string_view text, std::size_t at, pcre2_match_data* data) const {
    const auto run = [&](std::uint32_t options) {
      return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                         PCRE2_NO_UTF_CHECK | options, data, nullptr);
    };
    int rc = run(0);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) rc = run(PCRE2_NO_JIT);
    if (rc == PCRE2_ERROR_NOMATCH) return false;
    if (rc < 0) throw IoError("tokenizer regex gave up (" + pcre2_message(rc) + "): " + regex_);
    return true;
  }

  std::string regex_;
  std::unique_ptr<pcre2_code, FreeCode> code_;
};

}  // namespace

std::shared_ptr<const TextPattern> make_pattern(const JsonNode& node) {
  if (node.has("String")) return std::make_shared<LiteralPattern>(node.text("String"));
  const std::string regex = node.text("Regex");
  if (auto known = make_word_pattern(regex)) return known;
  return std::make_shared<RegexPattern>(regex, node);
}

}  // namespace fennec
