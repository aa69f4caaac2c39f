"""What somebody new gives in another form than it is taken: each refusal says what to write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphspec

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(60, 4)).astype("float32"), np.arange(60) % 3


def spec(shape: list[Any], columns: int = 3, **data: Any) -> dict[str, Any]:
    return {
        "graphspec": 1, "inputs": {"x": shape},
        "layers": {"flatten": "Flatten", "fc": {"type": "Linear", "out_features": columns}},
        "train": {"epochs": 1, "loss": "CrossEntropyLoss"}, **({"data": data} if data else {}),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "data", "said"),
    [
        (spec(["N", 4]), (X[0], Y[0]), r'a batch dim goes first: y\[None\] holds one sample'),
        (spec([1, 2, 2]), (X.reshape(60, 1, 2, 2), Y), r'the first dimension counts the samples: x = \["N", 1, 2, 2\]'),
        (spec([4]), (X, Y), r'the first dimension counts the samples: x = \["N", 4\]'),
        (spec(["N", 1, 2, 2]), (X.reshape(60, 2, 2), Y), r"images have a channel dim, 1 of grey ones: x\[:, None\]"),
        (spec(["N", 3, 4, 4]), (RANDOM.random((60, 4, 4, 3), dtype="float32"), Y), "the channels stand last"),
        (spec(["N", 4, 4, 3]), (RANDOM.random((60, 3, 4, 4), dtype="float32"), Y), r'go first: x = \["N", 3, 4, 4\]'),
        (spec(["N", 1, 2, 2]), (X, Y), r'x\.reshape\(-1, 1, 2, 2\) of an array, or x = \["N", 4\]'),
        (spec(["N", 4]), (X, Y + 1), r"classes count from 0: subtract 1"),
        (spec(["N", 4]), (X, np.array(["a", "b", "c"])[Y]), r"y = np\.unique\(y, return_inverse=True\)"),
        (spec(["N", 4]), (X[:20], Y[:20]), r"batch_size = \d+ takes them all at once"),
        (spec(["N", 4]), (X, np.eye(3, dtype="float32")[Y]), r"these are one-hot rows: y\.argmax\(1\) is the class"),
        (spec(["N", 4]), (X, np.eye(3, dtype="int64")[Y]), r"of one-hot rows y\.argmax\(1\) is the class"),
        (spec(["N", 4], 2), (X, np.where(Y > 0, 1, -1)), "write 0, 1, … instead"),
        (spec(["N", 4], 2), (X, np.where(Y > 0, 1.0, 0.0)), r"y\.astype\(int\)"),
    ],
)  # fmt: skip
def test_arrays(given: dict[str, Any], data: Any, said: str, tmp_path: Any) -> None:
    with pytest.raises(graphspec.GraphspecError, match=said):
        graphspec.train(given, data=data, run=tmp_path / "run")


def test_a_table_beside_the_spec(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b,c,d,label\n" + "1,2,3,4,x\n4,3,2,1,y\n" * 30)
    given = spec(["N", 4], 2, dataset={"type": "csv", "file": "t.csv", "target": "label"})
    with pytest.raises(graphspec.GraphspecError, match=r'write root = "\." in \[data\], or --data \.'):
        graphspec.train(given)
    given["data"]["root"] = "."
    assert graphspec.train(given).epochs == 1
