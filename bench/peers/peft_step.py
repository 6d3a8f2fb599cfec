"""The training step of lora_step_bench by transformers and PEFT: the same weights, adapter, batches and AdamW.

Prints a line of JSON like `lora_step_bench run`'s.
"""

import argparse
import json
import resource
import time

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def load(directory):
    base = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    return PeftModel.from_pretrained(base, f"{directory}/adapter", is_trainable=True).train()


def train(model, optimizer, batches, steps):
    trained = [p for p in model.parameters() if p.requires_grad]
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = model(input_ids=batches[f"ids.{step}"], labels=batches[f"labels.{step}"]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    batches = load_file(f"{args.directory}/batches.safetensors")
    model = load(args.directory)
    start = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    optimizer = lambda: torch.optim.AdamW(  # noqa: E731
        [p for p in model.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.0)
    train(model, optimizer(), batches, 1)  # warm-up
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(start[name])
    cpu, wall = time.process_time(), time.monotonic()
    losses = train(model, optimizer(), batches, args.steps)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    tokens = args.steps * batches["ids.0"].numel()
    print(json.dumps({
        "implementation": f"peft, torch {torch.__version__}",
        "threads": args.threads,
        "steps": args.steps,
        "tokens_per_cpu_s": tokens / cpu,
        "tokens_per_s": tokens / wall,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "losses": losses,
    }))


if __name__ == "__main__":
    main()
