#include <span>
#include <utility>

#include <ATen/core/Tensor.h>

#include "core/parameter_math.h"
#include "lora/gradient.h"

namespace fennec {
namespace {

/// Plain SGD: w ← w − η·g, then w ← w + correction where SCAFFOLD takes a client's drift out.
class SgdSteps final : public StepRule {
 public:
  explicit SgdSteps(const StepScope& scope) : scope_(scope), rates_(tensor_rates(scope)) {}

  Result<StepLoss> step(const TrainBatch& batch, std::int64_t index) override {
    Result<StepLoss> loss = compute_gradient(scope_, batch, index);
    if (!loss || loss->positions == 0) return loss;
    if (const Result<void> clipped = clip_gradient(scope_, index); !clipped)
      return tl::unexpected<Error>(clipped.error());
    move(warmed_up(scope_.train, scope_.train.learning_rate, index));
    return loss;
  }

 private:
  void move(double rate) {
    for (std::size_t i = 0; i < scope_.attachment.tensors().size(); ++i) {
      const at::Tensor grad = scope_.attachment.tensors()[i].grad();
      if (!grad.defined()) continue;
      const ParameterEntry& entry = scope_.adapter.layout()->entries()[i];
      const std::span<const float> gradient(grad.data_ptr<float>(), entry.size);
      axpy(static_cast<float>(-rate * rates_[i]), gradient, scope_.adapter.values(entry));
      if (scope_.correction != nullptr)
        axpy(1.0F, scope_.correction->values(entry), scope_.adapter.values(entry));
    }
  }

  StepScope scope_;
  std::vector<double> rates_;
};

}  // namespace

std::unique_ptr<StepRule> make_sgd_steps(const StepScope& scope) {
  return std::make_unique<SgdSteps>(scope);
}

}  // namespace fennec
