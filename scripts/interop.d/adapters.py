"""Adapters there and back: Fennec to peft and peft to Fennec, by their logits."""

import json

import torch
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()

TOLERANCE = 1e-4
TOKENS = 48
EVERY_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PEFT_VARIANTS = {
    "q and v": LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "every linear, rsLoRA": LoraConfig(r=8, lora_alpha=16, target_modules=EVERY_LINEAR, use_rslora=True),
    "all-linear, rank and alpha patterns": LoraConfig(
        r=4, lora_alpha=4, target_modules="all-linear", rank_pattern={"q_proj": 2}, alpha_pattern={"down_proj": 12}),
    "DoRA": LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], use_dora=True),
    "with the embedding": LoraConfig(r=4, lora_alpha=8, target_modules=["v_proj", "embed_tokens"]),
    "(IA)3": IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]),
}
# What Fennec trains, by the keys below `lora` in the experiment.
METHODS = {
    "LoRA": "method: lora",
    "LoRA+": "method: lora_plus",
    "DoRA": "method: dora",
    "(IA)3": "method: ia3",
    "FFA-LoRA": "method: ffa_lora",
    "patterns, rsLoRA, the first layer only": "use_rslora: true, rank_pattern: {q_proj: 2}, alpha_pattern: {down_proj: 3}, layers_to_transform: [0]",
    "the embedding too": "target_modules: [q_proj, embed_tokens]",
}
EXPERIMENT = """\
lora: {{rank: 4, alpha: 8, {lora}}}
train: {{learning_rate: 0.01, local_steps: 8, batch_tokens: 256, max_sequence_tokens: 128}}
seed: 3
"""


def load(base):
    return AutoModelForCausalLM.from_pretrained(base).float().eval()


def some_ids(model):
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, model.config.vocab_size, (TOKENS,), generator=generator)


@torch.no_grad()
def logits_of(model, ids):
    return model(ids.unsqueeze(0)).logits[0].float()


def require_close(ours, theirs):
    assert ours.shape == theirs.shape, f"{ours.shape} is not {theirs.shape}"
    difference = (ours - theirs).abs().max().item()
    assert difference <= TOLERANCE, f"logits differ by {difference}"
    return f"max difference {difference:.1e}"


def randomise(tuned):
    """Gives every tensor of an adapter something to say."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_magnitude_vector" in name or "ia3_" in name:
                parameter.mul_(1 + torch.randn(parameter.shape, generator=generator) * 0.1)
            elif "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
            elif "modules_to_save" in name:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)


def compare_base(fennec, base, work):
    model = load(base)
    ids = some_ids(model)
    return require_close(fennec.logits(base, ids.tolist(), work), logits_of(model, ids))


def train_ours(fennec, base, work, lora):
    device, config, out = work / "device", work / "experiment.yaml", work / "ours"
    device.mkdir(parents=True)
    rows = [{"device_id": "d", "prompt": f"room {i} C\nstate:", "completion": " warm" if i > 20 else " cold",
             "meta": {"task": "state", "kind": "text"}} for i in range(12, 30)]
    for name in ("train.jsonl", "test.jsonl"):
        (device / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    config.write_text(EXPERIMENT.format(lora=lora))
    fennec.train(base, config, device, out)
    return out


def compare_ours(fennec, base, work, lora):
    adapter = train_ours(fennec, base, work, lora)
    model = load(base)
    ids = some_ids(model)
    plain = logits_of(model, ids)
    attached = PeftModel.from_pretrained(model, adapter).eval()
    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
        written = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}
    expected = {key: tuple(value.shape) for key, value in get_peft_model_state_dict(attached).items()
                if not key.endswith(".base_layer.weight")}
    assert written == expected, f"tensors differ: {written.items() ^ expected.items()}"
    ours, theirs = fennec.logits(base, ids.tolist(), work, adapter), logits_of(attached, ids)
    assert (plain - theirs).abs().max() > 100 * TOLERANCE, "the adapter changes nothing"
    attached_close = require_close(ours, theirs)
    if "embed_tokens" in lora and model.config.tie_word_embeddings:
        return f"{len(written)} tensors, attached {attached_close}"  # merging would change the head too
    merged_close = require_close(ours, logits_of(attached.merge_and_unload(), ids))
    return f"{len(written)} tensors, attached {attached_close}, merged {merged_close}"


def compare_theirs(fennec, base, work, config):
    model = load(base)
    ids = some_ids(model)
    config.task_type = "CAUSAL_LM"
    tuned = get_peft_model(model, config).eval()
    randomise(tuned)
    theirs = logits_of(tuned, ids)
    tuned.save_pretrained(work / "theirs")
    return require_close(fennec.logits(base, ids.tolist(), work, work / "theirs"), theirs)
