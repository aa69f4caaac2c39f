"""A running text: windows in order, each token's successor as its target, the tokenizer of the training part alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec.data import DataSet, load
from graphspec.data.learned import Learned
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.data import DataSpec
from graphspec.spec.model import InputSpec

TEXT = "".join(random.Random(0).choices("abcdefghijklmnopqrst", k=1000)) + "XYZ" * 30


@pytest.fixture
def read(tmp_path: Path) -> Any:
    (tmp_path / "text.txt").write_text(TEXT)

    def read(length: int = 10, tokenizer: Any = "Char", **more: Any) -> DataSet:
        dataset = {"type": "text", "file": "text.txt", "length": length}
        settings = {"dataset": dataset, "tokenizer": tokenizer, "validation": 0.1, "test": 0.1} | more
        return load(DataSpec.model_validate(settings), tmp_path)

    return read


@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_every_token_but_the_first_is_told_from_those_before_it(read: Any) -> None:
    data = read()
    tokens, following = data.train.inputs["tokens"], data.train.targets["next"]
    assert tokens.shape == following.shape == (len(tokens), 10)
    assert torch.equal(tokens[:, 1:], following[:, :-1])
    assert torch.equal(tokens[1:, 0], following[:-1, -1])
    assert data.text.decode(tokens.flatten().tolist()) == TEXT[: tokens.numel()]


def test_parts_are_stretches_of_the_text_and_the_tokenizer_knows_the_first_alone(read: Any) -> None:
    with pytest.warns(GraphspecWarning, match=r"tokenizer: Char of 1 training text, 22 ids; windows of 10 tokens"):
        data = read()
    assert data.labels["next"][2:] == tuple(sorted(set(TEXT[:800])))
    with pytest.warns(GraphspecWarning, match=r"the test part: 90 of 110 tokens have none of the 22 ids"):
        test = data.test.open()
    assert (test.inputs["tokens"][-1] == 1).all()  # X, Y and Z
    middle = data.text.decode(data.validation.inputs["tokens"].flatten().tolist())
    assert TEXT.index(middle) >= data.train.inputs["tokens"].numel()


@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_what_was_learned_is_kept_in_two_files_and_comes_back(read: Any, tmp_path: Path) -> None:
    data = read()
    learned = Learned.of(data)
    for name, content in learned.files.items():
        (tmp_path / name).write_bytes(content)
    assert sorted(learned.files) == ["learned.json", "tokenizer.json"]
    assert Learned.read(tmp_path) == learned
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(GraphspecError, match=r"is none that graphspec wrote"):
        Learned.read(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(GraphspecError, match=r"is none that graphspec wrote"):
        Learned.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer": None}, r"\"tokens\" holds texts: a tokenizer makes ids of them"),
        ({"length": 0}, r"length is a whole number from 1 to"),
        ({"length": 400}, r"the training part has \d+ tokens, a window takes 401"),
        ({"dataset": {"type": "text", "file": "texts.txt"}}, r"texts.txt does not exist"),
        ({"dataset": {"type": "text", "file": "../text.txt"}}, r"leads out of the working directory"),
        ({"dataset": {"type": "text", "file": "latin"}}, r"cannot be read as a text: 'utf-8' codec"),
        ({"dataset": {"type": "text", "file": "empty"}}, r"empty holds no text"),
        ({"dataset": "iris"}, r"there are no texts for a tokenizer"),
    ],
)
@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_what_does_not_go_is_said(read: Any, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "latin").write_bytes("café".encode("latin-1"))
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(GraphspecError, match=message):
        read(**change)


@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_ids_are_for_inputs_of_whole_numbers() -> None:
    spec = DataSpec.model_validate({"dataset": "python_reference", "tokenizer": "Char"})
    with pytest.raises(GraphspecError, match=r"the input \"x\" takes float32, and texts become ids"):
        load(spec, inputs={"x": InputSpec.model_validate(["N", "T"])})


@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_the_reference_of_python_comes_with_it() -> None:
    data = load(DataSpec.model_validate({"dataset": "python_reference", "tokenizer": "Char"}))
    assert len(data.train) > 2000
    assert "statement" in data.text.decode(data.train.inputs["tokens"][:20].flatten().tolist())
