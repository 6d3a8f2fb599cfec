"""Every model family as transformers itself builds and saves it, tiny and random: logits, tokens, adapters, merged exports."""

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (AutoModelForCausalLM, GemmaConfig, GPT2Config, GPTNeoXConfig, LlamaConfig, MistralConfig,
                          Qwen2Config, Qwen3Config)

import adapters
import tokenizer_texts

SIZES = dict(vocab_size=320, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
             max_position_embeddings=64)
GPT2 = dict(vocab_size=320, n_embd=48, n_layer=3, n_head=6, n_positions=64)
LLAMA3 = dict(rope_type="llama3", rope_theta=5e5, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", rope_theta=1e4, factor=4.0, original_max_position_embeddings=16)

CONFIGS = {
    "llama": lambda: LlamaConfig(**SIZES, num_key_value_heads=2, attention_bias=True, mlp_bias=True),
    "llama, llama3 rope, head_dim": lambda: LlamaConfig(**SIZES, head_dim=16, rope_parameters=LLAMA3, tie_word_embeddings=True),
    "llama, yarn rope": lambda: LlamaConfig(**SIZES, rope_parameters=YARN),
    "llama, linear rope": lambda: LlamaConfig(**SIZES, rope_parameters=dict(rope_type="linear", rope_theta=1e4, factor=3.0)),
    "llama, dynamic rope": lambda: LlamaConfig(**SIZES | dict(max_position_embeddings=32),
                                               rope_parameters=dict(rope_type="dynamic", rope_theta=1e4, factor=2.0)),
    "mistral, window": lambda: MistralConfig(**SIZES, num_key_value_heads=3, sliding_window=9),
    "mistral, no window": lambda: MistralConfig(**SIZES, num_key_value_heads=3, sliding_window=None),
    "qwen2": lambda: Qwen2Config(**SIZES, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen2, window in some layers": lambda: Qwen2Config(**SIZES, num_key_value_heads=2, use_sliding_window=True,
                                                        sliding_window=7, max_window_layers=1),
    "qwen3": lambda: Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=16),
    "gemma": lambda: GemmaConfig(**SIZES, num_key_value_heads=1, head_dim=16),
    "gpt2": lambda: GPT2Config(**GPT2),
    "gpt2, scores scaled by layer": lambda: GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True),
    "gpt_neox": lambda: GPTNeoXConfig(**SIZES, rotary_pct=0.5),
    "gpt_neox, sequential": lambda: GPTNeoXConfig(**SIZES, use_parallel_residual=False, attention_bias=False),
}
STORAGE = {  # how a family is saved, where not as one F32 file
    "qwen2": dict(dtype=torch.bfloat16), "gpt_neox": dict(dtype=torch.float16), "llama": dict(max_shard_size="60KB"),
    "gpt2, scores scaled by layer": dict(bare=True),
}
CORPUS = ["room 21 C state: warm", "heart rate 72 bpm, load 356 W; PV 0.4 kW", "watch 1s. acc mean -90 -31 -20", "it's 12:30"]


def write_tokenizer(base):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.save(str(base / "tokenizer.json"))
    (base / "tokenizer_config.json").write_text('{"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}\n')


def build(name, base):
    """A random model whose logits are spread, saved by transformers."""
    generator = torch.Generator().manual_seed(7)
    model = AutoModelForCausalLM.from_config(CONFIGS[name]())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    storage = dict(STORAGE.get(name, {}))
    dtype, bare = storage.pop("dtype", torch.float32), storage.pop("bare", False)
    model = model.to(dtype)
    (model.base_model if bare else model).save_pretrained(base, **storage)  # bare: names without prefix, as the hub's gpt2
    write_tokenizer(base)


def compare_theirs(fennec, base, work, options):
    adapter = work / "-".join(["theirs", *options])
    model = adapters.load(base)
    ids = adapters.some_ids(model)
    tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, **options)).eval()
    adapters.randomise(tuned)
    theirs = adapters.logits_of(tuned, ids)
    tuned.save_pretrained(adapter)
    attached = adapters.require_close(fennec.logits(base, ids.tolist(), work, adapter), theirs)
    merged = work / "-".join(["merged", *options])
    fennec.export(base, adapter, merged, "f32")
    back = adapters.require_close(adapters.logits_of(adapters.load(merged), ids), theirs)
    ours = adapters.require_close(fennec.logits(merged, ids.tolist(), work), theirs)
    return f"{attached}; merged and loaded by transformers {back}, by Fennec {ours}"


def checks(fennec, name, work):
    base = work / "base"
    build(name, base)
    yield "tokenizers: same ids and text", lambda: tokenizer_texts.compare(fennec, base)
    yield "transformers: same logits", lambda: adapters.compare_base(fennec, base, work)
    ours = ["method: lora", "method: dora", "method: ia3"]
    theirs = {"peft's default targets": {}, "peft's all-linear": dict(target_modules="all-linear"),
              "peft's DoRA": dict(target_modules="all-linear", use_dora=True)}
    own_head = not adapters.load(base).config.tie_word_embeddings
    if own_head and not name.startswith("gpt_neox"):  # transformers 5 calls lm_head what its checkpoints call embed_out
        ours.append("modules_to_save: [lm_head]")
        theirs["peft's saved head"] = dict(target_modules="all-linear", modules_to_save=["lm_head"])
    for number, lora in enumerate(ours):
        yield (f"peft loads an adapter trained by Fennec ({lora})",
               lambda n=number, l=lora: adapters.compare_ours(fennec, base, work / f"ours{n}", l))
    for label, options in theirs.items():
        yield label, lambda o=options: compare_theirs(fennec, base, work, o)


def names():
    return list(CONFIGS)
