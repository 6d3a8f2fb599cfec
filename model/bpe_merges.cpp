#include "model/bpe_merges.h"

#include <map>
#include <queue>
#include <set>

namespace fennec {
namespace {

struct PairUse {
  std::uint64_t count = 0;
  std::set<std::size_t> words;  ///< every word that holds the pair, and perhaps some that no longer do
};

struct Ranked {
  std::uint64_t count;
  TokenPair pair;
  bool operator<(const Ranked& o) const { return count != o.count ? count < o.count : pair > o.pair; }
};

class MergeLearner {
 public:
  explicit MergeLearner(std::vector<CountedWord> words) : words_(std::move(words)) {
    for (std::size_t w = 0; w < words_.size(); ++w) count_pairs(w, true);
    for (const auto& [pair, use] : uses_) queue_.push({use.count, pair});
  }

  /// The most frequent pair, or a count of 0.
  Ranked best() {
    while (!queue_.empty()) {
      const Ranked top = queue_.top();
      const auto use = uses_.find(top.pair);
      if (use != uses_.end() && use->second.count == top.count) return top;
      queue_.pop();  // stale: pushed again when its count changed
    }
    return {0, {}};
  }

  void join(const TokenPair& pair, TokenId id) {
    const std::set<std::size_t> holders = std::move(uses_[pair].words);
    std::set<TokenPair> changed;
    changed_ = &changed;
    for (const std::size_t w : holders) {
      count_pairs(w, false);
      replace(words_[w].symbols, pair, id);
      count_pairs(w, true);
    }
    changed_ = nullptr;
    uses_.erase(pair);
    for (const TokenPair& p : changed)
      if (const auto use = uses_.find(p); use != uses_.end()) {
        if (use->second.count == 0)
          uses_.erase(use);
        else
          queue_.push({use->second.count, p});
      }
  }

 private:
  void count_pairs(std::size_t w, bool add) {
    const CountedWord& word = words_[w];
    for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      const TokenPair pair{word.symbols[i], word.symbols[i + 1]};
      PairUse& use = uses_[pair];
      if (add) {
        use.count += word.count;
        use.words.insert(w);
      } else {
        use.count -= word.count;
      }
      if (changed_) changed_->insert(pair);
    }
  }

  static void replace(std::vector<TokenId>& symbols, const TokenPair& pair, TokenId id) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < symbols.size(); ++kept) {
      const bool hit =
          i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second;
      symbols[kept] = hit ? id : symbols[i];
      i += hit ? 2 : 1;
    }
    symbols.resize(kept);
  }

  std::vector<CountedWord> words_;
  std::map<TokenPair, PairUse> uses_;
  std::priority_queue<Ranked> queue_;
  std::set<TokenPair>* changed_ = nullptr;
};

}  // namespace

void learn_merges(std::vector<CountedWord> words, std::uint64_t min_count,
                  const std::function<std::optional<TokenId>(TokenPair)>& join) {
  MergeLearner learner(std::move(words));
  while (true) {
    const Ranked top = learner.best();
    if (top.count == 0 || top.count < min_count) return;
    const std::optional<TokenId> id = join(top.pair);
    if (!id) return;
    learner.join(top.pair, *id);
  }
}

}  // namespace fennec
