#pragma once
#include <filesystem>
#include <vector>

#include "core/parameter_set.h"
#include "core/peft_config.h"
#include "core/peft_method.h"
#include "core/rng.h"

namespace fennec {

/// What the adapter of a run is on its base model, worked out without LibTorch, so that coordinator and
/// devices agree without sending it.
struct AdapterPlan {
  std::filesystem::path base;
  PeftConfig config;                   ///< its adapter_config.json
  std::vector<AdapterTensor> tensors;  ///< every tensor that PEFT would store
  LayoutPtr layout;                    ///< those that are trained: what travels and is aggregated
  LayoutPtr frozen;                    ///< the others; empty but for methods that freeze a half
  /// The first layer that it changes (first_adapted_layer): what comes before it is the base model's.
  std::int64_t first_layer = 0;
};

/// @param wanted  target_modules as lora.target_modules: "all-linear", paths or their endings; the
///                token embedding and the output head may be named too.
/// Throws IoError about the checkpoint and ConfigError naming a key of `lora` that does not fit it.
AdapterPlan plan_adapter(const std::filesystem::path& base, PeftConfig wanted,
                         const PeftMethod& method);

/// Version 0 of the trained tensors: the same bytes on every machine, from the run's seed and, where
/// the method starts from the base model (DoRA's magnitudes, saved modules), from its stored weights.
ParameterSet initial_adapter(const AdapterPlan& plan, Seed seed);

/// The frozen part of an adapter all of whose tensors are trained.
inline const ParameterSet kNothingFrozen{};

/// The tensors that stay as they start, from the same seed.
ParameterSet frozen_adapter(const AdapterPlan& plan, Seed seed);

/// Trained and frozen tensors together, as PEFT stores them.
ParameterSet complete_adapter(const ParameterSet& trained, const ParameterSet& frozen);
/// The tensors of a complete adapter that `trained` lacks.
ParameterSet frozen_part(const ParameterSet& complete, const ParameterLayout& trained);

}  // namespace fennec
