#include "model/bpe.h"

#include <array>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <queue>
#include <shared_mutex>

#include "model/unicode.h"

namespace fennec {
namespace {

std::uint64_t pair_key(TokenId left, TokenId right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
         static_cast<std::uint32_t>(right);
}

/// A pair that could be joined; stale once either side has changed.
struct PossibleMerge {
  std::uint32_t rank;
  std::size_t position;
  TokenId left, right, joined;
  bool operator>(const PossibleMerge& o) const {
    return rank != o.rank ? rank > o.rank : position > o.position;
  }
};

Vocabulary read_vocabulary(const JsonNode& node) {
  Vocabulary out;
  const JsonNode vocab = node.child("vocab");
  if (!vocab.value().is_object()) vocab.refuse("must be an object of token: id");
  out.reserve(vocab.value().size());
  for (const auto& [token, id] : vocab.value().items()) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<TokenId>::max())
      vocab.refuse("the id of '" + token + "' is not a token id");
    out.emplace(token, id.get<TokenId>());
  }
  return out;
}

void refuse_affix(const JsonNode& node, const char* key) {
  if (!node.text(key, "").empty()) node.refuse(std::string(key) + " is not supported");
}

}  // namespace

/// Words seen before. Bounded; what it holds never changes a result.
class Bpe::WordCache {
 public:
  bool find(std::string_view word, std::vector<TokenId>& out) const {
    const std::shared_lock lock(mutex_);
    const auto it = words_.find(word);
    if (it == words_.end()) return false;
    out.insert(out.end(), it->second.begin(), it->second.end());
    return true;
  }
  void insert(std::string_view word, const std::vector<TokenId>& ids) {
    const std::unique_lock lock(mutex_);
    if (words_.size() < kMaxWords) words_.emplace(word, ids);
  }
  static bool takes(std::string_view word) { return word.size() <= kMaxWordBytes; }

 private:
  static constexpr std::size_t kMaxWords = 16384, kMaxWordBytes = 64;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::vector<TokenId>, StringHash, std::equal_to<>> words_;
};

Bpe::Bpe(Bpe&&) noexcept = default;
Bpe::~Bpe() = default;

Bpe::Bpe(const JsonNode& node, const std::unordered_set<TokenId>& reserved)
    : reserved_(reserved), cache_(std::make_unique<WordCache>()) {
  if (const std::string type = node.text("type", "BPE"); type != "BPE")
    node.refuse("model type '" + type + "' is not supported; known: BPE");
  refuse_affix(node, "continuing_subword_prefix");
  refuse_affix(node, "end_of_word_suffix");
  vocabulary_ = read_vocabulary(node);
  for (char32_t c = 0; c < low_characters_.size(); ++c) {
    std::string character;
    unicode::append(character, c);
    const auto it = vocabulary_.find(character);
    low_characters_[c] = it == vocabulary_.end() ? -1 : it->second;
  }
  read_merges(node);
  fuse_unknown_ = node.flag("fuse_unk", false);
  whole_words_first_ = node.flag("ignore_merges", false);
  if (node.has("unk_token")) {
    const auto it = vocabulary_.find(node.text("unk_token"));
    if (it == vocabulary_.end())
      node.refuse("unk_token '" + node.text("unk_token") + "' is not in the vocabulary");
    unknown_ = it->second;
  }
  if (!node.flag("byte_fallback", false)) return;
  for (unsigned byte = 0; byte < 256; ++byte) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    const auto it = vocabulary_.find(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
    byte_tokens_.push_back(it == vocabulary_.end() ? -1 : it->second);
  }
}

void Bpe::read_merges(const JsonNode& node) {
  std::uint32_t rank = 0;
  for (const nlohmann::json& item : node.child("merges").value()) {
    std::string left, right;
    if (item.is_string()) {
      const auto& text = item.get_ref<const std::string&>();
      const std::size_t space = text.find(' ');
      if (space != std::string::npos) left = text.substr(0, space), right = text.substr(space + 1);
    } else if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      left = item[0].get<std::string>(), right = item[1].get<std::string>();
    }
    const auto l = vocabulary_.find(left), r = vocabulary_.find(right),
               joined = vocabulary_.find(left + right);
    if (left.empty() || right.empty() || l == vocabulary_.end() || r == vocabulary_.end() ||
        joined == vocabulary_.end())
      node.refuse("merges[" + std::to_string(rank) + "] " + item.dump() +
                  " does not join two tokens to a third");
    merges_.insert_or_assign(pair_key(l->second, r->second), Merge{rank, joined->second});
    ++rank;
  }
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& out) const {
  if (whole_words_first_) {
    const auto whole = vocabulary_.find(word);
    if (whole != vocabulary_.end() && !reserved_.contains(whole->second))
      return out.push_back(whole->second);
  }
  if (WordCache::takes(word) && cache_->find(word, out)) return;
  std::vector<TokenId> ids = symbols(word);
  merge(ids);
  if (WordCache::takes(word)) cache_->insert(word, ids);
  out.insert(out.end(), ids.begin(), ids.end());
}

TokenId Bpe::id_of_character(std::string_view character) const {
  const char32_t c = unicode::decode_at(character, 0).code_point;
  if (c < low_characters_.size()) return low_characters_[c];
  const auto it = vocabulary_.find(character);
  return it == vocabulary_.end() ? -1 : it->second;
}

std::vector<TokenId> Bpe::symbols(std::string_view word) const {
  std::vector<TokenId> out;
  bool previous_unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, unicode::sequence_length(word[at]));
    at += character.size();
    if (const TokenId id = id_of_character(character); id >= 0) {
      out.push_back(id);
    } else if (!fall_back_to_bytes(character, out)) {
      if (unknown_ >= 0 && !(fuse_unknown_ && previous_unknown)) out.push_back(unknown_);
      previous_unknown = true;
      continue;
    }
    previous_unknown = false;
  }
  return out;
}

bool Bpe::fall_back_to_bytes(std::string_view character, std::vector<TokenId>& out) const {
  if (byte_tokens_.empty()) return false;
  for (const char byte : character)
    if (byte_tokens_[static_cast<unsigned char>(byte)] < 0) return false;
  for (const char byte : character) out.push_back(byte_tokens_[static_cast<unsigned char>(byte)]);
  return true;
}

const Bpe::Merge* Bpe::merge_of(TokenId left, TokenId right) const {
  const auto it = merges_.find(pair_key(left, right));
  return it == merges_.end() ? nullptr : &it->second;
}

/// Looks at every pair for each merge: for the few symbols of most words this is less work than a heap.
void Bpe::merge_few(std::vector<TokenId>& ids) const {
  std::array<const Merge*, kFewSymbols> joins{};  // of each symbol with the next
  std::size_t n = ids.size();
  for (std::size_t i = 0; i + 1 < n; ++i) joins[i] = merge_of(ids[i], ids[i + 1]);
  while (n > 1) {
    std::size_t best = n;
    for (std::size_t i = 0; i + 1 < n; ++i)
      if (joins[i] && (best == n || joins[i]->rank < joins[best]->rank)) best = i;
    if (best == n) break;
    ids[best] = joins[best]->id;
    --n;
    for (std::size_t i = best + 1; i < n; ++i) ids[i] = ids[i + 1], joins[i] = joins[i + 1];
    if (best > 0) joins[best - 1] = merge_of(ids[best - 1], ids[best]);
    joins[best] = best + 1 < n ? merge_of(ids[best], ids[best + 1]) : nullptr;
  }
  ids.resize(n);
}

/// Linked list of live symbols and a heap of candidates; stale candidates are passed over when they
/// surface.
void Bpe::merge(std::vector<TokenId>& ids) const {
  if (ids.size() <= kFewSymbols) return merge_few(ids);
  const std::size_t n = ids.size(), none = n;
  std::vector<std::size_t> next(n), previous(n);
  std::priority_queue<PossibleMerge, std::vector<PossibleMerge>, std::greater<>> queue;
  const auto propose = [&](std::size_t i) {
    if (i == none || next[i] == none) return;
    const TokenId left = ids[i], right = ids[next[i]];
    if (const Merge* m = merge_of(left, right)) queue.push({m->rank, i, left, right, m->id});
  };
  for (std::size_t i = 0; i < n; ++i) next[i] = i + 1, previous[i] = i == 0 ? none : i - 1;
  for (std::size_t i = 0; i < n; ++i) propose(i);
  while (!queue.empty()) {
    const PossibleMerge c = queue.top();
    queue.pop();
    const std::size_t i = c.position;
    if (ids[i] != c.left || next[i] == none || ids[next[i]] != c.right) continue;
    const std::size_t gone = next[i];
    ids[i] = c.joined;
    ids[gone] = -1;
    next[i] = next[gone];
    if (next[i] != none) previous[next[i]] = i;
    propose(previous[i]);
    propose(i);
  }
  std::size_t kept = 0;
  for (const TokenId id : ids)
    if (id >= 0) ids[kept++] = id;
  ids.resize(kept);
}

}  // namespace fennec
