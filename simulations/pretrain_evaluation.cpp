#include "simulations/pretrain_evaluation.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace fennec {
namespace {

constexpr std::size_t kRows = 16;

/// Adds one row of a scored batch: nats [T] and whether each next token was the most likely one.
void score_row(const PretrainDocument& document, const float* nats, const bool* hit,
               FamilyScore& score) {
  const std::size_t n = document.ids.size();
  for (std::size_t t = 0; t + 1 < n; ++t) {
    const bool answer = document.answer[t + 1];
    (answer ? score.loss.answer_nats : score.loss.context_nats) += static_cast<double>(nats[t]);
    ++(answer ? score.loss.answer_tokens : score.loss.context_tokens);
  }
  for (const std::size_t end : document.answer_ends) {
    std::size_t begin = end;
    while (begin > 1 && document.answer[begin - 1]) --begin;
    score.exact += std::all_of(hit + begin - 1, hit + end - 1, [](bool h) { return h; });
    ++score.answers;
  }
}

}  // namespace

HeldOut make_held_out(const Tokenizer& tokenizer, const PretrainConfig& config) {
  const SensorCorpus corpus(Seed(config.seed).child("held-out corpus"));
  HeldOut out;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(config.held_out_documents); ++i) {
    out.families.emplace_back(corpus.family(i));
    out.documents.push_back(tokenize_document(tokenizer, corpus.document(i),
                                              static_cast<std::size_t>(config.max_document_tokens)));
  }
  return out;
}

HeldOutScore evaluate_held_out(const CausalLm& model, const HeldOut& held_out, TokenId pad) {
  const at::NoGradGuard no_grad;
  std::vector<std::size_t> order(held_out.documents.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return held_out.documents[i].ids.size(); });
  HeldOutScore score;
  for (std::size_t first = 0; first < order.size(); first += kRows) {
    const std::size_t rows = std::min(kRows, order.size() - first);
    std::vector<PretrainDocument> documents;
    for (std::size_t r = 0; r < rows; ++r) documents.push_back(held_out.documents[order[first + r]]);
    const PretrainBatch batch = std::move(make_batches(documents, 1, 1.0, pad).front());
    const at::Tensor log_probs = log_probabilities(model, batch);
    const at::Tensor nats = at::nll_loss(log_probs, batch.targets, {}, at::Reduction::None);
    const at::Tensor hits = log_probs.argmax(-1).eq(batch.targets).contiguous();
    const auto width = static_cast<std::size_t>(batch.ids.size(1));
    for (std::size_t r = 0; r < rows; ++r)
      score_row(documents[r], nats.data_ptr<float>() + r * width, hits.data_ptr<bool>() + r * width,
                score.by_family[held_out.families[order[first + r]]]);
  }
  for (const auto& [name, family] : score.by_family) {
    score.loss.add(family.loss);
    score.answers += family.answers;
    score.exact += family.exact;
  }
  return score;
}

}  // namespace fennec
