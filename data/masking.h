#pragma once
#include <regex>
#include <string>
#include <vector>

#include "data/recipe.h"

namespace fennec {

/// Takes identifying text out of an example. Not thread-safe.
class Masking {
 public:
  /// Throws ConfigError naming a pattern that is no regular expression.
  explicit Masking(const std::vector<MaskConfig>& masks);

  /// Applies every mask in order; letters count on from prompt to completion.
  void apply(std::string& prompt, std::string& completion) const;

 private:
  struct Mask {
    std::regex pattern;
    std::string replace;
    bool letters;
  };
  std::vector<Mask> masks_;
};

}  // namespace fennec
