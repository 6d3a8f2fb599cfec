"""Runs the peers of one shape in turns and prints their speed, memory and how far the losses lie apart."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def run(command, env):
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True, help="the lora_step_bench program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("shapes", nargs="*", default=["d128", "d256", "smollm2-135m"])
    args = parser.parse_args()
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error",
               HF_HUB_DISABLE_PROGRESS_BARS="1", PYTHONWARNINGS="ignore")
    print(f"{'shape':16} {'fused tok/s':>12} {'peft tok/s':>12} {'fused/peft':>11} {'fused MiB':>10} {'peft MiB':>10} "
          f"{'max dloss':>10}")
    for shape in args.shapes:
        steps = {"d128": 100, "d256": 20}.get(shape, 3)
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run([args.bench, "export", shape, scratch, "--steps", str(steps)], env=env, check=True)
            fused_command = [args.bench, "--threads", str(args.threads), "run", shape, "fused", "--steps", str(steps)]
            peft_command = [sys.executable, str(Path(__file__).parent / "peft_step.py"), scratch, "--steps", str(steps),
                            "--threads", str(args.threads)]
            pairs = [(run(fused_command, env), run(peft_command, env)) for _ in range(args.rounds)]
        per_second = [[side["tokens_per_cpu_s"] for side in pair] for pair in pairs]
        apart = max(abs(a - b) for a, b in zip(pairs[0][0]["losses"], pairs[0][1]["losses"]))
        print(f"{shape:16} {statistics.median(f for f, _ in per_second):12.0f} "
              f"{statistics.median(p for _, p in per_second):12.0f} "
              f"{statistics.median(f / p for f, p in per_second):11.2f} "
              f"{pairs[0][0]['peak_rss_bytes'] / 2**20:10.0f} {pairs[0][1]['peak_rss_bytes'] / 2**20:10.0f} {apart:10.1e}",
              flush=True)


if __name__ == "__main__":
    main()
