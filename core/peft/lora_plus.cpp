#include "core/peft_method.h"

namespace fennec {
namespace {

/// LoRA+ (arXiv 2402.12354): LoRA whose B, and whatever is a vector, learns λ times as fast as A. An
/// adapter of the embedding starts with B random and A zero, so neither half is sped up there.
class LoraPlus final : public PeftMethod {
 public:
  std::vector<AdapterTensor> tensors(const LinearShape& linear,
                                     const PeftConfig& config) const override {
    return lora_pair(linear, config);
  }
  double rate(std::string_view tensor, std::size_t dimensions, double plus_ratio) const override {
    return tensor.ends_with(".lora_B.weight") || dimensions == 1 ? plus_ratio : 1;
  }
};

}  // namespace

const PeftMethod& lora_plus_method() {
  static const LoraPlus method;
  return method;
}

}  // namespace fennec
