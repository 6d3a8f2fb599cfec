#include "core/peft_method.h"

namespace fennec {
namespace {

/// FFA-LoRA (arXiv 2403.12313): the random half of each pair stays as the run's seed drew it, and only
/// the half that starts at zero is trained and travels. ΔW is then linear in what is averaged, so the
/// average of the updates is the update of the average, and half the bytes go over the wire.
class FfaLora final : public PeftMethod {
 public:
  std::vector<AdapterTensor> tensors(const LinearShape& linear,
                                     const PeftConfig& config) const override {
    return lora_pair(linear, config);
  }
  bool trains(const AdapterTensor& tensor) const override {
    return tensor.start != AdapterStart::kUniform && tensor.start != AdapterStart::kNormal;
  }
};

}  // namespace

const PeftMethod& ffa_lora_method() {
  static const FfaLora method;
  return method;
}

}  // namespace fennec
