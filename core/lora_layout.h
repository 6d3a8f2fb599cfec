#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/parameter_set.h"
#include "core/rng.h"

namespace fennec {

/// A linear layer of the base model by its Hugging Face module path, e.g.
/// "model.layers.0.self_attn.q_proj".
struct LinearShape {
  std::string module;
  std::int64_t in_features = 0, out_features = 0;
};

/// The linears of a checkpoint, in module order, from its safetensors headers and config.json alone: no
/// tensor data, no LibTorch, so the coordinator can lay out an adapter too. The output head is left
/// out, as PEFT's "all-linear" does. Throws IoError.
std::vector<LinearShape> linears_of_checkpoint(const std::filesystem::path& base_dir);

/// Those that `target_modules` names: an entry equals the path or is its tail after a dot; "all-linear"
/// takes all. Throws ConfigError naming an entry that matches nothing, with what there is.
std::vector<LinearShape> select_targets(const std::vector<LinearShape>& linears,
                                        const std::vector<std::string>& target_modules);

/// PEFT's tensor names: "base_model.model." + module + ".lora_A.weight" [R, in] / ".lora_B.weight"
/// [out, R], A before B, in the order of `targets`.
LayoutPtr lora_layout(const std::vector<LinearShape>& targets, int rank);
std::string lora_a_name(const std::string& module);
std::string lora_b_name(const std::string& module);

/// Version 0 of an adapter: A ~ U(−1/√in, 1/√in) (Kaiming uniform, a = √5) from seed.child("lora_init",
/// index), B = 0. The same bytes on every machine.
ParameterSet initial_lora(const LayoutPtr& layout, Seed seed);

}  // namespace fennec
