"""The small pieces of a bundle's README that every format's section is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.spec.dims import NamedDim

Signature = Mapping[str, Any]
Sizes = Mapping[str, int]


def example_shape(value: Mapping[str, Any], sizes: Sizes) -> list[int]:
    """The shape of one input or output, `sizes` for its dynamic dims."""
    named = (dim if isinstance(dim, int) else NamedDim.of(dim) for dim in value["shape"])
    return [dim if isinstance(dim, int) else dim.factor * sizes[dim.name] for dim in named]


def code(language: str, lines: Sequence[str]) -> str:
    """A block of code."""
    return "\n".join([f"```{language}", *lines, "```", ""])


def zero_tensors(signature: Signature, sizes: Sizes) -> str:
    """The inputs as arguments in torch's own words."""
    made = [f"torch.zeros({tuple(example_shape(v, sizes))}, dtype=torch.{v['dtype']})" for v in signature["inputs"]]
    return ", ".join(made)
