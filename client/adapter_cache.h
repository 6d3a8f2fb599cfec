#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/error.h"
#include "core/ids.h"
#include "core/parameter_set.h"

namespace fennec {

/// Reads the adapter file that travels: every tensor of the layout, no other, finite. kMalformed,
/// kMismatch, kNumeric.
Result<ParameterSet> parse_adapter(std::span<const std::byte> bytes, const LayoutPtr& layout);

/// Global adapters fetched from the coordinator, on disk; the newest two are kept. Not thread-safe.
class AdapterCache {
 public:
  explicit AdapterCache(std::filesystem::path dir) : dir_(std::move(dir)) {}
  /// Nothing when absent, damaged or another file than the digest names.
  std::optional<ParameterSet> load(AdapterVersion version, const std::string& sha256_hex,
                                   const LayoutPtr& layout) const;
  /// What reads as a version of this layout, whatever its digest; for the next one to be made from,
  /// which has one.
  std::optional<ParameterSet> load(AdapterVersion version, const LayoutPtr& layout) const;
  void store(AdapterVersion version,
             std::span<const std::byte> bytes) const;  ///< atomic; throws IoError

 private:
  std::filesystem::path file_of(AdapterVersion version) const;
  std::filesystem::path dir_;
};

}  // namespace fennec
