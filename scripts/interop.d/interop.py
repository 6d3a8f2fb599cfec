"""Fennec against transformers, peft and tokenizers: prints PASS or FAIL a check, exits 1 when one failed."""

import argparse
import pathlib
import sys
import tempfile
import traceback

import adapters
import families
import tokenizer_texts
from fennec import Fennec

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASES = [ROOT / "models/sensor-tiny", ROOT / "../shared/pretrained/stories260K"]


def checks(fennec, base, work):
    yield "tokenizers: same ids and text", lambda: tokenizer_texts.compare(fennec, base)
    yield "transformers: same logits of the base model", lambda: adapters.compare_base(fennec, base, work)
    for number, (name, lora) in enumerate(adapters.METHODS.items()):
        yield (f"peft loads an adapter trained by Fennec, attached and merged ({name})",
               lambda n=number, l=lora: adapters.compare_ours(fennec, base, work / f"ours{n}", l))
    for name, config in adapters.PEFT_VARIANTS.items():
        yield f"Fennec loads an adapter that peft wrote ({name})", lambda c=config: adapters.compare_theirs(fennec, base, work, c)


def run(label, named_checks):
    """@return how many failed"""
    failed = 0
    for name, check in named_checks:
        try:
            print(f"PASS {label}: {name}: {check()}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {label}: {name}\n{traceback.format_exc()}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", required=True, type=pathlib.Path, help="the fennec-client program")
    parser.add_argument("--base", action="append", type=pathlib.Path,
                        help="Hugging Face directory to check with, instead of those of the project and of every model family")
    args = parser.parse_args()
    bases = args.base or [b for b in BASES if (b / "config.json").exists()]
    fennec, failed = Fennec(args.client), 0
    for base in bases:
        with tempfile.TemporaryDirectory() as work:
            failed += run(base.name, checks(fennec, base, pathlib.Path(work)))
    for name in [] if args.base else families.names():
        with tempfile.TemporaryDirectory() as work:
            failed += run(name, families.checks(fennec, name, pathlib.Path(work)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
