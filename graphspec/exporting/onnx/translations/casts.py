"""Reductions with a dtype: torch casts before it computes, where its own translation casts what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript.function_libs.torch_lib.ops import core, special

from graphspec.exporting.onnx.translations.values import cast


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.mean.dim: _mean,
        aten.softmax.int: _along(core.aten_softmax),
        aten.log_softmax.int: _along(special.aten_special_log_softmax),
    }


def _mean(values: Any, dim: Any, keepdim: bool = False, dtype: int | None = -1) -> Any:
    return core.aten_mean_dim(cast(values, dtype), dim, keepdim=keepdim)


def _along(torch_s: Callable[..., Any]) -> Callable[..., Any]:
    return lambda values, dim, dtype=-1: torch_s(cast(values, dtype), dim)
