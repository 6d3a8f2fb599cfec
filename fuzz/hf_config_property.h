#pragma once
#include <ATen/core/ivalue.h>  // first: ATen.h alone does not compile with Clang 14 in C++20
//
#include <ATen/ATen.h>

#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "model/checkpoint.h"
#include "model/registry.h"

namespace fennec::fuzz {

/// A config.json either describes a model or is refused with an IoError. The checkpoint beside it has
/// no tensors, so the first of a model that is described is missing: an IoError as well.
/// @param empty_checkpoint  a directory with such a model.safetensors
inline void check_hf_config(std::string_view text, const std::filesystem::path& empty_checkpoint) {
  try {
    const auto config = HfConfig::parse(text, "fuzz");
    const RopeConfig rope = config.rope({});
    FENNEC_CHECK(context_length(rope) >= 1);
    const RopeTable table = Rope(rope, 8).table(at::arange(4, at::kLong));
    FENNEC_CHECK(table.cos.numel() == 16 && table.sin.numel() == 16);
    Checkpoint checkpoint = Checkpoint::open(empty_checkpoint);
    load_family(config, checkpoint);
    FENNEC_CHECK(false, "a model without tensors");
  } catch (const IoError&) {  // what a bad file must become, and nothing else
  }
}

}  // namespace fennec::fuzz
