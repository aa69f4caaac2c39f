"""Weights side by side, by tensor of the state_dict."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphspec.comparing.pairing import Pairing, owned
from graphspec.compiler import Network
from graphspec.shapes.shaped import TensorType

Row = dict[str, Any]


def tensor_rows(before: Network, after: Network, pairing: Pairing) -> list[Row]:
    """A row for each tensor that is not the same; those of renamed layers are compared as those of one."""
    old, new = _tensors(before), _tensors(after)
    earlier = pairing.old
    place = {key: n for n, key in enumerate(old)}
    rows: list[tuple[float, Row]] = []
    at = -1.0
    for key, b in new.items():
        was = (earlier.get(key[0], key[0]), key[1])
        a = old.get(was)
        at = place.get(was, at)
        if row := _row(was if a is not None else key, key if a is not None else None, a, b):
            rows.append((at, row))
    seen = {(earlier.get(owner, owner), name) for owner, name in new}
    rows += [(place[key], _row(key, None, a, None) or {}) for key, a in old.items() if key not in seen]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _tensors(network: Network) -> dict[tuple[str, str], Tensor]:
    return {(owner, name): tensor for owner, held in owned(network).items() for name, tensor in held.items()}


def _row(key: tuple[str, str], later: tuple[str, str] | None, a: Tensor | None, b: Tensor | None) -> Row | None:
    comparable = a is not None and b is not None and a.shape == b.shape and a.dtype == b.dtype
    difference = _greatest(a, b) if comparable and a is not None and b is not None else None
    if difference == 0:
        return None
    names = [None if each is None else ".".join(filter(None, each)) for each in (key, later)]
    renamed = names[1] if names[1] != names[0] else None
    return {
        "tensor": names[0], "renamed_to": renamed, "before": _shape(a), "after": _shape(b), "difference": difference,
    }  # fmt: skip


def _shape(tensor: Tensor | None) -> str | None:
    return None if tensor is None else str(TensorType(tuple(tensor.shape), tensor.dtype))


def _greatest(a: Tensor, b: Tensor) -> float:
    """max|a − b|; NaN beside NaN and infinity beside its like are equal, beside anything else infinitely off."""
    if a.numel() == 0 or torch.equal(a, b):
        return 0.0
    apart = (a.double() - b.double()).abs()
    apart[(a == b) | (a.isnan() & b.isnan())] = 0.0
    return float(apart.nan_to_num(nan=float("inf"), posinf=float("inf")).max())
