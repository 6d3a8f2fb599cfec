#include "simulations/pretrain_batch.h"

#include <algorithm>
#include <span>

#include <ATen/ATen.h>

#include "core/error.h"

namespace fennec {
namespace {

PretrainBatch make_batch(std::span<const PretrainDocument> documents, double context_weight,
                         TokenId pad) {
  const auto rows = static_cast<std::int64_t>(documents.size());
  const auto width = static_cast<std::int64_t>(
      std::ranges::max(documents, {}, [](const auto& d) { return d.ids.size(); }).ids.size());
  PretrainBatch batch;
  batch.ids = at::full({rows, width}, pad, at::kLong);
  batch.targets = at::zeros({rows * width}, at::kLong);
  batch.weights = at::zeros({rows * width}, at::kFloat);
  batch.answers = at::zeros({rows * width}, at::kBool);
  auto* ids = batch.ids.data_ptr<std::int64_t>();
  auto* targets = batch.targets.data_ptr<std::int64_t>();
  auto* weights = batch.weights.data_ptr<float>();
  auto* answers = batch.answers.data_ptr<bool>();
  for (const PretrainDocument& document : documents) {
    const std::size_t n = document.ids.size();
    for (std::size_t t = 0; t < n; ++t) ids[t] = document.ids[t];
    for (std::size_t t = 0; t + 1 < n; ++t) {
      targets[t] = document.ids[t + 1];
      answers[t] = document.answer[t + 1];
      weights[t] = document.answer[t + 1] ? 1.0F : static_cast<float>(context_weight);
      batch.weight_sum += static_cast<double>(weights[t]);
    }
    batch.tokens += static_cast<std::int64_t>(n);
    ids += width, targets += width, weights += width, answers += width;
  }
  return batch;
}

}  // namespace

PretrainDocument tokenize_document(const Tokenizer& tokenizer, const CorpusDocument& document,
                                   std::size_t max_tokens) {
  PretrainDocument out;
  for (const CorpusPiece& piece : document) {
    const std::vector<TokenId> ids =
        tokenizer.encode(piece.text, {.add_special = false, .match_special = false});
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.answer.insert(out.answer.end(), ids.size(), piece.answer);
    if (piece.answer && out.ids.size() <= max_tokens) out.answer_ends.push_back(out.ids.size());
  }
  if (out.ids.size() < max_tokens) {
    out.ids.push_back(tokenizer.eos().front());
    out.answer.push_back(document.back().answer);
  }
  out.ids.resize(std::min(out.ids.size(), max_tokens));
  out.answer.resize(out.ids.size());
  return out;
}

std::vector<PretrainBatch> make_batches(std::vector<PretrainDocument> documents, std::size_t parts,
                                        double context_weight, TokenId pad) {
  FENNEC_CHECK(parts > 0 && documents.size() >= parts);
  std::ranges::stable_sort(documents, {}, [](const PretrainDocument& d) { return d.ids.size(); });
  std::size_t total = 0, seen = 0, begin = 0;
  for (const PretrainDocument& d : documents) total += d.ids.size();
  std::vector<PretrainBatch> batches;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    seen += documents[i].ids.size();
    const std::size_t left = parts - batches.size();
    const bool full = seen * parts >= total * (batches.size() + 1),
               must = documents.size() - i - 1 < left;
    if ((left > 1 && !full && !must) || (left == 1 && i + 1 < documents.size())) continue;
    batches.push_back(
        make_batch(std::span(documents).subspan(begin, i + 1 - begin), context_weight, pad));
    begin = i + 1;
  }
  FENNEC_CHECK(batches.size() == parts);
  return batches;
}

}  // namespace fennec
