"""Sizes known only by name: how they are computed, printed, compared and bounded."""

from __future__ import annotations

import time
import warnings
from typing import Any

import pytest
import torch

import graphspec
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.shapes import ShapedGraph, dim_text
from graphspec.shapes.budget import Budget
from graphspec.shapes.infer import infer

IMAGE = ["N", 4, "H", "W"]
CONV = {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "bias": False}
HALF = {**CONV, "stride": 2, "padding": 1}


def shaped(layers: dict[str, Any], **sections: Any) -> ShapedGraph:
    spec = {"graphspec": 1, "inputs": {"x": IMAGE}, "layers": layers} | sections
    return graphspec.shape(graphspec.load(spec))


def fault(layers: dict[str, Any], **sections: Any) -> Any:
    with pytest.raises(GraphspecError) as caught:
        shaped(layers, **sections)
    (found,) = caught.value.diagnostics
    return found


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({"y": {**CONV, "padding": 1}}, "N × 4 × H × W"),
        ({"y": CONV}, "N × 4 × H - 2 × W - 2"),
        ({"y": HALF}, "N × 4 × (H + 1)//2 × (W + 1)//2"),
        ({"y": {"type": "MaxPool2d", "kernel_size": 2}}, "N × 4 × H//2 × W//2"),
        ({"y": {"type": "Upsample", "scale_factor": 2.0}}, "N × 4 × 2*H × 2*W"),
        ({"y": {"type": "Flatten"}}, "N × 4*H*W"),
        ({"y": {"type": "permute", "dims": [0, 2, 3, 1]}}, "N × H × W × 4"),
        ({"y": {"type": "cat", "from": ["x", "x"], "dim": 2}}, "N × 4 × 2*H × W"),
        ({"y": {"type": "AdaptiveAvgPool2d", "output_size": 1}}, "N × 4 × 1 × 1"),
        ({"y": {"type": "mean", "dim": [2, 3]}}, "N × 4"),
        ({"y": {"type": "slice", "dim": 2, "start": 1}}, "N × 4 × H - 1 × W"),
    ],
)
def test_a_size_is_printed_as_python_would_write_it(layers: dict[str, Any], expected: str) -> None:
    (kind,) = shaped(layers).output_types.values()
    assert str(kind) == expected


def test_sizes_by_different_ways_are_the_same_size() -> None:
    half, again = {**HALF, "from": "x"}, {"type": "MaxPool2d", "from": "x", "kernel_size": 3, "stride": 2, "padding": 1}
    found = shaped({"a": half, "b": again, "y": {"type": "add", "from": ["a", "b"]}})
    assert dim_text(found.output_types["output"].shape[2]) == "(H + 1)//2"


def test_h_against_half_of_h_is_refused_with_who_gives_what() -> None:
    found = fault({"down": HALF, "y": {"type": "add", "from": ["down", "x"]}})
    assert found.code == "shape-mismatch"
    assert "a size is (H + 1)//2 in one value and H in another" in found.message
    assert found.notes == ('"down" gives N × 4 × (H + 1)//2 × (W + 1)//2', '"x" gives N × 4 × H × W')


def test_two_names_are_two_sizes() -> None:
    turned = {"type": "transpose", "from": "x", "dim0": 2, "dim1": 3}
    assert fault({"t": turned, "y": {"type": "add", "from": ["t", "x"]}}).code == "shape-mismatch"
    square = {"inputs": {"x": ["N", 4, "H", "H"]}}
    assert shaped({"t": turned, "y": {"type": "add", "from": ["t", "x"]}}, **square)


@pytest.mark.parametrize(
    ("a", "b", "allowed"),
    [
        (["N", 8], ["N", 8], True),
        (["N", 8], ["N", 1], False),
        (["N", 8], [8], False),
        (["N", 8, 4, 4], ["N", 8, 1, 1], False),
        (["N", 1], ["N"], False),
        (["N", 8], [], True),
    ],
)
@pytest.mark.parametrize("name", ["add", "mul", "sub", "maximum"])
def test_broadcasting_is_asked_for(name: str, a: list[Any], b: list[Any], allowed: bool) -> None:
    inputs = {"inputs": {"a": a, "b": b}}
    layer = {"type": name, "from": ["a", "b"]}
    if allowed:
        shaped({"y": layer}, **inputs)
    else:
        assert fault({"y": layer}, **inputs).code == "broadcast"
    shaped({"y": {**layer, "broadcast": True}}, **inputs)


def test_a_size_known_at_run_time_can_be_computed_with_but_not_decided_by() -> None:
    rows = {"type": "reshape", "shape": ["${x.shape[0] * x.shape[2]}", 4, -1]}
    found = shaped({"y": rows})
    module = graphspec.build(found)
    assert module(torch.rand(2, 4, 3, 5)).shape == (6, 4, 5)
    assert str(found.output_types["output"].shape[0]) == "H*N"
    assert fault({"y": {"type": "ReLU", "if": "${x.shape[2] > 3}"}}).code == "bad-expression"
    assert fault({"y": {**CONV, "out_channels": "${x.shape[2]}"}}).message.endswith("and a module is built before")


def test_a_layer_that_needs_a_number_says_which() -> None:
    found = fault({"flat": "Flatten", "y": {"type": "Linear", "out_features": 2}})
    assert found.code == "dynamic-dim"
    assert "4*H*W" in found.message


@pytest.mark.parametrize(
    ("layers", "least"),
    [({"y": "ReLU"}, 1), ({"y": CONV}, 3), ({"a": CONV, "y": CONV}, 5),
     ({"a": {"type": "MaxPool2d", "kernel_size": 4}, "y": {"type": "MaxPool2d", "kernel_size": 4}}, 16)],
)  # fmt: skip
def test_the_least_size_leaves_every_value_an_element(layers: dict[str, Any], least: int) -> None:
    found = shaped(layers)
    assert found.dims["H"] == (least, None)
    assert found.dims["N"] == (1, None)
    graphspec.build(found)(torch.rand(1, 4, least, least))


@pytest.mark.parametrize(
    ("dtype", "layer", "expected"),
    [
        ("int64", {"type": "Embedding", "num_embeddings": 9, "embedding_dim": 2}, "N × 8 × 2"),
        ("float32", {"type": "argmax", "dim": 1}, "N int64"),
        ("bool", "logical_not", "N × 8 bool"),
        ("float64", {"type": "to", "dtype": "float32"}, "N × 8"),
        ("int64", {"type": "add", "from": ["x", "x"]}, "N × 8 int64"),
    ],
)
def test_dtypes_follow(dtype: str, layer: Any, expected: str) -> None:
    inputs = {"inputs": {"x": {"shape": ["N", 8], "dtype": dtype}}}
    assert str(shaped({"y": layer}, **inputs).output_types["output"]) == expected


def test_inferred_arguments_may_be_written_where_they_agree() -> None:
    assert shaped({"y": {**CONV, "in_channels": 4}}).layers[0].arguments["in_channels"] == 4
    assert fault({"y": {**CONV, "in_channels": 3}}).code == "inferred-mismatch"


@pytest.mark.parametrize(
    ("layers", "inputs", "code"),
    [
        ({"y": {"type": "Linear", "out_features": 10**9}}, ["N", 10**9], "too-many-parameters"),
        ({"y": {"type": "Linear", "out_features": 10**5}}, ["N", 10**5], "too-many-parameters"),
        ({"y": {"type": "Upsample", "scale_factor": 10_000.0}}, ["N", 3, 64, 64], "too-much-memory"),
        ({"y": {"type": "LSTM", "hidden_size": 4, "num_layers": 10**6}}, ["N", 3, 4], "too-large"),
        ({"y": {"type": "AdaptiveAvgPool2d", "output_size": 2**40}}, ["N", 3, 4, 4], "too-large"),
        ({"y": {"type": "AdaptiveAvgPool2d", "output_size": 2**30}}, ["N", 3, 4, 4], "too-much-memory"),
        ({"y": {**CONV, "padding": 2**40}}, ["N", 3, 4, 4], "too-large"),
        ({"y": {**CONV, "dilation": 2**40}}, ["N", 3, 4, 4], "too-large"),
        ({"y": "ReLU"}, [10**9, 3, 64, 64], "too-much-memory"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_allocated(
    layers: dict[str, Any], inputs: list[Any], code: str
) -> None:
    spec = {"graphspec": 1, "inputs": {"x": inputs}, "layers": layers}
    seconds = []
    for _ in range(3):
        start = time.process_time()
        with pytest.raises(GraphspecError) as caught:
            graphspec.compile(spec)
        seconds.append(time.process_time() - start)
        assert caught.value.diagnostics[0].code == code
    # the first run imports what it needs
    assert min(seconds) < 0.05


def test_the_budget_is_of_all_parameters_together() -> None:
    layers = {f"fc{n}": {"type": "Linear", "out_features": 100, "bias": False} for n in range(10)}
    graph = graphspec.compiler.graph(graphspec.load({"graphspec": 1, "inputs": {"x": ["N", 100]}, "layers": layers}))
    assert len(infer(graph, Budget(10 * 40_000)).layers) == 10
    with pytest.raises(GraphspecError, match=r'up to layer "fc9" need 400 kB, and this machine has 400 kB'):
        infer(graph, Budget(10 * 40_000 - 1))


def lints(layers: dict[str, Any], inputs: list[Any] = IMAGE, **sections: Any) -> list[tuple[str, str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shaped(layers, inputs={"x": inputs}, **sections)
    found = [row.message.diagnostic for row in caught if isinstance(row.message, GraphspecWarning)]
    return [(row.code, str(row.at[-1])) for row in found]


BIASED = {**CONV, "bias": True}
MAPS, ROW = {"inputs": {"x": ["N", 4, 8, 8]}}, {"inputs": {"x": ["N", 8]}}
LINEAR = {"type": "Linear", "out_features": 3}
SOFTMAX = {"fc": {"type": "Linear", "out_features": 3}, "soft": {"type": "Softmax", "dim": 1}}


@pytest.mark.parametrize(
    ("layers", "sections", "expected"),
    [
        ({"c": BIASED, "n": "BatchNorm2d"}, {}, [("bias-before-norm", "c")]),
        ({"c": CONV, "n": "BatchNorm2d"}, {}, []),
        ({"c": BIASED, "r": "ReLU", "n": "BatchNorm2d"}, {}, []),
        ({"c": BIASED, "n": "BatchNorm2d", "y": {"type": "add", "from": ["c", "n"]}}, {}, []),
        ({"n": "BatchNorm2d", "m": "BatchNorm2d"}, {}, []),
        ({"b": {"type": "B", "repeat": 3}},
         {"blocks": {"B": {"layers": {"c": BIASED, "n": "BatchNorm2d"}}}}, [("bias-before-norm", "c")]),
        ({"c": CONV, "r": "ReLU", "y": LINEAR}, MAPS, [("linear-after-conv", "y")]),
        ({"c": CONV, "f": "Flatten", "y": LINEAR}, MAPS, []),
        (SOFTMAX, {**ROW, "train": {"loss": "CrossEntropyLoss"}}, [("softmax-before-loss", "soft")]),
        (SOFTMAX, {**ROW, "train": {}}, [("softmax-before-loss", "soft")]),
        ({"fc": LINEAR, "relu": "ReLU"}, {**ROW, "train": {}}, [("softmax-before-loss", "relu")]),
        ({"fc": LINEAR, "tanh": "Tanh"}, {**ROW, "train": {}}, [("softmax-before-loss", "tanh")]),
        (SOFTMAX, {**ROW, "train": {"loss": "MSELoss"}}, []),
        (SOFTMAX, ROW, []),
        ({**SOFTMAX, "out": LINEAR}, {**ROW, "train": {}}, []),
    ],
)  # fmt: skip
def test_warnings(layers: dict[str, Any], sections: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    inputs = sections.get("inputs", {}).get("x", IMAGE)
    assert lints(layers, inputs, **{key: value for key, value in sections.items() if key != "inputs"}) == expected
