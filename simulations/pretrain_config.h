#pragma once
#include <cstdint>
#include <vector>

namespace fennec {

/// Sizes of the Llama to make; heads share keys and values in groups, the head is the embedding matrix.
struct PretrainModelConfig {
  int hidden = 128;
  int intermediate = 352;
  int layers = 6;
  int heads = 4;
  int kv_heads = 2;
  int vocab = 1024;
  int max_positions = 1024;
  double rope_theta = 10000;
};

template <class Visitor>
void fields(Visitor& v, PretrainModelConfig& c) {
  v("hidden", c.hidden, "model width");
  v("intermediate", c.intermediate, "width of the feed-forward layer");
  v("layers", c.layers, "blocks");
  v("heads", c.heads, "query heads; the head width is hidden / heads");
  v("kv_heads", c.kv_heads, "key and value heads");
  v("vocab", c.vocab, "tokens of the byte-level BPE, special tokens and the 256 bytes included");
  v("max_positions", c.max_positions, "longest context, tokens");
  v("rope_theta", c.rope_theta, "base of the rotary frequencies");
}

/// Part of the schedule: up to a peak step size, then down a half cosine.
struct LearningRateCycle {
  int steps = 2500;
  double peak = 3e-3;
  double last = 1.5e-4;
};

template <class Visitor>
void fields(Visitor& v, LearningRateCycle& c) {
  v("steps", c.steps, "optimizer steps of the cycle");
  v("peak", c.peak, "AdamW step size after the warm-up");
  v("last", c.last, "AdamW step size at its end");
}

struct PretrainConfig {
  std::uint64_t seed = 1;
  PretrainModelConfig model;
  int tokenizer_documents = 20000;
  int documents_per_step = 48;
  int max_document_tokens = 512;
  double context_weight = 0.3;
  std::vector<LearningRateCycle> cycles = {{}};
  int warmup_steps = 100;
  double beta1 = 0.9, beta2 = 0.98;
  double weight_decay = 0.05;
  double clip_norm = 1.0;
  int held_out_documents = 400;
  int evaluate_steps = 100;
  int checkpoint_steps = 100;
  int threads = 2;
};

template <class Visitor>
void fields(Visitor& v, PretrainConfig& c) {
  v("seed", c.seed, "root of the initial weights and of the generated text");
  v("model", c.model, "");
  v("tokenizer_documents", c.tokenizer_documents, "documents the tokenizer is learnt from");
  v("documents_per_step", c.documents_per_step, "generated documents a step, about 110 tokens each");
  v("max_document_tokens", c.max_document_tokens, "longer documents are cut");
  v("context_weight", c.context_weight, "loss weight of a context token; an answer token weighs 1");
  v("cycles", c.cycles, "the learning rate schedule; its steps add up to the length of the run");
  v("warmup_steps", c.warmup_steps, "linear warm-up at the start of each cycle");
  v("beta1", c.beta1, "AdamW first-moment decay");
  v("beta2", c.beta2, "AdamW second-moment decay");
  v("weight_decay", c.weight_decay, "AdamW decoupled weight decay of the matrices");
  v("clip_norm", c.clip_norm, "global gradient norm limit");
  v("held_out_documents", c.held_out_documents, "documents of the held-out evaluation");
  v("evaluate_steps", c.evaluate_steps, "steps between evaluations");
  v("checkpoint_steps", c.checkpoint_steps, "steps between resumable checkpoints");
  v("threads", c.threads,
    "gradient threads; the result does not depend on the machine, only on this number");
}

}  // namespace fennec
