#include "model/bpe_trainer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "model/bpe_merges.h"
#include "model/byte_level.h"
#include "model/unicode.h"

namespace fennec {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBytes = 256;

Json byte_level_json(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

/// Words as GPT-2 cuts them, but each digit on its own; the first of a number keeps the space before
/// it, which saves a token a number and tells where one begins.
constexpr const char* kWords =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

Json pre_tokenizer_json() {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", kWords}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level_json(false)})}};
}

PreTokenizer own_pre_tokenizer() {
  const nlohmann::json document = {{"pre_tokenizer", nlohmann::json(pre_tokenizer_json())}};
  return make_pre_tokenizer(JsonNode(document, "BpeTrainer").child("pre_tokenizer"));
}

/// Special tokens, then the bytes by the code point of their stand-in.
std::vector<std::string> initial_tokens(const BpeTrainerConfig& config) {
  std::vector<char32_t> characters;
  for (unsigned byte = 0; byte < kBytes; ++byte)
    characters.push_back(byte_to_char(static_cast<unsigned char>(byte)));
  std::sort(characters.begin(), characters.end());
  std::vector<std::string> tokens = config.special_tokens;
  for (const char32_t c : characters) unicode::append(tokens.emplace_back(), c);
  return tokens;
}

Json tokenizer_json(const std::vector<std::string>& tokens, const std::vector<std::string>& special,
                    Json merges) {
  Json added = Json::array(), vocab = Json::object();
  for (std::size_t i = 0; i < tokens.size(); ++i) vocab[tokens[i]] = i;
  for (std::size_t i = 0; i < special.size(); ++i)
    added.push_back({{"id", i},
                     {"content", special[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false},
                {"vocab", std::move(vocab)},
                {"merges", std::move(merges)}};
  return {{"version", "1.0"},          {"truncation", nullptr},
          {"padding", nullptr},        {"added_tokens", std::move(added)},
          {"normalizer", nullptr},     {"pre_tokenizer", pre_tokenizer_json()},
          {"post_processor", nullptr}, {"decoder", byte_level_json(true)},
          {"model", std::move(model)}};
}

Json config_json(const std::vector<std::string>& special) {
  Json out = {{"tokenizer_class", "PreTrainedTokenizerFast"},
              {"clean_up_tokenization_spaces", false},
              {"bos_token", nullptr},
              {"eos_token", nullptr},
              {"pad_token", nullptr}};
  if (!special.empty()) out["eos_token"] = special[0];
  if (special.size() > 1) out["pad_token"] = special[1];
  return out;
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainerConfig config)
    : config_(std::move(config)), pre_tokenize_(own_pre_tokenizer()) {
  const std::size_t least = kBytes + config_.special_tokens.size();
  if (config_.vocab_size < least)
    throw ConfigError("tokenizer vocab_size must be at least " + std::to_string(least) +
                      " (256 bytes and the special tokens), is " + std::to_string(config_.vocab_size));
}

void BpeTrainer::add(std::string_view text) {
  for (const Piece& word : pre_tokenize_({{unicode::replace_invalid(text), true}})) {
    const auto it = words_.find(word.text);
    if (it != words_.end())
      ++it->second;
    else
      words_.emplace(word.text, 1);
  }
}

std::size_t BpeTrainer::write(const std::filesystem::path& dir) const {
  std::vector<std::string> tokens = initial_tokens(config_);
  Vocabulary ids;
  for (std::size_t i = config_.special_tokens.size(); i < tokens.size(); ++i)
    ids.emplace(tokens[i], static_cast<TokenId>(i));
  std::vector<CountedWord> words;
  for (const auto& [word, count] : words_) {
    CountedWord& item = words.emplace_back();
    item.count = count;
    for (std::size_t at = 0; at < word.size(); at += unicode::sequence_length(word[at]))
      item.symbols.push_back(
          ids.find(std::string_view(word).substr(at, unicode::sequence_length(word[at])))->second);
  }
  Json merges = Json::array();
  learn_merges(std::move(words), config_.min_count, [&](TokenPair pair) -> std::optional<TokenId> {
    if (tokens.size() == config_.vocab_size) return std::nullopt;
    const std::string left = tokens[static_cast<std::size_t>(pair.first)];
    const std::string right = tokens[static_cast<std::size_t>(pair.second)];
    merges.push_back(left + " " + right);
    const auto [it, fresh] = ids.emplace(left + right, static_cast<TokenId>(tokens.size()));
    if (fresh) tokens.push_back(left + right);  // else: the same text, joined at another place
    return it->second;
  });
  std::filesystem::create_directories(dir);
  write_file_atomically(dir / "tokenizer.json",
                        tokenizer_json(tokens, config_.special_tokens, merges).dump(1) + "\n");
  write_file_atomically(dir / "tokenizer_config.json",
                        config_json(config_.special_tokens).dump(1) + "\n");
  return tokens.size();
}

}  // namespace fennec
