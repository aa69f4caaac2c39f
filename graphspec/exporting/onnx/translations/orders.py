"""Sorting: ONNX keeps the order of equal values, stable or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript.function_libs.torch_lib.ops import core


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    return {torch.ops.aten.sort.stable: _sort}


def _sort(values: Any, *, stable: bool | None = None, dim: int = -1, descending: bool = False) -> Any:
    return core.aten_sort(values, dim, descending)
