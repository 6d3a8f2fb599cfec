#pragma once
#include <cstdint>
#include <filesystem>

namespace fennec {

/// The sizes of a decoder that decide what memory its training takes.
struct ModelShape {
  /// What a layer's MLP keeps: SwiGLU fused with its last linear, another gate, or no gate.
  enum class Mlp { kSwiGlu, kGated, kPlain };

  std::int64_t layers = 0, width = 0, heads = 0, kv_heads = 0, head_width = 0, intermediate = 0,
               vocabulary = 0;
  bool tied_head = true;
  Mlp mlp = Mlp::kSwiGlu;
  bool parallel = false;    ///< attention and MLP read the same residual stream (GPT-NeoX)
  bool head_norms = false;  ///< RMSNorm of each head's q and k
  bool fused_norms =
      true;  ///< RMSNorm, computed again in the backward pass; LayerNorm's output is kept

  std::int64_t linear_parameters() const;  ///< of all layers, embedding and head apart
};

/// From config.json and the names of the tensors, no weight read. Throws IoError.
ModelShape read_model_shape(const std::filesystem::path& base);

}  // namespace fennec
