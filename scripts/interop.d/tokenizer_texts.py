"""Texts on which two tokenizers are compared."""

import random

from tokenizers import Tokenizer

FIXED = [
    "", " ", "  ", "\n", "\n\n  \n", "\t tab", "a", "Once upon a time, there was a little girl named Lily.",
    "home17 Sat 03h-10h load W 356 356 350 349; PV W/kW 0 0 156; out 19 C\nload in 1h: 2314",
    "watch 1s. acc x0.1 m/s2 mean -90 -31 -20 sd 5 12 9; |acc| 94 91 ? 107\nactivity: turning",
    "it's we'll I'd they've DON'T 'S", "x=1.5e-3; y:=[3,4,5]; {\"k\": null}", "12345678901234567890", "3.14 -2,718 1/2 50%",
    "äöüß ÉÈÊ ñ ł", "e\u0301 a\u0308 combining", "日本語のテキスト 中文 한국어", "😀👩‍👩‍👧‍👦🏳️‍🌈 emoji", "\u00a0nbsp\u2003em\u200bzero\ufeffbom",
    "▁▁ metaspace ▁", "Ġbyte Ċlevel", "tail spaces   ", "   lead", "a\r\nb\rc", "\x00\x01\x7f control", "<0x41> <unk> <s> </s>",
    "<|endoftext|> <|pad|>", "\u0661\u0662\u0663 arabic digits ½ ² Ⅷ", "very" * 200, "мир труд май", "שלום עולם", "\U0010ffff \ue000",
]


def random_texts(count, seed=1):
    draw = random.Random(seed)
    pieces = ["a", "B", "9", " ", "  ", "\n", ".", ",", "'", "é", "日", "😀", "\u0301", "-", "_", "ing", "the ", "sensor", "1", "0", "\t", "▁"]
    return ["".join(draw.choice(pieces) for _ in range(draw.randrange(1, 40))) for _ in range(count)]


def compare(fennec, base):
    reference = Tokenizer.from_file(str(base / "tokenizer.json"))
    texts = FIXED + random_texts(400)
    for special in (True, False):
        for text, ids in zip(texts, fennec.encode(base, texts, special)):
            expected = reference.encode(text, add_special_tokens=special).ids
            assert ids == expected, f"{text!r}: {ids} is not {expected}"
    id_lists = [reference.encode(t).ids for t in texts]
    draw = random.Random(2)
    id_lists += [[draw.randrange(reference.get_vocab_size()) for _ in range(12)] for _ in range(200)]
    for ids, text in zip(id_lists, fennec.decode(base, id_lists)):
        expected = reference.decode(ids, skip_special_tokens=True)
        assert text == expected, f"{ids}: {text!r} is not {expected!r}"
    return f"{len(texts)} texts, {len(id_lists)} id lists"
