#include "lora/evaluation.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>

#include <ATen/core/grad_mode.h>

#include "lora/branch_scorer.h"
#include "lora/label_candidates.h"
#include "lora/trainer.h"
#include "model/causal_lm.h"

namespace fennec {
namespace {

/// An example ready to be scored.
struct Item {
  const Example* example = nullptr;
  const std::vector<LabelSlot>* slots = nullptr;  // label tasks
  TokenIds prompt, gold;                          // gold: the completion and end of text
  std::vector<TokenIds> candidates;               // of the first slot

  std::size_t stages() const { return slots != nullptr ? slots->size() : 0; }
  std::size_t width() const {
    std::size_t all = prompt.size() + gold.size();
    for (const auto& ids : candidates) all += ids.size();
    return all;
  }
};

Item make_item(const Tokenizer& tokenizer, const Example& example, const LabelSlots& slots,
               std::size_t max_tokens) {
  const TokenizedExample tokenized = tokenize_example(tokenizer, example, max_tokens);
  const auto split = tokenized.ids.begin() + static_cast<std::ptrdiff_t>(tokenized.prompt_tokens);
  Item item{&example, nullptr, {tokenized.ids.begin(), split}, {split, tokenized.ids.end()}, {}};
  if (example.kind != TaskKind::kLabel) return item;
  item.slots = &slots.of(example);
  item.candidates = AnswerInProgress(tokenizer, example.prompt, *item.slots).candidates();
  return item;
}

/// Evaluates items of one kind and number of slots together.
class BatchEvaluation {
 public:
  BatchEvaluation(const CausalLm& model, const Tokenizer& tokenizer, const EvaluateOptions& options,
                  EvaluationTally& tally)
      : model_(model), tokenizer_(tokenizer), options_(options), tally_(tally) {}

  void run(const std::vector<Item>& items) {
    std::vector<TokenIds> prompts;
    std::vector<std::vector<TokenIds>>
        branches;  // the gold completion, then the first slot's candidates
    for (const Item& item : items) {
      prompts.push_back(item.prompt);
      branches.push_back({item.gold});
      branches.back().insert(branches.back().end(), item.candidates.begin(), item.candidates.end());
    }
    const TaskKind kind = items.front().example->kind;
    BranchScorer scorer(model_, std::move(prompts),
                        kind == TaskKind::kForecast || items.front().stages() > 1);
    auto scores = scorer.score(branches);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::size_t unscored = items[i].prompt.empty() && !items[i].gold.empty() ? 1 : 0;
      tally_.add_loss(items[i].example->task, -scores[i][0],
                      static_cast<double>(items[i].gold.size() - unscored));
      scores[i].erase(scores[i].begin());
    }
    if (kind == TaskKind::kLabel) choose_labels(items, scorer, scores);
    if (kind == TaskKind::kForecast) forecast(items, scorer);
  }

 private:
  /// @param scores  of the first slot's candidates, by item
  void choose_labels(const std::vector<Item>& items, BranchScorer& scorer,
                     std::vector<std::vector<double>> scores) {
    const std::size_t stages = items.front().stages();
    std::vector<AnswerInProgress> answers;
    std::vector<std::vector<TokenIds>> candidates;
    for (const Item& item : items) {
      answers.emplace_back(tokenizer_, item.example->prompt, *item.slots);
      candidates.push_back(item.candidates);
    }
    for (std::size_t stage = 0; stage < stages; ++stage) {
      if (stage > 0) scores = scorer.score(candidates);
      std::vector<std::int64_t> chosen;
      for (std::size_t i = 0; i < items.size(); ++i) {
        const auto best = std::max_element(scores[i].begin(), scores[i].end()) - scores[i].begin();
        record(items[i], stage, static_cast<std::size_t>(best));
        answers[i].choose(static_cast<std::size_t>(best),
                          candidates[i][static_cast<std::size_t>(best)]);
        chosen.push_back(best +
                         (stage == 0 ? 1 : 0));  // the gold completion is the first pass's branch 0
        if (stage + 1 < stages) candidates[i] = answers[i].candidates();
      }
      if (stage + 1 < stages) scorer.commit(chosen);
    }
  }

  void record(const Item& item, std::size_t stage, std::size_t best) {
    const LabelSlot& slot = (*item.slots)[stage];
    const auto gold = gold_labels(item.example->completion, *item.slots);
    tally_.add_label(item.example->task, slot.name, gold[stage], slot.labels[best]);
  }

  void forecast(const std::vector<Item>& items, BranchScorer& scorer) {
    std::vector<TokenIds> answers(items.size());
    scorer.commit(std::vector<std::int64_t>(items.size(), -1));
    scorer.generate(static_cast<std::int64_t>(options_.forecast_tokens),
                    [&](std::size_t row, TokenId token) {
                      const auto& eos = tokenizer_.eos();
                      if (std::find(eos.begin(), eos.end(), token) != eos.end()) return false;
                      answers[row].push_back(token);
                      return tokenizer_.decode(answers[row]).find('\n') == std::string::npos;
                    });
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto gold = parse_number(items[i].example->completion);
      const std::string text = tokenizer_.decode(answers[i]);
      if (gold)
        tally_.add_forecast(items[i].example->task, *gold,
                            parse_number(text.substr(0, text.find('\n'))));
    }
  }

  const CausalLm& model_;
  const Tokenizer& tokenizer_;
  const EvaluateOptions& options_;
  EvaluationTally& tally_;
};

/// Items that can share a forward pass lie next to each other, by length.
void sort_for_batches(std::vector<Item>& items) {
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return std::tuple(a.example->kind, a.stages(), a.width()) <
           std::tuple(b.example->kind, b.stages(), b.width());
  });
}

}  // namespace

EvaluationTally evaluate(const CausalLm& model, const Tokenizer& tokenizer,
                         const std::vector<Example>& examples, const EvaluateOptions& options) {
  const at::NoGradGuard no_grad;
  const LabelSlots slots(examples);
  std::vector<Item> items;
  for (const Example& example : examples)
    items.push_back(make_item(tokenizer, example, slots, options.max_tokens));
  sort_for_batches(items);
  EvaluationTally tally;
  BatchEvaluation evaluation(model, tokenizer, options, tally);
  for (std::size_t begin = 0; begin < items.size() && !options.stop.stop_requested();) {
    const auto group = [&](const Item& item) { return std::pair(item.example->kind, item.stages()); };
    std::size_t end = begin + 1;
    while (end < items.size() && group(items[end]) == group(items[begin]) &&
           (end - begin + 1) * items[end].width() <= options.batch_tokens)
      ++end;
    evaluation.run({items.begin() + static_cast<std::ptrdiff_t>(begin),
                    items.begin() + static_cast<std::ptrdiff_t>(end)});
    begin = end;
    if (options.on_progress) options.on_progress(begin, items.size());
  }
  return tally;
}

}  // namespace fennec
