"""Whole numbers that a network makes itself choose rows of a table: for which sizes there are such rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import graphspec
from graphspec.diagnostics import GraphspecError

LENGTH = "${x.shape[1]}"
PLACES = {"t": {"type": "arange", "end": LENGTH}}
REAL = {"m": {"type": "ne", "from": "x", "other": 0}, "k": {"type": "to", "dtype": "int64"}}
TABLE = {"type": "Embedding", "num_embeddings": 8, "embedding_dim": 2}
FLIPPED = {"f": {"type": "flip", "from": "t", "dims": [0]}}


def spec(layers: dict[str, Any]) -> dict[str, Any]:
    tokens = {"shape": ["N", "T"], "dtype": "int64"}
    body = {**layers, "y": TABLE, "r": {"type": "to", "from": "x", "dtype": "float32"}}
    return {"graphspec": 1, "inputs": {"x": tokens}, "layers": body, "outputs": {"rows": "y", "rest": "r"}}


def repeated(kind: str, count: int) -> dict[str, Any]:
    """What is done to places with themselves, time after time."""
    return {f"q{k}": {"type": kind, "from": [f"q{k - 1}" if k else "t"] * 2} for k in range(count)}


#: The layers whose last one chooses among 8 rows, and the greatest T; None where there is no end that is certain.
GREATEST: dict[str, tuple[dict[str, Any], int | None]] = {
    "places": (PLACES, 8),
    "places from 2 on": ({**PLACES, "a": {"type": "add", "other": 2}}, 6),
    "every other place": ({**PLACES, "a": {"type": "mul", "other": 2}}, 4),
    "places held within the table": ({**PLACES, "a": {"type": "clamp", "max": 7}}, None),
    "places held a row too late": ({**PLACES, "a": {"type": "clamp", "max": 8}}, 8),
    "places from the last on": ({**PLACES, **FLIPPED}, 8),
    "places in another shape": ({**PLACES, "a": {"type": "reshape", "shape": [1, -1]}}, 8),
    "as many as another": ({**PLACES, "a": {"type": "unsqueeze", "dim": 0},
                            "b": {"type": "expand_as", "from": ["a", "x"]}}, 8),
    "places of other places": ({**PLACES, "a": {"type": "unsqueeze", "dim": 0},
                                "b": {"type": "unsqueeze", "from": "t", "dim": 1},
                                "d": {"type": "sub", "from": ["a", "b"], "broadcast": True},
                                "e": {"type": "add", "other": 3}}, 4),
    "a place and the one opposite": ({**PLACES, **FLIPPED, "a": {"type": "add", "from": ["t", "f"]}}, None),
    "a place less itself": ({**PLACES, "a": {"type": "sub", "from": ["t", "t"]}}, None),
    "real tokens, counted": ({**REAL, "c": {"type": "cumsum", "dim": 1}}, 7),
    "real tokens, counted, where they are": ({**REAL, "c": {"type": "cumsum", "dim": 1},
                                              "a": {"type": "mul", "from": ["c", "k"]}}, 7),
    "real tokens, counted twice": ({**REAL, "c": {"type": "cumsum", "dim": 1},
                                    "d": {"type": "cumsum", "dim": 1}}, None),
    "how many real tokens": ({**REAL, "c": {"type": "sum", "dim": [1]}}, 7),
    "one of two that exclude each other": (
        {**REAL, "o": {"type": "eq", "from": "x", "other": 0}, "p": {"type": "to", "dtype": "int64"},
         "a": {"type": "add", "from": ["k", "p"]}, "c": {"type": "cumsum", "dim": 1}}, None),
    "places doubled until all are 0": ({**PLACES, **repeated("add", 64)}, None),
    "a constant added": ({**PLACES, "b": {"type": "Buffer", "data": [3]},
                          "a": {"type": "add", "from": ["t", "b"], "broadcast": True}}, 5),
}  # fmt: skip


@pytest.mark.parametrize("name", GREATEST)
def test_the_range_ends_where_the_table_does(name: str) -> None:
    layers, greatest = GREATEST[name]
    network = graphspec.load(spec(layers))
    graph = graphspec.shape(network)
    assert graph.dims == {"N": (1, None), "T": (1, greatest)}
    module = graphspec.build(graph).eval()
    if greatest:
        module(torch.ones(2, greatest, dtype=torch.int64))
        with pytest.raises(IndexError):
            module(torch.ones(2, greatest + 1, dtype=torch.int64))


#: Functions that choose by position, beside the Embedding, and what they choose from: there is room for 8 positions.
CHOOSING: dict[str, dict[str, Any]] = {
    "embedding": {"from": ["t", "table"]},
    "one_hot": {"from": "t", "num_classes": 8},
    **{name: {"from": ["line", "t"], "dim": 0} for name in ("gather", "take_along_dim", "index_select")},
    **{name: {"from": ["line", "t", "x"], "dim": -1} for name in ("scatter", "scatter_add", "index_add", "index_copy")},
    "scatter_reduce": {"from": ["line", "t", "x"], "dim": -1, "reduce": "amax"},
}


@pytest.mark.parametrize("name", CHOOSING)
def test_every_function_that_takes_indices_knows_where_its_table_ends(name: str) -> None:
    tables = {"table": {"type": "Parameter", "shape": [8, 2]}, "line": {"type": "Parameter", "shape": [8]}}
    used = {key: line for key, line in tables.items() if key in CHOOSING[name]["from"]}
    layers = {"t": {"type": "arange", "end": "${x.shape[0]}"}, **used, "y": {"type": name, **CHOOSING[name]}}
    layers["rest"] = {"type": "abs", "from": "x"}
    spec = {"graphspec": 1, "inputs": {"x": ["T"]}, "layers": layers, "outputs": {"rows": "y", "r": "rest"}}
    assert graphspec.shape(graphspec.load(spec)).dims == {"T": (1, 8)}


REFUSED = {
    "below 0": ({**PLACES, "a": {"type": "sub", "other": 1}}, "its indices begin at -1"),
    "beyond the table": ({"b": {"type": "Buffer", "data": [8]}}, "its indices go up to 8, the last row is 7"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_indices_that_no_size_makes_rows_are_refused_at_the_table(name: str) -> None:
    layers, message = REFUSED[name]
    with pytest.raises(GraphspecError) as caught:
        graphspec.shape(graphspec.load(spec(layers)))
    (fault,) = caught.value.diagnostics
    assert fault.at == ("layers", "y")
    assert message in fault.message
    assert not fault.hint or fault.hint.startswith("it breaks at T = 1")
    assert "multiples" not in fault.hint


def test_numbers_far_beyond_int64_are_not_computed() -> None:
    """4 squared 40 times has two trillion bits."""
    layers = {"t": {"type": "arange", "end": 5}, **repeated("mul", 40)}
    assert graphspec.load(spec(layers)).shaped.layers
