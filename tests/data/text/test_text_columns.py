"""A column of texts as an input: ids of one length and a mask, by the training part, beside the other columns."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec.data import DataSet, load
from graphspec.data.learned import Learned
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.predicting.files import read_table
from graphspec.spec.data import DataSpec
from graphspec.spec.model import InputSpec

ROWS = [("good film, really good", 5, "yes"), ("bad", 1, "no"), ("a film", 3, "yes"), ("really bad film", 2, "no")] * 8
TEXT = InputSpec.model_validate({"shape": ["N", "T"], "dtype": "int64"})
MASK = InputSpec.model_validate({"shape": ["N", "T"], "dtype": "bool"})
STARS = InputSpec.model_validate(["N", 1])

pytestmark = pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(rows: Any = ROWS, inputs: Any = None, tokenizer: Any = "WordLevel", **more: Any) -> DataSet:
        with (tmp_path / "reviews.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "stars", "label"), *rows])
        dataset = {"type": "csv", "file": "reviews.csv", "target": "label"} | more
        settings = {"dataset": dataset, "tokenizer": tokenizer, "validation": 0, "test": 0.25}
        given = {"text": TEXT, "text_mask": MASK, "stars": STARS} if inputs is None else inputs
        return load(DataSpec.model_validate(settings), tmp_path, inputs=given)

    return read


def test_texts_are_padded_and_the_mask_says_where(read: Any) -> None:
    data = read()
    ids, mask = data.train.inputs["text"], data.train.inputs["text_mask"]
    assert ids.shape == mask.shape == (24, 5)  # "good film , really good"
    assert torch.equal(mask.bool(), ids != 0)
    assert sorted(set(mask.sum(1).tolist())) == [1, 2, 3, 5]
    assert (mask.diff() <= 0).all()  # what pads stands behind
    assert (
        data.vocabulary == {"text": data.text.count} == {"text": 2 + len({"good", "film", ",", "really", "bad", "a"})}
    )
    assert set(data.train.inputs) == {"text", "text_mask", "stars"}
    assert data.labels == {"label": ("no", "yes")}


def test_what_is_cut_is_said(read: Any) -> None:
    with pytest.warns(
        GraphspecWarning, match=r"\"text\" of the training part: \d+ of 24 texts are longer than 2 tokens"
    ):
        data = read(tokenizer={"type": "WordLevel", "max_length": 2})
    assert data.train.inputs["text"].shape == (24, 2)


def test_two_columns_share_a_tokenizer(read: Any) -> None:
    rows = [(text, f"about {label}", label) for text, _, label in ROWS]
    data = read(rows, {"text": TEXT, "stars": TEXT})
    assert data.vocabulary == dict.fromkeys(["text", "stars"], data.text.count)
    assert data.text.decode(data.train.inputs["stars"][0].tolist()) in ("about yes", "about no")


def test_a_file_to_predict_becomes_the_same_ids(read: Any, tmp_path: Path) -> None:
    data = read()
    learned = Learned.of(data)
    for name, content in learned.files.items():
        (tmp_path / name).write_bytes(content)
    again = Learned.read(tmp_path)
    assert again == learned
    (tmp_path / "new.csv").write_text("stars,text\n4,good film\n")
    fields = read_table(tmp_path / "new.csv", again.columns)
    ids, mask = again.text.encode(fields["text"].texts, "new")
    assert again.text.decode(ids[0].tolist()) == "good film"
    assert mask.tolist() == [[1, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer": None}, r"\"text\" holds texts: a tokenizer makes ids of them"),
        ({"rows": [(" ", 1, "no"), *ROWS]}, r"row 2, column \"text\": a missing value is no text"),
        ({"inputs": {"text": MASK, "stars": STARS}, "rows": [("", 1, "no"), *ROWS]}, r"a missing value is no text"),
        ({"tokenizer": "Words"}, r"unknown tokenizer \"Words\""),
    ],
)
def test_what_does_not_go_is_said(read: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphspecError, match=message):
        read(**change)


def test_rows_without_a_text_can_be_left_out(read: Any) -> None:
    assert len(read([("", 1, "no"), *ROWS], missing="drop").train) == 24
