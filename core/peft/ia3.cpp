#include <algorithm>
#include <array>
#include <iterator>

#include "core/adapter_modules.h"
#include "core/peft_method.h"

namespace fennec {
namespace {

constexpr std::array<const char*, 3> kFeedforward{"down_proj", "mlp.c_proj", "dense_4h_to_h"};

bool is_feedforward(std::string_view module) {
  return std::ranges::any_of(kFeedforward,
                             [&](const char* name) { return ends_with_module(module, name); });
}

/// (IA)³ (arXiv 2205.05638): one trained factor a feature of the keys, the values and the input of the
/// last feed-forward linear. All start at 1.
class Ia3 final : public PeftMethod {
 public:
  void describe(PeftConfig& config) const override {
    config.type = PeftType::kIa3;
    config.feedforward_modules.clear();  // PEFT wants a subset of target_modules, spelt the same
    std::ranges::copy_if(config.target_modules, std::back_inserter(config.feedforward_modules),
                         is_feedforward);
  }
  std::vector<AdapterTensor> tensors(const LinearShape& linear,
                                     const PeftConfig& config) const override {
    const bool scales_input = std::ranges::any_of(
        config.feedforward_modules,
        [&](const std::string& name) { return ends_with_module(linear.module, name); });
    const std::vector<std::int64_t> shape = scales_input
                                                ? std::vector<std::int64_t>{1, linear.in_features}
                                                : std::vector<std::int64_t>{linear.out_features, 1};
    return {{adapter_tensor_name(linear.module, AdapterRole::kScale), shape, AdapterStart::kOnes,
             linear.module}};
  }
  std::vector<std::string> default_targets() const override {
    return {"k_proj",        "v_proj",        "c_attn",       "query_key_value",
            kFeedforward[0], kFeedforward[1], kFeedforward[2]};
  }
};

}  // namespace

const PeftMethod& ia3_method() {
  static const Ia3 method;
  return method;
}

}  // namespace fennec
