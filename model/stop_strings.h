#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

/// Lets a text through until one of some strings occurs in it: the one that ends first, and of those
/// that end together the longest. What could still become such a string is held back, so how the text
/// is cut into pieces changes nothing.
class StopStrings {
 public:
  /// @param stops  empty ones are ignored
  explicit StopStrings(std::vector<std::string> stops);
  /// @param piece  valid UTF-8  @return what of the text so far is new and certain
  std::string add(std::string_view piece);
  /// What was held back.
  std::string finish();
  bool has_stopped() const { return stopped_; }

 private:
  std::size_t held_back() const;
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace fennec
