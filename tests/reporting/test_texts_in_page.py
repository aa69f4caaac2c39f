"""A text in the page: its tokens are those of `tokenizers`, its answer is that of ``graphspec predict``."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

import graphspec
from graphspec import reporting
from graphspec.data.text import tokenizer as tokenizers
from graphspec.spec.base import Component
from graphspec.verifying.runtimes.needs import NODE

SCRIPT = Path(reporting.__file__).with_name("texts.js")
#: What is read by node: the tokenizer's kind and file, and texts; what it prints: ids and texts again.
READ = """{
const [kind, said, texts] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const made = tokenizerOf(kind, said);
console.log(JSON.stringify(texts.map((text) => { const ids = made.encode(text); return [ids, made.decode(ids)]; })));
}"""
LEARNED = [
    "The quick brown fox jumps over the lazy dog, doesn't it? They've seen 42 dogs.", "naïve café — déjà vu",
    "日本語 の 文",
    "aaa aab abab", "x = f(y) + 3.14\n\treturn x", "emoji 🙂 and 👩‍👩‍👧 families", "don't can't I'll we're he'd I'm",
]  # fmt: skip
ODD = [
    "", " ", "  two  spaces ", "\n\n\t", "[PAD] [UNK] is text", "ünknown Ω letters", "a\u200db\u00a0c\u2003d\u0085e",
    "snake_case ½ ² ٣ १२", "e\u0301 combining", "'s't're x's", "…!?!", "\U0001f642\U0001f642", "a" * 50,
    "ﬁ ß İ", "\u3000全角",
]  # fmt: skip


def drawn(count: int) -> list[str]:
    pool, draw = [*"".join(LEARNED + ODD), "\r", "\v", "\ufeff", "\x00", "\u2028"], random.Random(0)
    return ["".join(draw.choices(pool, k=draw.randrange(1, 40))) for _ in range(count)]


@pytest.mark.skipif(bool(NODE.missing), reason="Node.js is not there")
@pytest.mark.parametrize("kind", ["Char", "WordLevel", "BPE"])
def test_its_tokens_are_those_of_the_tokenizer_and_so_is_the_text_of_ids(kind: str) -> None:
    settings = Component.model_validate({"type": kind, **({"vocab_size": 300} if kind == "BPE" else {})})
    content = tokenizers.train(settings, LEARNED)
    made, texts = tokenizers.opened(content), [*LEARNED, *ODD, *drawn(400)]
    ids = [made.encode(text, add_special_tokens=False).ids for text in texts]
    found = subprocess.run(
        [str(NODE.path), "-e", SCRIPT.read_text() + READ], input=json.dumps([kind, json.loads(content), texts]),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    wanted = [[each, made.decode(each, skip_special_tokens=True)] for each in ids]
    for text, ours, theirs in zip(texts, json.loads(found.stdout), wanted, strict=True):
        assert ours == theirs, text


REVIEWS = {
    "graphspec": 1, "name": "reviews", "inputs": {
        "review": {"shape": ["N", "T"], "dtype": "int64"}, "review_mask": {"shape": ["N", "T"], "dtype": "bool"},
    },
    "layers": {
        "embed": {"type": "Embedding", "from": "review", "num_embeddings": "${vocabulary.review}", "embedding_dim": 8},
        "kept": {"type": "to", "from": "review_mask", "dtype": "float32"}, "wide": {"type": "unsqueeze", "dim": 2},
        "seen": {"type": "mul", "from": ["embed", "wide"], "broadcast": True}, "sum": {"type": "sum", "dim": 1},
        "logits": {"type": "Linear", "out_features": 2},
    },
    "data": {
        "dataset": {"type": "csv", "file": "reviews.csv", "target": "label"},
        "tokenizer": {"type": "WordLevel", "vocab_size": 40, "max_length": 6},
    },
    "train": {"epochs": 2, "optimizer": {"type": "Adam", "lr": 0.05}},
}  # fmt: skip
GOES_ON = {
    "graphspec": 1, "name": "goes_on", "inputs": {"tokens": {"shape": ["N", "T"], "dtype": "int64"}},
    "layers": {
        "embed": {"type": "Embedding", "num_embeddings": "${vocabulary.tokens}", "embedding_dim": 16},
        "turned": {"type": "permute", "dims": [0, 2, 1]}, "pad": {"type": "pad", "pad": [2, 0]},
        "conv": {"type": "Conv1d", "out_channels": 32, "kernel_size": 3}, "relu": "ReLU",
        "logits": {"type": "Conv1d", "out_channels": "${vocabulary.tokens}", "kernel_size": 1},
    },
    "data": {
        "dataset": {"type": "text", "file": "text.txt", "length": 16}, "tokenizer": "Char", "batch_size": 8,
    },
    "train": {"epochs": 3, "loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.02}},
}  # fmt: skip


def trained(spec: dict[str, Any], folder: Path) -> Path:
    draw = random.Random(1)
    lines = [
        (draw.choice(["good", "fine"]), "yes") if k % 2 else (draw.choice(["bad", "dull"]), "no") for k in range(80)
    ]
    (folder / "reviews.csv").write_text("review,label\n" + "".join(f"a {word} film,{label}\n" for word, label in lines))
    (folder / "text.txt").write_text("the cat sat on the mat. " * 80)
    return graphspec.train(spec, run=folder / "run", data=folder, device="cpu").run


@pytest.mark.slow
def test_a_text_is_classified_as_predict_does_and_what_is_cut_or_unknown_is_said(tmp_path: Path, visit: Any) -> None:
    run = trained(REVIEWS, tmp_path)
    bundle = graphspec.export(run, tmp_path / "export", formats=["onnx"], data=tmp_path)
    text = "a good film, a strange good one"
    page = graphspec.report(run, tmp_path / "page.html", data=tmp_path)

    async def tried(tab: Any) -> Any:
        await tab.until("document.body.dataset.ready")
        await tab.js("document.querySelector('textarea').focus()")
        await tab.call("Input.insertText", text=text)
        await tab.press("Predict")
        await tab.until("document.getElementById('answer').dataset.values")
        await tab.picture(tmp_path / "text.png")
        assert tab.errors == []
        return await tab.values(), await tab.js("document.querySelector('#entry').innerText")

    values, said = visit(page.path, tmp_path / "profile", tried)
    (found,) = graphspec.predict(bundle, prompt=text)
    assert max(values) == pytest.approx(found.probability, abs=1e-5)
    assert "8 tokens, cut to 6, 3 of them unknown" in said


@pytest.mark.slow
def test_a_text_goes_on_as_predict_has_it(tmp_path: Path, visit: Any) -> None:
    run = trained(GOES_ON, tmp_path)
    page = graphspec.report(run, tmp_path / "page.html", data=tmp_path)

    async def tried(tab: Any) -> Any:
        await tab.until("document.body.dataset.ready")
        await tab.press("Go on")
        assert "write a beginning" in await tab.until("document.querySelector('.mistake')?.textContent")
        await tab.js("document.querySelector('textarea').focus()")
        await tab.call("Input.insertText", text="the cat")
        await tab.js(
            "document.querySelectorAll('input')[0].value = '0'; document.querySelectorAll('input')[1].value = '30'"
        )
        await tab.press("Go on")
        await tab.until("document.getElementById('answer').dataset.count === '1'")
        cold = await tab.js("document.getElementById('answer').dataset.text")
        await tab.js("document.querySelectorAll('input')[0].value = '1'")
        await tab.press("Go on")
        await tab.until("document.getElementById('answer').dataset.count === '2'")
        await tab.picture(tmp_path / "goes_on.png")
        assert tab.errors == []
        return cold, await tab.js("document.getElementById('answer').dataset.text")

    cold, warm = visit(page.path, tmp_path / "profile", tried)
    (found,) = graphspec.predict(run, prompt="the cat", count=30, temperature=0)
    assert cold == found.label
    assert len(warm) == 30
