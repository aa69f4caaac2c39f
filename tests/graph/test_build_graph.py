"""References, blocks, repeats and conditions, written out: which layer takes what."""

from __future__ import annotations

from typing import Any

import pytest

import graphspec
from graphspec.compiler import graph
from graphspec.diagnostics import GraphspecError

BLOCKS = """
[blocks.Half]
vars = { width = 4 }
[blocks.Half.layers]
fc = { type = "Linear", out_features = "${width}" }
act = "ReLU"
[blocks.Sum]
inputs = ["left", "right"]
[blocks.Sum.layers]
add = { type = "add", from = ["left", "right"] }
[blocks.Fork.layers]
low = "ReLU"
high = { type = "GELU", from = "x" }
[blocks.Fork.outputs]
low = "low"
high = "high"
"""


def wires(layers: str, inputs: str = 'x = ["N", 4]', more: str = "") -> dict[str, list[str]]:
    """Layer → what it takes, in order; conditions that need shapes are decided."""
    blocks = "".join(f"[blocks.{part}" for part in BLOCKS.split("[blocks.")[1:])
    text = f"graphspec = 1\n[inputs]\n{inputs}\n[layers]\n{layers}\n{more}\n{blocks}"
    shaped = graphspec.shape(graphspec.load(text))
    return {
        layer.name: [
            ref.layer
            for value in layer.operands.values()
            for ref in (value if isinstance(value, tuple) else [value])
            if hasattr(ref, "layer")
        ]
        for layer in shaped.layers
    }


pytestmark = pytest.mark.filterwarnings("ignore:.*unused-block")


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ('a = "ReLU"\nb = "GELU"', {"a": ["x"], "b": ["a"]}),
        ('a = "ReLU"\nb = { type = "GELU", from = "x" }\nc = { type = "add", from = ["b", "a"] }',
         {"a": ["x"], "b": ["x"], "c": ["b", "a"]}),
        ('a = { type = "add", from = ["x", "x"] }', {"a": ["x", "x"]}),
        ('b = { type = "GELU", from = "a" }\na = { type = "ReLU", from = "x" }\nc = { type = "Tanh", from = "b" }',
         {"a": ["x"], "b": ["a"], "c": ["b"]}),
        ('a = { type = "sub", from = { other = "x", input = "b" } }\nb = { type = "ReLU", from = "x" }\n'
         'c = { type = "Tanh", from = "a" }', {"b": ["x"], "a": ["b", "x"], "c": ["a"]}),
        ('s = { type = "chunk", chunks = 2, dim = 1 }\na = { type = "add", from = ["s.1", "s.0"] }',
         {"s": ["x"], "a": ["s", "s"]}),
        ('h = "Half"\ny = "Tanh"', {"h.fc": ["x"], "h.act": ["h.fc"], "y": ["h.act"]}),
        ('h = { type = "Half", repeat = 2 }',
         {"h.0.fc": ["x"], "h.0.act": ["h.0.fc"], "h.1.fc": ["h.0.act"], "h.1.act": ["h.1.fc"]}),
        ('"h${i + 1}" = { type = "ReLU", repeat = 3 }\ny = { type = "add", from = ["h1", "h3"] }',
         {"h1": ["x"], "h2": ["h1"], "h3": ["h2"], "y": ["h1", "h3"]}),
        ('a = "ReLU"\ns = { type = "Sum", from = ["a", "x"] }', {"a": ["x"], "s.add": ["a", "x"]}),
        ('a = "ReLU"\ns = { type = "Sum", from = { right = "a", left = "x" } }', {"a": ["x"], "s.add": ["x", "a"]}),
        ('f = "Fork"\ny = { type = "add", from = ["f.high", "f.low"] }',
         {"f.low": ["x"], "f.high": ["x"], "y": ["f.high", "f.low"]}),
        ('a = { type = "ReLU", if = false }\ny = "GELU"', {"y": ["x"]}),
        ('a = { type = "ReLU", if = "${x.shape[1] == 4}" }\ny = "GELU"', {"a": ["x"], "y": ["a"]}),
        ('a = { type = "ReLU", if = "${x.shape[1] != 4}" }\ny = "GELU"', {"y": ["x"]}),
        ('h = { type = "Half", if = "${x.shape[1] != 4}" }\ny = { type = "add", from = ["h", "x"] }',
         {"y": ["x", "x"]}),
        ('h = { type = "Half", repeat = 2, if = "${i == 0}" }\ny = "GELU"',
         {"h.0.fc": ["x"], "h.0.act": ["h.0.fc"], "y": ["h.0.act"]}),
        ('a = { type = "Linear", out_features = 4 }\nb = { reuse = "a" }\nc = { reuse = "a", from = "x" }\n'
         'y = { type = "add", from = ["b", "c"] }', {"a": ["x"], "b": ["a"], "c": ["x"], "y": ["b", "c"]}),
    ],
)  # fmt: skip
def test_wires(layers: str, expected: dict[str, list[str]]) -> None:
    assert wires(layers) == expected


def test_several_inputs_each_with_its_own_type() -> None:
    found = wires(
        'e = { type = "Embedding", from = "ids", num_embeddings = 9, embedding_dim = 4 }\n'
        'y = { type = "add", from = ["e", "x"] }',
        'x = ["N", "T", 4]\nids = { shape = ["N", "T"], dtype = "int64" }',
    )
    assert found == {"e": ["ids"], "y": ["e", "x"]}


def test_a_blocks_variables_are_its_own() -> None:
    text = """
        graphspec = 1
        [vars]
        width = 7
        [inputs]
        x = ["N", 4]
        [layers]
        a = { type = "B", width = "${width * 2}" }
        b = "B"
        [blocks.B]
        vars = { width = 3, deep = "${width + 1}" }
        [blocks.B.layers]
        one = { type = "Linear", out_features = "${width}" }
        two = { type = "Linear", out_features = "${deep}" }
    """
    shaped = graphspec.shape(graphspec.load(text))
    assert [layer.arguments["out_features"] for layer in shaped.layers] == [14, 15, 3, 4]


def test_the_graph_is_in_an_order_of_execution_and_uses_are_counted() -> None:
    spec = graphspec.load(
        'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\nb = { type = "add", from = ["a", "a"] }\n'
        'a = { type = "ReLU", from = "x" }\n[outputs]\ny = "b"\n'
    )
    found = graph(spec)
    assert list(found.nodes) == ["a", "b"]
    assert dict(found.uses) == {"a": 2, "x": 1}


@pytest.mark.parametrize(
    ("layers", "code", "says"),
    [
        ({"a": {"type": "ReLU", "from": "b"}, "b": {"type": "ReLU", "from": "a"}}, "cycle", '"a" → "b" → "a"'),
        ({"a": {"type": "add", "from": ["x", "a"]}}, "cycle", '"a" → "a"'),
        ({"a": "ReLU", "b": {"type": "ReLU", "from": "x"}}, "unused-layer", 'nothing uses layer "a"'),
        ({"a": {"type": "ReLU", "from": "y"}}, "unknown-reference", 'no layer or input "y"'),
        ({"a": {"type": "ReLU", "repeat": 10_001}}, "too-many-layers", "10,001 layers"),
        ({"a": {"type": "ReLU", "repeat": -1}}, "bad-value", "not from 1 to 10000"),
        ({"a": {"reuse": "a"}}, "bad-value", "reuse"),
        ({"a": {"type": "chunk", "chunks": 2}, "b": {"type": "ReLU", "from": "a.7"}}, "unknown-reference", '"7"'),
    ],
)
def test_refused(layers: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(GraphspecError) as caught:
        graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": layers})
    assert caught.value.diagnostics[0].code == code
    assert says in str(caught.value)


@pytest.mark.parametrize("size", ["${late.shape[1]}", "${5 if late.shape[1] == 5 else 6}"])
def test_a_line_comes_after_those_whose_sizes_it_reads(size: str) -> None:
    layers = {
        "wide": {"type": "Linear", "from": "x", "out_features": size},
        "late": {"type": "Linear", "from": "x", "out_features": 5},
        "sum": {"type": "add", "from": ["wide", "late"]},
    }
    network = graphspec.load({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": layers})
    assert [layer.name for layer in network.shaped.layers] == ["late", "wide", "sum"]


def test_a_line_that_reads_its_own_size_is_refused() -> None:
    layers = {"fc": {"type": "Linear", "from": "x", "out_features": "${fc.shape[1]}"}}
    with pytest.raises(GraphspecError, match="not known here"):
        graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": layers})


def test_a_tensor_is_tied_to_a_layer_whose_inputs_come_later() -> None:
    block = {
        "inputs": ["y", "z"],
        "outputs": {"fc": "fc", "aside": "aside"},
        "layers": {
            "fc": {"type": "Linear", "from": "y", "out_features": 8},
            "aside": {"type": "Linear", "from": "z", "out_features": 8, "tie": {"weight": "fc.weight"}},
        },
    }
    layers = {
        "pair": {"type": "Pair", "from": ["late", "x"]},
        "late": {"type": "Linear", "from": "x", "out_features": 8},
        "sum": {"type": "add", "from": ["pair.fc", "pair.aside"]},
    }
    module = graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": layers, "blocks": {"Pair": block}})
    assert module.pair.fc.weight is module.pair.aside.weight


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("CrossEntropyLoss", 'a loss stands in [train]: loss = "CrossEntropyLoss"'),
        ("LinearCrossEntropyLoss", "end with Linear and use CrossEntropyLoss"),
    ],
)
def test_a_loss_among_layers_is_sent_to_its_section(kind: str, hint: str) -> None:
    with pytest.raises(GraphspecError) as caught:
        graph(graphspec.load({"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"loss": kind}}))
    assert [fault.hint for fault in caught.value.diagnostics] == [hint]
