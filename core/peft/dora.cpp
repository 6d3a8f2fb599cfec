#include "core/adapter_modules.h"
#include "core/peft_method.h"

namespace fennec {
namespace {

/// DoRA (arXiv 2402.09353): W' = m ⊙ (W + s·B·A)/‖W + s·B·A‖ by rows, with m trained too. m starts as
/// ‖W‖, so the start is the base model.
class Dora final : public PeftMethod {
 public:
  void describe(PeftConfig& config) const override { config.use_dora = true; }
  std::vector<AdapterTensor> tensors(const LinearShape& linear,
                                     const PeftConfig& config) const override {
    auto tensors = lora_pair(linear, config);
    tensors.push_back({adapter_tensor_name(linear.module, AdapterRole::kMagnitude),
                       {linear.out_features},
                       AdapterStart::kRowNorms,
                       linear.module});
    return tensors;
  }
};

}  // namespace

const PeftMethod& dora_method() {
  static const Dora method;
  return method;
}

}  // namespace fennec
