#include "model/registry.h"

#include "core/error.h"
#include "core/model_family.h"

namespace fennec {

// One function a family, in model/<model_type>.cpp.
#define FENNEC_DECLARE_FAMILY(name, architecture, linears) \
  std::unique_ptr<CausalLm> load_##name(const HfConfig& config, WeightSource& source);
FENNEC_MODEL_FAMILIES(FENNEC_DECLARE_FAMILY)
#undef FENNEC_DECLARE_FAMILY

std::unique_ptr<CausalLm> load_family(const HfConfig& config, WeightSource& source) {
  const std::string_view family = config.family().model_type;
#define FENNEC_LOAD_FAMILY(name, architecture, linears) \
  if (family == #name) return load_##name(config, source);
  FENNEC_MODEL_FAMILIES(FENNEC_LOAD_FAMILY)
#undef FENNEC_LOAD_FAMILY
  FENNEC_CHECK(false, "a family of the list has no loader");
}

}  // namespace fennec
