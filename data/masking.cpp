#include "data/masking.h"

#include <map>

#include "core/error.h"

namespace fennec {
namespace {

using LetterOf = std::map<std::string, char>;

std::string with_letters(const std::string& text, const std::regex& pattern, LetterOf& letters) {
  std::string out;
  auto from = text.begin();
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    const auto letter =
        letters.try_emplace(it->str(), static_cast<char>('A' + letters.size() % 26)).first->second;
    out.append(from, (*it)[0].first);
    out += letter;
    from = (*it)[0].second;
  }
  return out.append(from, text.end());
}

}  // namespace

Masking::Masking(const std::vector<MaskConfig>& masks) {
  for (const MaskConfig& mask : masks) {
    try {
      masks_.push_back({std::regex(mask.pattern, std::regex::ECMAScript | std::regex::optimize),
                        mask.replace, mask.letters});
    } catch (const std::regex_error& error) {
      throw ConfigError("masks: '" + mask.pattern + "' is not a regular expression: " + error.what());
    }
  }
}

void Masking::apply(std::string& prompt, std::string& completion) const {
  for (const Mask& mask : masks_) {
    LetterOf letters;
    for (std::string* text : {&prompt, &completion})
      *text = mask.letters ? with_letters(*text, mask.pattern, letters)
                           : std::regex_replace(*text, mask.pattern, mask.replace);
  }
}

}  // namespace fennec
