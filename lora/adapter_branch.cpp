#include "lora/adapter_branch.h"

#include "lora/dora_branch.h"
#include "lora/ia3_branch.h"
#include "lora/lora_branch.h"

namespace fennec {

std::shared_ptr<const AdapterBranch> make_branch(const Projection& base, const BranchTensors& tensors,
                                                 double scale) {
  if (tensors.scale.defined()) return std::make_shared<Ia3Branch>(tensors.scale);
  if (tensors.magnitude.defined())
    return std::make_shared<DoraBranch>(base, tensors.a, tensors.b, tensors.magnitude, scale);
  return std::make_shared<LoraBranch>(tensors.a, tensors.b, scale);
}

}  // namespace fennec
