#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "core/ids.h"
#include "core/lora_layout.h"
#include "core/parameter_set.h"
#include "core/peft_directory.h"

namespace fennec {

/// adapters/<version>/ in PEFT's layout, server optimizer moments beside it. Not thread-safe.
class AdapterStore {
 public:
  AdapterStore(std::filesystem::path dir, LayoutPtr layout, PeftLoraConfig config);

  struct Stored {
    std::int64_t bytes = 0;  ///< of adapter_model.safetensors, which is what clients fetch
    std::string sha256;
  };
  /// On disk when it returns; an earlier attempt at this version is replaced.
  Stored write(AdapterVersion version, const ParameterSet& adapter,
               const std::vector<const ParameterSet*>& moments);
  ParameterSet read(AdapterVersion version) const;  ///< throws IoError naming file and tensor
  std::vector<ParameterSet> read_moments(AdapterVersion version) const;  ///< empty when it has none
  std::vector<std::byte> file_bytes(AdapterVersion version) const;       ///< adapter_model.safetensors
  void remove_after(AdapterVersion version);  ///< left behind by a commit that never happened
  std::filesystem::path directory(AdapterVersion version) const;
  const LayoutPtr& layout() const { return layout_; }

 private:
  std::filesystem::path dir_;
  LayoutPtr layout_;
  PeftLoraConfig config_;
};

/// adapter_config.json of a run. "all-linear" is spelt out as PEFT does: the last names of the paths.
PeftLoraConfig peft_config(const LoraConfig& lora, const std::string& base,
                           const std::vector<LinearShape>& targets);

}  // namespace fennec
