#include "lora/frozen_prefix.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>

#include "core/digest.h"
#include "core/error.h"

namespace fennec {
namespace {

/// Of keys and identities: raise it when the layers' computation changes a bit.
constexpr std::string_view kFormat = "fennec prefix 1";

void absorb(Sha256& hash, std::string_view text) {
  const std::uint64_t size = text.size();
  hash.update(std::as_bytes(std::span(&size, 1)));
  hash.update(text);
}

std::span<const float> values_of(const at::Tensor& states) {
  return {states.data_ptr<float>(), static_cast<std::size_t>(states.numel())};
}

}  // namespace

FrozenPrefix::FrozenPrefix(const CausalLm& model, std::int64_t first_layer, StatePrecision precision,
                           PrefixStore* store)
    : model_(model), first_layer_(first_layer), precision_(precision), store_(store) {
  FENNEC_CHECK(first_layer >= 1 && first_layer <= model.layers());
}

void FrozenPrefix::enter(const std::vector<TokenizedExample>& examples, TrainBatch& batch) {
  const std::int64_t width = model_.width();
  at::Tensor states = at::zeros({batch.tokens.ids.numel(), width}, at::kFloat);
  for (const PlacedExample& placed : batch.examples)
    fill(examples[placed.example], states.data_ptr<float>() + placed.row * width);
  batch.tokens.states = std::move(states);
  batch.tokens.first_layer = first_layer_;
}

/// @param out [T, D]
void FrozenPrefix::fill(const TokenizedExample& example, float* out) {
  const auto width = static_cast<std::size_t>(model_.width());
  const std::size_t values = example.ids.size() * width;
  if (store_ == nullptr) {
    ++counts_.computed;
    std::ranges::copy(values_of(compute(example)), out);
    return;
  }
  const PrefixStore::Key key = prefix_key(example, first_layer_, precision_);
  PrefixStore::Bytes bytes = store_->find(key, encoded_bytes(precision_, example.ids.size(), width));
  if (bytes != nullptr) {
    ++counts_.reused;
  } else {
    ++counts_.computed;
    bytes = std::make_shared<const std::vector<std::byte>>(
        encode_states(precision_, values_of(compute(example)), width));
    store_->keep(key, bytes);
  }
  // What was computed just now is read back too: rounded or not, every pass trains on the same.
  decode_states(precision_, *bytes, width, {out, values});
}

/// @return [T, D]
at::Tensor FrozenPrefix::compute(const TokenizedExample& example) const {
  const at::NoGradGuard no_grad;
  TokenBatch alone;
  alone.ids = at::empty({1, static_cast<std::int64_t>(example.ids.size())}, at::kLong);
  std::ranges::copy(example.ids, alone.ids.data_ptr<std::int64_t>());
  return model_.states_before(alone, first_layer_).contiguous();
}

PrefixStore::Key prefix_key(const TokenizedExample& example, std::int64_t first_layer,
                            StatePrecision precision) {
  Sha256 hash;
  absorb(hash, kFormat);
  absorb(hash, std::to_string(first_layer));
  absorb(hash, std::to_string(static_cast<int>(precision)));
  hash.update(std::as_bytes(std::span(example.ids)));
  return hash.finish();
}

std::set<PrefixStore::Key> prefix_keys(const std::vector<TokenizedExample>& examples,
                                       std::int64_t first_layer, StatePrecision precision) {
  std::set<PrefixStore::Key> keys;
  for (const TokenizedExample& example : examples)
    keys.insert(prefix_key(example, first_layer, precision));
  return keys;
}

std::string prefix_identity(const CausalLm& model, const std::string& base_digest,
                            const std::string& base_precision) {
  Sha256 hash;
  absorb(hash, kFormat);
  absorb(hash, base_digest);
  absorb(hash, model.config_json());
  absorb(hash, base_precision);
  absorb(hash, at::show_config());
  return to_hex(hash.finish());
}

}  // namespace fennec
