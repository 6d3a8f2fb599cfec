#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fennec {

/// One finding of `doctor`.
struct Check {
  std::string name;
  bool healthy = false;
  std::string detail;  ///< what was found, or what is wrong
};

// None of these throws: what fails is a finding.
Check check_zeromq();  ///< recent enough, and built with CURVE
Check check_memory(
    const std::filesystem::path& base);  ///< room for the weights of `base` (may be empty) and training
Check check_disk(const std::filesystem::path& where);
std::vector<Check> check_bundle(
    const std::filesystem::path& file);  ///< readable, private, its endpoint resolves
Check check_data(const std::filesystem::path& directory);
std::vector<Check> check_base(
    const std::filesystem::path& base);  ///< loads, digest, speed of training steps

}  // namespace fennec
