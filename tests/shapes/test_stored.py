"""Numbers that a layer stores are held by its dtype, or refused; torch's dtype faults say what helps."""

from __future__ import annotations

from typing import Any

import pytest

from graphspec import compiler
from graphspec.diagnostics import GraphspecError

IDS = {"x": {"shape": ["N", 4], "dtype": "int64"}}
MASKED = IDS | {"m": {"shape": ["N", 4], "dtype": "bool"}}
CUT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "masked_fill": (MASKED, {"from": ["x", "m"], "value": 0.5}),
    "full_like": (IDS, {"fill_value": 0.5}),
    "new_full": (IDS, {"size": [3], "fill_value": 2.5}),
    "pad": (IDS, {"pad": [1, 1], "value": 0.5}),
    "Threshold": (IDS, {"threshold": 1, "value": 0.7}),
    "Hardtanh": (IDS, {"min_val": -0.5, "max_val": 3}),
    "scatter": (IDS | {"i": {"shape": ["N", 1], "dtype": "int64"}}, {"from": ["x", "i"], "dim": 1, "value": 0.5}),
    "full": (IDS, {"from": [], "size": [1], "fill_value": 300, "dtype": "uint8"}),
    "Buffer": (IDS, {"from": [], "data": [[1, 2], [2.5, 1]], "dtype": "int64"}),
    "arange": (IDS, {"from": [], "start": 0.5, "end": 3, "dtype": "int64"}),
}


def loaded(inputs: dict[str, Any], line: dict[str, Any]) -> Any:
    layers = {"y": line} | {f"{name}_used": {"type": "abs", "from": name} for name in inputs if name != "m"}
    outputs = {name: name for name in layers}
    return compiler.load({"graphspec": 1, "inputs": inputs, "layers": layers, "outputs": outputs}).shaped


@pytest.mark.parametrize("name", CUT)
def test_what_a_dtype_cannot_hold_is_refused(name: str) -> None:
    inputs, line = CUT[name]
    with pytest.raises(GraphspecError, match=r'layer "y": .*(cannot hold|cannot be converted)'):
        loaded(inputs, {"type": name, **line})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("full_like", {"fill_value": 2.0}),
        ("full_like", {"fill_value": 0.5, "dtype": "float32"}),
        ("Buffer", {"from": [], "data": [True, False]}),
        ("clamp", {"min": 0.5}),
    ],
)
def test_what_it_holds_is_taken(name: str, line: dict[str, Any]) -> None:
    loaded(IDS, {"type": name, **line})


def test_a_place_is_no_number_that_is_stored() -> None:
    every_other = {"type": "slice", "dim": 1, "start": 3, "step": 2}
    mask = {"x": {"shape": ["N", 8], "dtype": "bool"}}
    assert compiler.load({"graphspec": 1, "inputs": mask, "layers": {"y": every_other}}).shaped


@pytest.mark.parametrize(
    ("name", "line", "wanted"),
    [
        ("quantile", {"q": 0.5, "dim": 1}, "float32"),
        ("LeakyReLU", {}, "float32"),
        ("PReLU", {}, "float32"),
        ("norm", {"dim": 1}, "float32"),
        ("one_hot", {"num_classes": 5}, "int64"),
    ],
)
def test_a_fault_of_dtypes_says_which_helps(name: str, line: dict[str, Any], wanted: str) -> None:
    inputs = {"x": {"shape": ["N", 4], "dtype": "int32" if wanted == "int64" else "int64"}}
    with pytest.raises(GraphspecError, match=rf'error\[wrong-dtype\](.|\n)*dtype = "{wanted}" }} before it helps'):
        loaded(inputs, {"type": name, **line})
