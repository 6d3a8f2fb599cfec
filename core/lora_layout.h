#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base_linears.h"
#include "core/parameter_set.h"
#include "core/rng.h"

namespace fennec {

/// Those that `target_modules` names: an entry equals the path or is its tail after a dot; "all-linear"
/// takes all, "peft-default" what PEFT adapts in a model of this family unless told otherwise. Throws
/// ConfigError naming an entry that matches nothing, with what there is.
std::vector<LinearShape> select_targets(const std::vector<LinearShape>& linears,
                                        const std::vector<std::string>& target_modules);

/// Whether an entry is one of the words for several linears, which adapter_config.json spells out.
bool stands_for_several(std::string_view target);

/// PEFT's tensor names: "base_model.model." + module + ".lora_A.weight" [R, in] / ".lora_B.weight"
/// [out, R], A before B, in the order of `targets`.
LayoutPtr lora_layout(const std::vector<LinearShape>& targets, int rank);
std::string lora_a_name(const std::string& module);
std::string lora_b_name(const std::string& module);

/// Version 0 of an adapter: A ~ U(−1/√in, 1/√in) (Kaiming uniform, a = √5) from seed.child("lora_init",
/// index), B = 0. The same bytes on every machine.
ParameterSet initial_lora(const LayoutPtr& layout, Seed seed);

}  // namespace fennec
