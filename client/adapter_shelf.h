#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/peft_directory.h"
#include "lora/adapter_attachment.h"
#include "model/causal_lm.h"

namespace fennec {

/// Adapters over one base model, of which at most one is attached at a time. Changing it costs no
/// reloading: an adapter is beside the base weights, not in them. Not thread-safe.
class AdapterShelf {
 public:
  /// The name of the model without an adapter.
  static constexpr const char* kBase = "base";

  /// @param model  outlives the shelf
  explicit AdapterShelf(CausalLm& model) : model_(model) {}
  /// Reads a PEFT directory, "DIR" or "NAME=DIR"; DIR's own name serves where none is given. Throws
  /// IoError when it cannot be read or does not fit the model, ConfigError for a name taken.
  void add(const std::string& adapter);
  /// Throws ConfigError naming those there are.
  void use(const std::string& name);
  const std::string& current() const { return current_; }
  std::vector<std::string> names() const;  ///< as added, after kBase

 private:
  void attach(const std::string& name);

  CausalLm& model_;
  std::map<std::string, PeftAdapter> adapters_;
  std::vector<std::string> order_ = {kBase};
  std::string current_ = kBase;
  std::unique_ptr<AdapterAttachment> attachment_;  ///< goes before what it refers to
};

}  // namespace fennec
