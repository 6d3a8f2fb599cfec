#include "client/text_generator.h"

#include <utility>

#include "core/clock.h"
#include "model/stop_strings.h"
#include "model/text_stream.h"

namespace fennec {
namespace {

/// The text that answer tokens add to a prompt. A token's text may depend on those before it (a leading
/// space is dropped at the start of a text only), so the stream reads the prompt first.
class AnswerText {
 public:
  AnswerText(const Tokenizer& tokenizer, const std::vector<TokenId>& prompt,
             const std::vector<std::string>& stop)
      : stream_(tokenizer), stop_(stop) {
    for (const TokenId id : prompt) stream_.add(id);
  }
  std::string add(TokenId id) { return stop_.add(stream_.add(id)); }
  std::string finish() {
    std::string rest = stop_.add(stream_.finish());
    return stop_.has_stopped() ? rest : rest + stop_.finish();
  }
  bool has_stopped() const { return stop_.has_stopped(); }

 private:
  TextStream stream_;
  StopStrings stop_;
};

}  // namespace

TextGenerator::TextGenerator(const CausalLm& model, const Tokenizer& tokenizer, TextOptions options)
    : model_(model),
      tokenizer_(tokenizer),
      options_(std::move(options)),
      suppressed_(ids_without_token(tokenizer, model.vocab_size())) {
  check_sampling(options_.sampling);
  options_.stop_ids.insert(options_.stop_ids.end(), tokenizer.stop().begin(), tokenizer.stop().end());
}

std::vector<GeneratedText> TextGenerator::run(
    const std::vector<std::vector<TokenId>>& prompts,
    const std::function<void(std::size_t, std::string_view)>& on_text) {
  const SteadyClock clock;
  const TimePoint start = clock.now();
  std::vector<AnswerText> texts;
  for (const auto& prompt : prompts) {
    texts.emplace_back(tokenizer_, prompt, options_.stop);
    tally_.prompt_tokens += static_cast<std::int64_t>(prompt.size());
  }
  std::vector<GeneratedText> out(prompts.size());
  const auto take = [&](std::size_t i, const std::string& piece) {
    out[i].text += piece;
    if (on_text && !piece.empty()) on_text(i, piece);
  };
  GenerateOptions options;
  options.max_new_tokens = options_.max_new_tokens;
  options.stop = options_.stop_ids;
  options.suppressed = suppressed_;
  options.sampling = options_.sampling;
  options.seed = Seed(options_.seed);
  options.first_prompt = prompts_seen_;
  options.on_token = [&](std::size_t i, TokenId id) {
    take(i, texts[i].add(id));
    return !texts[i].has_stopped();
  };
  options.on_finish = [&](std::size_t i, FinishReason reason) {
    out[i].reason = reason;
    take(i, texts[i].finish());
  };
  auto answers = generate(model_, prompts, options);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    tally_.new_tokens += static_cast<std::int64_t>(answers[i].size());
    out[i].ids = std::move(answers[i]);
  }
  prompts_seen_ += prompts.size();
  tally_.seconds += to_seconds(clock.now() - start);
  return out;
}

}  // namespace fennec
