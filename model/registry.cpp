#include "model/registry.h"

#include "core/error.h"
#include "model/llama.h"

/// The only list of model families: X(model_type) calls load_<model_type>().
#define FENNEC_MODEL_FAMILIES(X) X(llama)

namespace fennec {

std::vector<std::string> model_families() {
#define FENNEC_FAMILY_NAME(name) #name,
  return {FENNEC_MODEL_FAMILIES(FENNEC_FAMILY_NAME)};
#undef FENNEC_FAMILY_NAME
}

void require_known_family(const HfConfig& config) {
  std::string known;
  for (const auto& name : model_families()) {
    if (config.family() == name) return;
    known += (known.empty() ? "" : ", ") + name;
  }
  config.refuse("model_type", "names the family '" + config.family() + "'; supported: " + known);
}

std::unique_ptr<CausalLm> load_family(const HfConfig& config, Checkpoint& checkpoint) {
  require_known_family(config);
  const std::string family = config.family();
#define FENNEC_LOAD_FAMILY(name) \
  if (family == #name) return load_##name(config, checkpoint);
  FENNEC_MODEL_FAMILIES(FENNEC_LOAD_FAMILY)
#undef FENNEC_LOAD_FAMILY
  return nullptr;
}

}  // namespace fennec
