"""fennec-client as functions."""

import json
import subprocess

from safetensors.torch import load_file


class Fennec:
    def __init__(self, client):
        self.client = str(client)

    def _run(self, *args, stdin=None):
        done = subprocess.run([self.client, *map(str, args)], input=stdin, capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            raise RuntimeError(f"fennec-client {args[0]} exited with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _lines(self, base, rows, *flags):
        stdin = "".join(json.dumps(row) + "\n" for row in rows)
        return [json.loads(line) for line in self._run("tokenize", "--base", base, *flags, stdin=stdin).splitlines()]

    def encode(self, base, texts, special=True):
        rows = self._lines(base, [{"text": t} for t in texts], *([] if special else ["--no-special"]))
        return [row["ids"] for row in rows]

    def decode(self, base, id_lists):
        return [row["text"] for row in self._lines(base, [{"ids": i} for i in id_lists], "--decode", "--no-special")]

    def logits(self, base, ids, work, adapter=None):
        """[T, V] float32"""
        out = work / "logits.safetensors"
        extra = ["--adapter", adapter] if adapter else []
        self._run("logits", "--base", base, "--ids", ",".join(map(str, ids)), "--out", out, *extra)
        return load_file(out)["logits"]

    def train(self, base, config, data, out):
        self._run("train", "--base", base, "--config", config, "--data", data, "--out", out)

    def export(self, base, adapter, out, dtype):
        self._run("export", "--base", base, "--adapter", adapter, "--out", out, "--dtype", dtype)
