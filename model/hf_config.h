#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/model_family.h"
#include "model/rope.h"

namespace fennec {

/// config.json of a checkpoint under Hugging Face's reading rules: null is absent, whole numbers may be
/// written as floats and the reverse, version 4 and version 5 spellings. Every error is an IoError
/// naming file and key.
class HfConfig {
 public:
  static HfConfig read(const std::filesystem::path& dir);
  static HfConfig parse(std::string_view text, std::string where);
  HfConfig(HfConfig&&) noexcept;
  HfConfig& operator=(HfConfig&&) noexcept;
  ~HfConfig();

  bool has(std::string_view key) const;      ///< present and not null
  bool is_null(std::string_view key) const;  ///< present and null, where that means something else
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  std::int64_t size(std::string_view key, std::int64_t fallback) const;  ///< a whole number in [1, 2³¹)
  double number(std::string_view key, double fallback) const;            ///< finite
  bool flag(std::string_view key, bool fallback) const;
  std::string text(std::string_view key, const std::string& fallback) const;
  std::vector<std::string> texts(std::string_view key) const;  ///< a list that must be there

  /// What it names, if that is supported (core/model_family.h).
  const ModelFamily& family() const;
  /// rope_parameters (v5), or rope_theta and rope_scaling (v4), over the defaults of a family.
  RopeConfig rope(RopeConfig defaults) const;
  std::string json_text() const;
  [[noreturn]] void refuse(std::string_view key, const std::string& why) const;

 private:
  HfConfig(std::unique_ptr<const nlohmann::json> json, std::string where);
  HfConfig child(std::string_view key) const;
  void read_scaling(RopeConfig& rope) const;  ///< of a rope_scaling or rope_parameters object
  std::unique_ptr<const nlohmann::json> json_;
  std::string where_;
};

}  // namespace fennec
