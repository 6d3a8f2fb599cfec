#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/causal_lm.h"
#include "model/norm.h"
#include "model/rope.h"
#include "model/transformer_block.h"

namespace fennec {

/// Everything of a decoder-only transformer but its layers. Names are those of the checkpoint.
struct TransformerFrame {
  Embedding embedding;                           ///< [V, D]
  double embedding_scale = 1;                    ///< of what is looked up
  std::pair<std::string, at::Tensor> positions;  ///< [P, D] learned, or undefined
  std::optional<Rope> rope;                      ///< where positions are not learned
  Norm norm;                                     ///< after the last layer
  Projection head;                               ///< D to V; no weight: the embedding is the head
  std::int64_t kv_heads = 0, head_dim = 0, max_positions = 0;
  std::int64_t sliding_window =
      0;                    ///< tokens that layers with sliding attention see; 0: there are none
  std::string config_json;  ///< the text of a config.json that describes the model
};

using TransformerBlocks = std::vector<std::unique_ptr<TransformerBlock>>;

/// embedding → blocks → norm → head.
std::unique_ptr<CausalLm> make_transformer(TransformerFrame frame, TransformerBlocks blocks);

}  // namespace fennec
