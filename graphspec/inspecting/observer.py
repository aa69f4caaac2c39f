"""Hooks that see each layer's output, and the gradient that comes back to it, in one pass."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.compiler import Network
from graphspec.inspecting.activations import RECURRENT, SILENT, ends_of, units_dim
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer

#: So near to an end, as a part of the span, a value is saturated: a sigmoid's slope is below a twelfth of its greatest.
_NEAR = 0.02


@dataclasses.dataclass
class Seen:
    """The sums over all calls of one layer: of its values, and of its gradient's squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    zeros: int = 0
    near_ends: int = 0
    rows: int = 0
    silent: Tensor | None = None
    gradient: float | None = None
    by_time: tuple[float, ...] = ()
    finite: bool = True

    @property
    def mean(self) -> float | None:
        """Of all values."""
        return self.total / self.count if self.count else None

    @property
    def std(self) -> float | None:
        """Of all values."""
        if not self.count:
            return None
        return math.sqrt(max(0.0, self.squares / self.count - (self.total / self.count) ** 2))

    def share(self, of: int) -> float | None:
        """A count as a share of all values."""
        return of / self.count if self.count else None

    def add_gradient(self, gradient: Tensor) -> None:
        """What comes back to one of the outputs."""
        squares = gradient.detach().double().square().sum().item()
        self.gradient = math.sqrt((self.gradient or 0.0) ** 2 + squares)


@contextlib.contextmanager
def observed(network: Network) -> Iterator[dict[str, Seen]]:
    """Inside, a pass through the network's module and back fills what is given, by the name of each layer called."""
    modules, shaped = dict(network.module.named_modules()), network.shaped
    called = [layer for layer in shaped.layers if layer.module == layer.name and layer.name in modules]
    found, handles = {layer.name: Seen() for layer in called}, []
    for layer in called:
        handles.append(modules[layer.name].register_forward_hook(_forward(found[layer.name], layer, shaped)))
        if layer.type in RECURRENT:
            before = _before_recurrent(found[layer.name], time_of(layer))
            handles.append(modules[layer.name].register_forward_pre_hook(before))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def time_of(layer: ShapedLayer) -> int:
    """The dimension of a recurrent layer's input along which its steps are."""
    return 1 if layer.arguments.get("batch_first") else 0


def _forward(seen: Seen, layer: ShapedLayer, shaped: ShapedGraph) -> Any:
    ends, dim, may_fall_silent = ends_of(layer), units_dim(layer, shaped), layer.type in SILENT

    def hook(module: nn.Module, arguments: object, output: object) -> None:
        value = _first(output)
        if value is None or not value.is_floating_point() or not value.numel():
            return
        if value.requires_grad:
            value.register_hook(seen.add_gradient)
        plain = value.detach().double()
        seen.finite = seen.finite and bool(plain.isfinite().all())
        seen.count += plain.numel()
        seen.rows += plain.numel() // (plain.shape[dim] if plain.ndim > 1 else 1)
        seen.total += plain.sum().item()
        seen.squares += plain.square().sum().item()
        seen.zeros += int((plain == 0).sum())
        if ends is not None:
            near = _NEAR * (ends[1] - ends[0])
            seen.near_ends += int(((plain < ends[0] + near) | (plain > ends[1] - near)).sum())
        if may_fall_silent and plain.ndim > 1:
            silent = (plain == 0).movedim(dim, -1).flatten(0, -2).all(0).cpu()
            seen.silent = silent if seen.silent is None else seen.silent & silent

    return hook


def _before_recurrent(seen: Seen, time: int) -> Any:
    def add(gradient: Tensor) -> None:
        others = [dim for dim in range(gradient.ndim) if dim != time]
        seen.by_time = tuple(gradient.detach().double().square().sum(others).sqrt().tolist())

    def hook(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        value, *others = arguments
        if not isinstance(value, Tensor) or value.ndim != 3 or not torch.is_grad_enabled():
            return arguments
        if not value.requires_grad:  # the network's own input
            value = value.detach().requires_grad_()
        value.register_hook(add)
        return (value, *others)

    return hook


def _first(output: object) -> Tensor | None:
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None
