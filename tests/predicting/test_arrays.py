"""Arrays are predicted as the files that hold the same numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris

import graphspec

ROWS: dict[str, Any] = {
    "graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"fc": {"type": "Linear", "out_features": 3}},
    "data": {"dataset": "iris", "transforms": ["StandardScaler"]}, "train": {"epochs": 1},
}  # fmt: skip
PICTURES: dict[str, Any] = {
    "graphspec": 1, "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc": {"type": "Linear", "out_features": 10}},
    "data": {"dataset": "digits", "transforms": [{"type": "Normalize", "mean": [0.3], "std": [0.4]}]},
    "train": {"epochs": 1},
}  # fmt: skip
TWO: dict[str, Any] = {
    "graphspec": 1, "inputs": {"a": ["N", 2], "b": ["N", 2]},
    "layers": {"cat": {"type": "cat", "from": ["a", "b"], "dim": 1}, "fc": {"type": "Linear", "out_features": 3}},
    "data": {"dataset": "iris", "transforms": ["StandardScaler"]}, "train": {"epochs": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: Any) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("runs")
    x, y = load_iris(return_X_y=True)
    return {
        "rows": graphspec.train(ROWS, run=root / "rows"),
        "pictures": graphspec.train(PICTURES, run=root / "pictures"),
        "two": graphspec.train(TWO, run=root / "two", data=({"a": x[:, :2], "b": x[:, 2:] * 100}, y)),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "samples"),
    [("rows", load_iris().data[:3]), ("pictures", (load_digits().images[:3, None] * 15.9).astype("uint8"))],
)
def test_an_array_gives_what_its_file_gives(run: dict[str, Any], name: str, samples: Any, tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", samples)
    of_file = graphspec.predict(run[name], tmp_path / "x.npy")
    lists = samples.tolist() if name == "rows" else samples
    for given in (samples, torch.from_numpy(samples), lists, tuple(lists)):
        found = graphspec.predict(run[name], given)
        assert [each.sample for each in found] == ["sample 0", "sample 1", "sample 2"]
        assert [(each.label, each.outputs) for each in found] == [(each.label, each.outputs) for each in of_file]


@pytest.mark.filterwarnings("ignore")
def test_several_inputs_are_a_dict_and_scaled_each(run: dict[str, Any]) -> None:
    x = load_iris().data
    found = graphspec.predict(run["two"], {"b": x[:3, 2:] * 100, "a": x[:3, :2]})
    learned = json.loads((run["two"].run / "learned.json").read_text())["values"]
    inputs = [
        torch.tensor((values - learned[name][0]["mean"]) / learned[name][0]["std"], dtype=torch.float32)
        for name, values in (("a", x[:3, :2]), ("b", x[:3, 2:] * 100))
    ]
    wanted = run["two"].module(*inputs).tolist()
    assert np.allclose([next(iter(each.outputs.values())) for each in found], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "samples", "said"),
    [
        ("rows", np.zeros(4), r"no batch dim; put it in a batch: x\[None\] is 1 × 4"),
        ("rows", np.zeros((2, 5)), "a sample .* is 5, the input .x. takes 4|a sample has 5 features"),
        ("rows", np.array([["a"] * 4]), "no numbers"),
        ("rows", np.zeros((0, 4)), "is empty"),
        ("rows", [[1.0] * 4, [1.0, 2.0, float("nan"), 3.0]], "row 2 of the array holds nan, which is no finite number"),
        ("rows", np.full((2, 4), np.inf), "row 1 of the array holds inf"),
        ("rows", np.full((2, 4), 1e300), "row 1 of the array holds inf, which is no finite number"),
        ("pictures", np.full((2, 1, 8, 8), np.nan), "no finite number"),
        ("pictures", np.zeros((2, 8, 8, 1), "float32"), "channels come first"),
        ("two", np.zeros((2, 4)), "give a dict of arrays"),
        ("two", {"a": np.zeros((2, 2)), "c": np.zeros((2, 2))}, 'the inputs are "a", "b"'),
        ("two", {"a": np.zeros((2, 2)), "b": np.zeros((3, 2))}, "different numbers of samples"),
    ],
)
def test_what_does_not_fit_is_refused(run: dict[str, Any], name: str, samples: Any, said: str) -> None:
    with pytest.raises(graphspec.GraphspecError, match=said):
        graphspec.predict(run[name], samples)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_pixels_up_to_255_beside_pictures_up_to_1_are_said(run: dict[str, Any], dtype: str) -> None:
    pixels = (load_digits().images[:3, None] * 15.9).astype("uint8")
    with pytest.warns(graphspec.GraphspecWarning, match=r"first of 3 such samples of 3\)(.|\n)*give uint8"):
        graphspec.predict(run["pictures"], pixels.astype(dtype))
