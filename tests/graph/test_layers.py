"""A layer of the graph, and the same one with other sources."""

from __future__ import annotations

import dataclasses
from typing import Any

from graphspec.graph import Layer


def test_a_layer_that_takes_something_else_is_otherwise_the_same() -> None:
    every: dict[str, Any] = {field.name: object() for field in dataclasses.fields(Layer)}
    layer, sources = Layer(**every), {}
    for name, value in every.items():
        assert getattr(layer.taking(sources), name) is (sources if name == "sources" else value)
