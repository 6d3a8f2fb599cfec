#include "core/peft_method.h"

#include "core/adapter_modules.h"
#include "core/error.h"
#include "core/params.h"

namespace fennec {
namespace {

struct Entry {
  const char* name;
  const PeftMethod& (*method)();
};

#define FENNEC_ENTRY(name) {#name, name##_method},
constexpr Entry kMethods[] = {FENNEC_PEFT_METHODS(FENNEC_ENTRY)};
#undef FENNEC_ENTRY

}  // namespace

double PeftMethod::rate(std::string_view, std::size_t, double) const { return 1; }

std::vector<AdapterTensor> lora_pair(const LinearShape& linear, const PeftConfig& config) {
  const std::int64_t rank = lora_rank(config, linear.module);
  return {{adapter_tensor_name(linear.module, AdapterRole::kLoraA),
           {rank, linear.in_features},
           AdapterStart::kUniform,
           linear.module},
          {adapter_tensor_name(linear.module, AdapterRole::kLoraB),
           {linear.out_features, rank},
           AdapterStart::kZeros,
           linear.module}};
}

const std::vector<std::string>& peft_method_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Entry& entry : kMethods) out.emplace_back(entry.name);
    return out;
  }();
  return names;
}

const PeftMethod& peft_method(std::string_view name) {
  std::string known;
  for (const Entry& entry : kMethods) {
    if (name == entry.name) return entry.method();
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  const std::string close = closest_name(name, peft_method_names());
  throw ConfigError("unknown lora.method '" + std::string(name) + "'" +
                    (close.empty() ? "" : "; did you mean '" + close + "'?") + "; known: " + known);
}

}  // namespace fennec
