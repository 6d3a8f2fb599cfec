#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base_linears.h"
#include "core/peft_config.h"

// The only list of PEFT methods. To add one: write core/peft/<name>.cpp with its <name>_method(), name
// it here and in core/CMakeLists.txt. How its tensors act on a linear is lora/'s part (make_branch in
// lora/adapter_branch.h), unless they act as another method's do.
#define FENNEC_PEFT_METHODS(X) X(lora) X(lora_plus) X(dora) X(ia3) X(ffa_lora)

namespace fennec {

/// Where the first values of a tensor come from.
enum class AdapterStart {
  kZeros,
  kOnes,
  kUniform,   ///< U(−1/√in, 1/√in): Kaiming uniform with a = √5, as PEFT
  kNormal,    ///< N(0, 1)
  kRowNorms,  ///< L2 norm of each output's weights in the base model
  kBase       ///< the base model's own weight
};

struct AdapterTensor {
  std::string name;  ///< PEFT's
  std::vector<std::int64_t> shape;
  AdapterStart start = AdapterStart::kZeros;
  std::string module;  ///< Hugging Face path of what it is put on
};

/// A parameter-efficient fine-tuning method, as far as no tensor library is needed: what it stores, how
/// that starts, what of it is trained and at which rate. Stateless; any thread.
class PeftMethod {
 public:
  virtual ~PeftMethod() = default;
  /// Says in adapter_config.json what the method is.
  virtual void describe(PeftConfig&) const {}
  /// The tensors of one adapted linear, in layout order.
  virtual std::vector<AdapterTensor> tensors(const LinearShape& linear,
                                             const PeftConfig& config) const = 0;
  /// Which linears "all-linear" means, as endings of module paths; empty = every one.
  virtual std::vector<std::string> default_targets() const { return {}; }
  /// Whether a tensor is trained, and so travels; the others stay as they start.
  virtual bool trains(const AdapterTensor&) const { return true; }
  /// The step size of a tensor as a multiple of train.learning_rate.
  virtual double rate(std::string_view tensor, std::size_t dimensions, double plus_ratio) const;
};

/// The A [R, in] and B [out, R] of a linear.
std::vector<AdapterTensor> lora_pair(const LinearShape& linear, const PeftConfig& config);

const PeftMethod& peft_method(std::string_view name);  ///< throws ConfigError that lists the methods
const std::vector<std::string>& peft_method_names();

#define FENNEC_DECLARE(name) const PeftMethod& name##_method();
FENNEC_PEFT_METHODS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

}  // namespace fennec
