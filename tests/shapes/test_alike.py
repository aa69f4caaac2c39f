"""Layers that are written alike, on values of the same types, are judged once; any difference keeps them apart."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import graphspec
from graphspec.compiler import load

infer = importlib.import_module("graphspec.shapes.infer")


def network(layers: dict[str, Any], shape: list[Any] | None = None) -> dict[str, Any]:
    return {"graphspec": 1, "inputs": {"x": shape or ["N", 8]}, "layers": layers}


def judged(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many layers were looked at one by one."""
    seen, fit = [], infer.fit_arguments
    monkeypatch.setattr(infer, "fit_arguments", lambda *args: [seen.append(args), fit(*args)][1])
    assert load(given).shaped.layers
    return len(seen)


def test_a_thousand_alike_are_judged_as_two(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = {"a": {"type": "Linear", "out_features": 8, "repeat": 500}, "b": {"type": "ReLU", "repeat": 500}}
    assert judged(network(layers), monkeypatch) == 2


@pytest.mark.parametrize(
    "layers",
    [
        {"a": {"type": "Linear", "out_features": 8}, "b": {"type": "Linear", "out_features": 8, "bias": False}},
        {"a": {"type": "Linear", "out_features": 4}, "b": {"type": "Linear", "out_features": 4}},
        {"a": {"type": "Dropout", "p": 0}, "b": {"type": "Dropout", "p": 0.0}},
        {"a": {"type": "add", "from": ["x", "x"]}, "b": {"type": "add", "from": ["a", "x"]}},
        {"a": {"type": "Linear", "out_features": "${4 * i + 8}", "repeat": 2}},
    ],
)
def test_what_differs_is_judged_apart(layers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(network(layers), monkeypatch) == 2


def test_each_of_those_alike_has_its_own_fault() -> None:
    layers = {name: {"type": "Linear", "out_features": 8, "in_features": 9, "from": "x"} for name in ("a", "b")}
    with pytest.raises(graphspec.GraphspecError) as raised:
        load(network({**layers, "c": {"type": "add", "from": ["a", "b"]}})).shaped  # noqa: B018
    assert [fault.at for fault in raised.value.diagnostics] == [
        ("layers", "a", "in_features"), ("layers", "b", "in_features")
    ]  # fmt: skip


def test_a_table_that_indices_choose_from_is_judged_each_time() -> None:
    """Of values of one type one may fit its table, and another not."""
    layers = {
        "n": {"type": "arange", "end": "${x.shape[1]}"},
        "more": {"type": "add", "from": "n", "other": 1},
        "a": {"type": "Embedding", "num_embeddings": 8, "embedding_dim": 4, "from": "n"},
        "b": {"type": "Embedding", "num_embeddings": 8, "embedding_dim": 4, "from": "more"},
        "c": {"type": "add", "from": ["a", "b"]},
        "d": {"type": "add", "from": ["c", "x"], "broadcast": True},
    }
    with pytest.raises(graphspec.GraphspecError, match="its indices go up to 8") as raised:
        load(network(layers, ["N", 8, 4])).shaped  # noqa: B018
    assert raised.value.diagnostics[0].at == ("layers", "b")
