#include "core/module_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace fennec {
namespace {

constexpr std::size_t kLongestPattern = 4096;
constexpr std::uint32_t kMostSteps = 100'000;
constexpr std::uint32_t kMostHeapKib = 4096;

struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

PCRE2_SPTR text_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

void ModulePattern::Free::operator()(void* code) const {
  pcre2_code_free(static_cast<pcre2_code*>(code));
}

Result<ModulePattern> ModulePattern::compile(const std::string& pattern) {
  if (pattern.size() > kLongestPattern)
    return fail(ErrorCode::kMalformed, "'" + pattern.substr(0, 32) + "…' is longer than " +
                                           std::to_string(kLongestPattern) + " bytes");
  int error = 0;
  PCRE2_SIZE place = 0;
  pcre2_code* code = pcre2_compile(text_of(pattern), pattern.size(), PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                                   &error, &place, nullptr);
  if (code == nullptr)
    return fail(ErrorCode::kMalformed, "'" + pattern + "' is not a regular expression");
  return ModulePattern(code);
}

bool ModulePattern::matches(std::string_view module) const {
  const std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_create(nullptr));
  const std::unique_ptr<pcre2_match_data, FreeData> data(pcre2_match_data_create(1, nullptr));
  pcre2_set_match_limit(context.get(), kMostSteps);
  pcre2_set_heap_limit(context.get(), kMostHeapKib);
  return pcre2_match(static_cast<const pcre2_code*>(code_.get()), text_of(module), module.size(), 0, 0,
                     data.get(), context.get()) >= 0;
}

}  // namespace fennec
