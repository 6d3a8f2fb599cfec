#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/adapter_plan.h"
#include "core/ids.h"
#include "core/parameter_set.h"
#include "core/peft_directory.h"

namespace fennec {

/// adapters/<version>/ in PEFT's layout, server optimizer moments and what a version carries beside its
/// adapter too. Not thread-safe.
class AdapterStore {
 public:
  /// @param layout  of the versions (aggregation/version.h), which clients fetch
  /// @param config  of the adapter that PEFT reads: with the branch that it is stacked on, if any
  /// @param frozen  the tensors that stay as they start; each version's directory holds them too, so
  ///                that it is a whole PEFT adapter
  AdapterStore(std::filesystem::path dir, LayoutPtr layout, PeftConfig config, ParameterSet frozen);
  /// Of a run that has a version 0. Throws IoError.
  static AdapterStore open(const std::filesystem::path& dir, const LayoutPtr& layout);

  struct Stored {
    std::int64_t bytes = 0;  ///< of the file that clients fetch
    std::string sha256;
  };
  /// On disk when it returns; an earlier attempt at this version is replaced.
  /// @param step  encoded, from the version before; empty: there is none
  Stored write(AdapterVersion version, const ParameterSet& adapter,
               const std::vector<const ParameterSet*>& moments, std::span<const std::byte> step = {});
  ParameterSet read(AdapterVersion version) const;  ///< throws IoError naming file and tensor
  std::vector<ParameterSet> read_moments(AdapterVersion version) const;  ///< empty when it has none
  std::vector<std::byte> file_bytes(AdapterVersion version) const;  ///< the file that clients fetch
  std::vector<std::byte> step_bytes(AdapterVersion version) const;  ///< empty when it has none
  void remove_after(AdapterVersion version);  ///< left behind by a commit that never happened
  std::filesystem::path directory(AdapterVersion version) const;
  const LayoutPtr& layout() const { return layout_; }

 private:
  std::filesystem::path travelling_file(AdapterVersion version) const;

  std::filesystem::path dir_;
  LayoutPtr layout_;
  PeftConfig config_;
  ParameterSet frozen_;
  bool is_peft_;  ///< clients fetch PEFT's own file: there is nothing frozen and nothing beside it
};

}  // namespace fennec
