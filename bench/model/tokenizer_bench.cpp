// How fast text becomes token ids on one core, in megabytes a second of processor time, next to
// textbook BPE over the same words: look at all pairs, join the first of the best rank, start over; no
// cache. Text: this repository's documents and sources. Vocabulary: GPT-2's (FENNEC_SHARED), else one
// of 4,096 tokens trained on the same text.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "model/bpe_trainer.h"
#include "model/pre_tokenizer.h"
#include "model/tokenizer.h"
#include "model/unicode.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

std::string text_of(std::initializer_list<const char*> extensions, std::size_t most) {
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(FENNEC_SOURCE); it != fs::end(it); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name.starts_with("build") || name.starts_with(".")))
      it.disable_recursion_pending();
    for (const char* extension : extensions)
      if (it->is_regular_file() && name.ends_with(extension)) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const fs::path& file : files) text += read_text_file(file);
  return text.substr(0, most);
}

const std::string& prose() {
  static const std::string text = text_of({".md", "LICENSE"}, 1 << 20);
  return text;
}
const std::string& sources() {
  static const std::string text = text_of({".cpp", ".h"}, 1 << 20);
  return text;
}

const fs::path& vocabulary_dir() {
  static const fs::path dir = [] {
    const fs::path gpt2 = fs::path(FENNEC_SHARED) / "tokenizers/gpt2";
    if (fs::exists(gpt2)) return gpt2;
    const fs::path trained = fs::temp_directory_path() / ("fennec-bench-" + std::to_string(::getpid()));
    BpeTrainer trainer({.vocab_size = 4096});
    trainer.add(sources() + prose());
    trainer.write(trained);
    return trained;
  }();
  return dir;
}

/// Of processor time: others may use this machine.
template <class Work>
double seconds_of(Work work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// Byte-pair encoding as a textbook has it.
class TextbookBpe {
 public:
  TextbookBpe()
      : document_(nlohmann::json::parse(read_text_file(vocabulary_dir() / "tokenizer.json"))) {
    for (const auto& merge : document_["model"]["merges"])
      ranks_.emplace(merge.is_string()
                         ? merge.get<std::string>()
                         : merge[0].get<std::string>() + " " + merge[1].get<std::string>(),
                     ranks_.size());
    for (const auto& [token, id] : document_["model"]["vocab"].items()) ids_[token] = id.get<TokenId>();
    pre_tokenize_ = make_pre_tokenizer(JsonNode(document_, "tokenizer.json").optional("pre_tokenizer"));
  }

  std::vector<TokenId> encode(const std::string& text) const {
    std::vector<TokenId> out;
    for (const Piece& word : pre_tokenize_({{text, true}}))
      for (const std::string& token : join(symbols(word.text))) out.push_back(ids_.at(token));
    return out;
  }

 private:
  static std::vector<std::string> symbols(const std::string& word) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < word.size(); at += out.back().size())
      out.push_back(word.substr(at, unicode::sequence_length(word[at])));
    return out;
  }

  std::vector<std::string> join(std::vector<std::string> parts) const {
    while (true) {
      std::size_t best = ranks_.size(), at = 0;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto rank = ranks_.find(parts[i] + " " + parts[i + 1]);
        if (rank != ranks_.end() && rank->second < best) best = rank->second, at = i;
      }
      if (best == ranks_.size()) return parts;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
  }

  nlohmann::json document_;
  std::unordered_map<std::string, std::size_t> ranks_;
  std::unordered_map<std::string, TokenId> ids_;
  PreTokenizer pre_tokenize_;
};

constexpr EncodeOptions kPlain{.add_special = false};

/// `first_MB_s` is the very first time, with no word in the cache.
void encode(benchmark::State& state, const std::string& text) {
  const Tokenizer tokenizer = Tokenizer::load(vocabulary_dir());
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  state.counters["first_MB_s"] =
      megabytes / seconds_of([&] { benchmark::DoNotOptimize(tokenizer.encode(text, kPlain)); });
  const TextbookBpe textbook;
  const std::string some = text.substr(0, 1 << 16);
  double fast = 0, slow = 0;
  for (auto _ : state) {
    fast += seconds_of([&] { benchmark::DoNotOptimize(tokenizer.encode(text, kPlain)); });
    slow += seconds_of([&] { benchmark::DoNotOptimize(textbook.encode(some)); });
  }
  FENNEC_CHECK(tokenizer.encode(some, kPlain) == textbook.encode(some));
  const auto runs = static_cast<double>(state.iterations());
  state.counters["MB_s"] = runs * megabytes / fast;
  state.counters["x_textbook"] =
      (slow / static_cast<double>(some.size())) / (fast / static_cast<double>(text.size()));
}
BENCHMARK_CAPTURE(encode, prose, prose())->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, sources, sources())->Unit(benchmark::kMillisecond);

/// One word of a megabyte against sixteen of a sixteenth: 1 would be linear, 16 quadratic.
void one_long_word(benchmark::State& state) {
  const Tokenizer tokenizer = Tokenizer::load(vocabulary_dir());
  RandomStream random(Seed(1).child("word"));
  std::string word(1 << 20, ' ');
  for (char& c : word) c = static_cast<char>('a' + random.below(26));
  const std::string part = word.substr(0, word.size() / 16);
  double whole = 0, parts = 0;
  for (auto _ : state) {
    whole += seconds_of([&] { benchmark::DoNotOptimize(tokenizer.encode(word, kPlain)); });
    for (int i = 0; i < 16; ++i)
      parts += seconds_of([&] { benchmark::DoNotOptimize(tokenizer.encode(part, kPlain)); });
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["MB_s"] = runs * static_cast<double>(word.size()) / 1e6 / whole;
  state.counters["x_sixteenths"] = whole / parts;
}
BENCHMARK(one_long_word)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fennec

BENCHMARK_MAIN();
