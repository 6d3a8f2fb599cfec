#include "simulations/pretrain_step.h"

#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

namespace fennec {
namespace {

PretrainLoss loss_of(const at::Tensor& nats, const PretrainBatch& batch) {
  const auto* values = nats.data_ptr<float>();
  const auto* weights = batch.weights.data_ptr<float>();
  const auto* answers = batch.answers.data_ptr<bool>();
  PretrainLoss loss;
  for (std::int64_t i = 0; i < nats.numel(); ++i) {
    if (weights[i] == 0) continue;
    (answers[i] ? loss.answer_nats : loss.context_nats) += static_cast<double>(values[i]);
    ++(answers[i] ? loss.answer_tokens : loss.context_tokens);
  }
  return loss;
}

struct BatchGradient {
  std::vector<at::Tensor> gradients;
  PretrainLoss loss;
};

BatchGradient gradient_of(const CausalLm& model, const std::vector<at::Tensor>& parameters,
                          const PretrainBatch& batch, double weight_sum) {
  const at::Tensor nats =
      at::nll_loss(log_probabilities(model, batch), batch.targets, {}, at::Reduction::None);
  const at::Tensor loss = at::dot(nats, batch.weights) / weight_sum;
  return {torch::autograd::grad({loss}, parameters), loss_of(nats.detach(), batch)};
}

}  // namespace

void PretrainLoss::add(const PretrainLoss& other) {
  context_nats += other.context_nats;
  answer_nats += other.answer_nats;
  context_tokens += other.context_tokens;
  answer_tokens += other.answer_tokens;
}

at::Tensor log_probabilities(const CausalLm& model, const PretrainBatch& batch) {
  return at::log_softmax(model.head(model.hidden({batch.ids, {}, {}}).flatten(0, 1)), -1);
}

PretrainLoss accumulate_gradients(const CausalLm& model, const std::vector<at::Tensor>& parameters,
                                  const std::vector<PretrainBatch>& batches, int threads) {
  double weight_sum = 0;
  for (const PretrainBatch& batch : batches) weight_sum += batch.weight_sum;
  std::vector<BatchGradient> results(batches.size());
  const auto work = [&](std::size_t first) {
    for (std::size_t i = first; i < batches.size(); i += static_cast<std::size_t>(threads))
      results[i] = gradient_of(model, parameters, batches[i], weight_sum);
  };
  {
    std::vector<std::jthread> workers;
    for (int t = 1; t < threads; ++t)
      workers.emplace_back([&, t] {
        at::set_num_threads(1);
        work(static_cast<std::size_t>(t));
      });
    work(0);
  }
  PretrainLoss loss;
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    at::Tensor sum = results[0].gradients[p].contiguous().clone();
    for (std::size_t i = 1; i < results.size(); ++i) sum.add_(results[i].gradients[p]);
    parameters[p].mutable_grad() = sum;
  }
  for (const BatchGradient& result : results) loss.add(result.loss);
  return loss;
}

}  // namespace fennec
