"""torch operators that torch's own exporter writes wrongly, or not at all, in ONNX: one file a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphspec.exporting.onnx.translations import (
    activations,
    attention,
    casts,
    convolutions,
    distances,
    doubles,
    moved,
    orders,
    pools,
    powers,
    recurrent,
    resize,
    scattered,
    whole_numbers,
)

Translations = dict[Any, Callable[..., Any]]


def translations() -> Translations:
    """torch operator → the function that writes it."""
    found: Translations = {}
    kinds = (
        activations, attention, casts, convolutions, distances, doubles, moved, orders, pools, powers, recurrent,
        resize, scattered, whole_numbers,
    )  # fmt: skip
    for kind in kinds:
        found |= kind.translations()
    return found
