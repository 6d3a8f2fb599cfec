#pragma once
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/support/shared.h"

namespace fennec::test {

inline constexpr const char* kPrivacyVectors = "spec/vectors/rdp_vectors.json";

/// Figures worked out elsewhere in 40-digit arithmetic, and published ones of Opacus and dp_accounting.
inline nlohmann::json privacy_vectors() {
  return nlohmann::json::parse(read_text_file(shared(kPrivacyVectors)));
}

}  // namespace fennec::test
