"""Predictions of texts: how a running text goes on, the class of a text, in torch and in onnxruntime."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphspec import pipeline
from graphspec.diagnostics import GraphspecError, GraphspecWarning

pytestmark = pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")

GOES_ON = {
    "graphspec": 1,
    "name": "goes_on",
    "inputs": {"tokens": {"shape": ["N", "T"], "dtype": "int64"}},
    "layers": {
        "embed": {"type": "Embedding", "num_embeddings": "${vocabulary.tokens}", "embedding_dim": 16},
        "lstm": {"type": "LSTM", "hidden_size": 32, "batch_first": True},
        "head": {"type": "Linear", "from": "lstm.output", "out_features": "${vocabulary.tokens}"},
        "logits": {"type": "permute", "dims": [0, 2, 1]},
    },
    "data": {"dataset": {"type": "text", "file": "text.txt", "length": 16}, "tokenizer": "Char", "batch_size": 8},
    "train": {"epochs": 12, "loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.02}},
    "export": {"formats": ["onnx"]},
}
CLASS = {
    "graphspec": 1,
    "name": "reviews",
    "inputs": {
        "review": {"shape": ["N", "T"], "dtype": "int64"},
        "review_mask": {"shape": ["N", "T"], "dtype": "bool"},
    },
    "layers": {
        "embed": {"type": "Embedding", "from": "review", "num_embeddings": "${vocabulary.review}", "embedding_dim": 4},
        "ones": {"type": "to", "from": "review_mask", "dtype": "float32"},
        "weight": {"type": "unsqueeze", "dim": 2},
        "masked": {"type": "mul", "from": ["embed", "weight"], "broadcast": True},
        "sum": {"type": "sum", "dim": 1},
        "logits": {"type": "Linear", "out_features": 2},
    },
    "data": {"dataset": {"type": "csv", "file": "reviews.csv", "target": "label"}, "tokenizer": "WordLevel"},
    "train": {"epochs": 20, "loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.05}},
    "export": {"formats": ["onnx"]},
}
SENTENCE = "the cat sat on the mat. "


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs: of a text that repeats a sentence, and of reviews whose words say the class."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "text.txt").write_text(SENTENCE * 60)
    rows = [f'"{word} film, {other}",{label}' for label, words in WORDS.items() for word in words for other in words]
    (folder / "reviews.csv").write_text("review,label\n" + "\n".join(rows) + "\n")
    for spec in (GOES_ON, CLASS):
        pipeline.train(spec, run=folder / str(spec["name"]), data=folder)
    return folder


WORDS = {
    "good": ["good", "great", "fine", "fun", "nice", "warm"],
    "bad": ["bad", "poor", "dull", "slow", "sad", "cold"],
}


def goes_on(folder: Path, prompt: str, **drawing: Any) -> str:
    (found,) = pipeline.predict(folder, prompt=prompt, **drawing)
    assert found.sample == prompt
    return str(found.label)


def test_a_text_goes_on(runs: Path) -> None:
    assert goes_on(runs / "goes_on", "the cat", count=41, temperature=0) == (SENTENCE * 2)[7:48]


def test_what_of_a_prompt_is_unknown_is_said(runs: Path) -> None:
    with pytest.warns(GraphspecWarning, match=r"the prompt: 2 of 9 tokens have none of the \d+ ids, and become id 1"):
        goes_on(runs / "goes_on", "the cät €", count=5)


def test_tokens_are_drawn_by_the_seed_at_a_temperature(runs: Path) -> None:
    run = runs / "goes_on"
    texts = [goes_on(run, "the", count=60, temperature=3.0, seed=seed) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert {len(text) for text in texts} == {60}  # no padding, nothing unknown
    assert set("".join(texts)) <= set(SENTENCE)
    assert len(goes_on(run, "the")) == 200


def test_a_text_has_a_class(runs: Path) -> None:
    for label, words in WORDS.items():
        (found,) = pipeline.predict(runs / "reviews", prompt=f"{words[0]} film, {words[3]}")
        assert found.label == label
        assert found.probability > 0.7


def test_files_of_texts_have_classes(runs: Path) -> None:
    (runs / "one.txt").write_text("great film, fun")
    (runs / "more.csv").write_text('review\n"great film, fun"\n"dull film, sad"\n')
    (one,) = pipeline.predict(runs / "reviews", [runs / "one.txt"])
    more = pipeline.predict(runs / "reviews", [runs / "more.csv"])
    assert [one.label, *(each.label for each in more)] == ["good", "good", "bad"]
    assert more[0].outputs["output"] == pytest.approx(one.outputs["output"], abs=1e-6)


@pytest.mark.parametrize(
    ("run", "arguments", "message"),
    [
        ("goes_on", {"prompt": ""}, r"the prompt is empty"),
        ("goes_on", {"prompt": "a", "temperature": -1.0}, r"the temperature is a number from 0 on, not -1.0"),
        (
            "goes_on",
            {"prompt": "a", "count": 100_000_000},
            r"100,000,000 tokens are asked, from 1 to 100,000 are drawn",
        ),
        ("goes_on", {"prompt": "a", "files": ["x.txt"]}, r"a prompt or files, not both"),
    ],
)
def test_what_does_not_go_is_said(runs: Path, run: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphspecError, match=message):
        pipeline.predict(runs / run, **arguments)


@pytest.mark.slow
def test_the_command_prints_the_text(runs: Path) -> None:
    arguments = ["predict", str(runs / "goes_on"), "--prompt", "the cat", "--count", "10", "--temperature", "0"]
    found = subprocess.run([sys.executable, "-m", "graphspec", *arguments], capture_output=True, text=True, check=True)
    assert found.stdout == "the cat sat on th\n"


@pytest.mark.slow
def test_an_export_says_the_same_and_its_readme_runs(runs: Path, tmp_path: Path) -> None:
    bundle = pipeline.export(runs / "goes_on", tmp_path / "goes_on", data=runs)
    assert goes_on(bundle.folder, "the cat", count=30, temperature=0.0) == (SENTENCE * 2)[7:37]
    assert run_readme(bundle.folder) == f"{goes_on(bundle.folder, 'The', count=1, temperature=0)}\n"
    bundle = pipeline.export(runs / "reviews", tmp_path / "reviews", data=runs)
    (one,) = pipeline.predict(bundle.folder, prompt="a text")
    (other,) = pipeline.predict(bundle.folder, prompt="another one")
    printed = [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", run_readme(bundle.folder))]
    assert printed == pytest.approx([*one.outputs["output"], *other.outputs["output"]], abs=1e-4)
    said = json.loads((bundle.folder / "manifest.json").read_text())
    assert said["text"]["inputs"] == ["review"]
    assert "tokenizer.json" in said["files"]


def run_readme(folder: Path) -> str:
    """What the lines of the README on texts print, in the export's folder."""
    (lines,) = re.findall(r"## Texts.*?```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return subprocess.run([sys.executable, "-c", lines], cwd=folder, capture_output=True, text=True, check=True).stdout


def two_texts(tokenizer: str) -> dict[str, Any]:
    """A title and a body, each through an encoder that does not see what pads, and a number."""
    layers: dict[str, Any] = {}
    for name in ("title", "body"):
        source = {"src": f"{name}_ids", "src_key_padding_mask": f"{name}_padding"}
        layers |= {
            f"{name}_ids": {
                "type": "Embedding", "from": name, "num_embeddings": f"${{vocabulary.{name}}}", "embedding_dim": 8,
            },
            f"{name}_padding": {"type": "logical_not", "from": f"{name}_mask"},
            f"{name}_encoder": {
                "type": "TransformerEncoderLayer", "from": source, "nhead": 2, "dim_feedforward": 16, "dropout": 0.0,
                "batch_first": True,
            },
            f"{name}_first": {"type": "select", "from": f"{name}_encoder", "dim": 1, "index": 0},
        }  # fmt: skip
    layers["all"] = {"type": "cat", "from": ["title_first", "body_first", "stars"], "dim": 1}
    layers["logits"] = {"type": "Linear", "out_features": 2}
    texts = {name: {"shape": ["N", dim], "dtype": "int64"} for name, dim in (("title", "T"), ("body", "S"))}
    masks = {f"{name}_mask": {"shape": ["N", dim], "dtype": "bool"} for name, dim in (("title", "T"), ("body", "S"))}
    return {
        "graphspec": 1, "name": "two", "inputs": texts | masks | {"stars": ["N", 1]}, "layers": layers,
        "data": {
            "dataset": {"type": "csv", "file": "two.csv", "target": "label"}, "transforms": ["StandardScaler"],
            "tokenizer": {"type": tokenizer, "vocab_size": 280, "max_length": 12},
        },
        "train": {"epochs": 1, "loss": "CrossEntropyLoss", "metrics": ["accuracy", "perplexity"]},
        "export": {"formats": ["onnx"]},
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ["BPE", "WordLevel", "Char"])
def test_two_texts_and_a_number_go_from_a_table_to_an_export_whose_readme_runs(tokenizer: str, tmp_path: Path) -> None:
    rows = [
        f"{title} film,{body} {body},{stars},{label}"
        for label, words in WORDS.items() for title in words for stars, body in enumerate(words)
    ]  # fmt: skip
    (tmp_path / "two.csv").write_text("title,body,stars,label\n" + "\n".join(rows) + "\n")
    pipeline.train(two_texts(tokenizer), run=tmp_path / "run", data=tmp_path)
    bundle = pipeline.export(tmp_path / "run", tmp_path / "out", data=tmp_path)
    (tmp_path / "new.csv").write_text('body,stars,title\ndull,1,"sad, new"\ngood and long, 5,fine\n')
    ours, theirs = (pipeline.predict(each, [tmp_path / "new.csv"]) for each in (tmp_path / "run", bundle.folder))
    for one, other in zip(ours, theirs, strict=True):
        assert one.outputs["output"] == pytest.approx(other.outputs["output"], abs=1e-5)
    assert run_readme(bundle.folder).count("[") == 3  # two rows
    with pytest.raises(GraphspecError, match='a text is for "title" alone, the network takes "body" too'):
        pipeline.predict(tmp_path / "run", prompt="a film")
