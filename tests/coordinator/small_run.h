#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "aggregation/codec.h"
#include "configs/experiment.h"
#include "coordinator/ledger.h"
#include "coordinator/run_directory.h"
#include "core/digest.h"
#include "core/files.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "transport/messages.h"

namespace fennec::test {

/// The smallest thing a checkpoint can be laid out from: one Llama layer of zeros.
inline void write_tiny_base(const std::filesystem::path& dir) {
  std::filesystem::create_directories(dir);
  write_file_atomically(
      dir / "config.json",
      R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":8,"intermediate_size":16,
"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":2,"vocab_size":16,"max_position_embeddings":32,
"rms_norm_eps":1e-5,"tie_word_embeddings":true,"hidden_act":"silu"})");
  const std::vector<std::byte> zeros(16 * 8 * sizeof(float));
  std::vector<TensorView> tensors;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    std::size_t count = sizeof(float);
    for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
    tensors.push_back({name, Dtype::kF32, std::move(shape), std::span(zeros).first(count)});
  };
  add("model.embed_tokens.weight", {16, 8});
  add("model.norm.weight", {8});
  const std::string layer = "model.layers.0.";
  for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
    add(layer + norm + ".weight", {8});
  for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"})
    add(layer + "self_attn." + name + ".weight", {8, 8});
  for (const char* name : {"gate_proj", "up_proj"}) add(layer + "mlp." + name + ".weight", {16, 8});
  add(layer + "mlp.down_proj.weight", {8, 16});
  write_file_atomically(dir / "model.safetensors", write_safetensors(std::move(tensors)));
}

inline Experiment small_experiment(const std::filesystem::path& base) {
  Experiment out;
  out.name = "small";
  out.model.base = base.string();
  out.lora.rank = 2;
  out.lora.target_modules = {"q_proj", "v_proj"};
  out.rounds.total = 3;
  out.rounds.cohort_size = 3;
  out.rounds.deadline_s = 60;
  out.transport.listen = "tcp://127.0.0.1:*";
  out.transport.chunk_bytes = 1024;
  return out;
}

/// A new run in dir/run in which these clients are enrolled.
inline RunDirectory enrolled_run(const std::filesystem::path& dir, const std::vector<ClientId>& clients,
                                 const Experiment& experiment) {
  const RunDirectory run{dir / "run"};
  create_run(run, experiment);
  Ledger ledger(run.ledger());
  for (const ClientId& client : clients) ledger.enroll(client, "key of " + client.name);
  return run;
}

/// What "training" gives here: a delta drawn from (client, round) and its encoding.
struct FakeUpdate {
  UpdateOffer offer;
  std::vector<std::byte> bytes;
};
inline FakeUpdate fake_update(const LayoutPtr& layout, const std::string& client, RoundId round,
                              AdapterVersion base) {
  ParameterSet delta(layout);
  fill_normal(Seed(1).child("fake", client, static_cast<std::uint64_t>(round.value)), delta.values(),
              0.1F);
  FakeUpdate out;
  out.bytes = make_codec("fp32")->encode(delta);
  out.offer.round = round;
  out.offer.base_version = base;
  out.offer.codec = "fp32";
  out.offer.layout_digest = layout->digest();
  out.offer.num_examples = 4;
  out.offer.supervised_tokens = 10 + static_cast<std::int64_t>(client.size());
  out.offer.steps = 2;
  out.offer.metrics = {{"loss", 2.0 / static_cast<double>(round.value)}};
  out.offer.payload_bytes = static_cast<std::int64_t>(out.bytes.size());
  const Sha256Digest digest = sha256(out.bytes);
  out.offer.payload_sha256 = to_hex(digest);
  return out;
}

}  // namespace fennec::test
