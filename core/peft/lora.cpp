#include "core/peft_method.h"

namespace fennec {
namespace {

/// LoRA (arXiv 2106.09685): ΔW = s·B·A, with rsLoRA's scale when asked for (arXiv 2312.03732).
class Lora final : public PeftMethod {
 public:
  std::vector<AdapterTensor> tensors(const LinearShape& linear,
                                     const PeftConfig& config) const override {
    return lora_pair(linear, config);
  }
};

}  // namespace

const PeftMethod& lora_method() {
  static const Lora method;
  return method;
}

}  // namespace fennec
