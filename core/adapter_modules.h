#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/parameter_set.h"

namespace fennec {

/// What a tensor of a PEFT adapter is to its module. Shapes: R rank, V vocabulary, D width.
enum class AdapterRole {
  kLoraA,       ///< lora_A.weight [R, in]
  kLoraB,       ///< lora_B.weight [out, R]
  kMagnitude,   ///< lora_magnitude_vector [out]: DoRA
  kScale,       ///< ia3_l: [out, 1], or [1, in] when the input is scaled
  kEmbeddingA,  ///< lora_embedding_A [R, V]
  kEmbeddingB,  ///< lora_embedding_B [D, R]
  kSaved        ///< weight: a whole module trained (modules_to_save)
};
inline constexpr std::size_t kAdapterRoles = 7;

/// Ends the names of a frozen branch's A and B beside an adapter (aggregation/absorption.h): none of
/// PEFT's, and so in no file that PEFT reads.
inline constexpr std::string_view kAbsorbedSuffix = ".absorbed";

/// The name PEFT gives a tensor: "base_model.model." + module + suffix of the role.
std::string adapter_tensor_name(const std::string& module, AdapterRole role);

/// The tensors of one adapted module, as positions in a list of entries.
struct AdapterModule {
  std::string module;  ///< Hugging Face path, "model.layers.0.self_attn.q_proj"
  std::array<std::optional<std::size_t>, kAdapterRoles> tensors;
  std::optional<std::size_t> operator[](AdapterRole role) const {
    return tensors[static_cast<std::size_t>(role)];
  }
};

/// Groups the tensors of an adapter by module, in the order in which modules first appear. Throws
/// IoError, beginning with `where`, naming a tensor that is none of PEFT's, lacks its other half, or
/// does not fit it.
std::vector<AdapterModule> adapter_modules(const std::vector<ParameterEntry>& entries,
                                           const std::string& where);

/// The first layer whose computation modules of an adapter change: before it all is the base model's.
/// 0 when the token embedding is among them, `layers` when they are the output head alone.
/// @param modules  Hugging Face paths  @param embedding  that of the token embedding
std::int64_t first_adapted_layer(const std::vector<std::string>& modules, std::string_view embedding,
                                 std::int64_t layers);

}  // namespace fennec
