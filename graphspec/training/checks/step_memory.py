"""What a training step needs of memory, estimated before the first one."""

from __future__ import annotations

import math

import torch
from torch.optim import SGD, Optimizer

from graphspec.diagnostics import warn
from graphspec.shapes.dims import Dim, symbol
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.system.free_memory import available

#: Values of each parameter besides itself and its gradient: Adam's two averages, momentum, nothing.
_ADAPTIVE = 2


def estimate(shaped: ShapedGraph, optimizer: Optimizer, batch_size: int) -> int:
    """Bytes of weights, gradients, optimiser state and of the activations of a batch, each kept for the backward pass.

    A dynamic dim other than the batch counts as its least size, so that this is a lower bound there.
    """
    parameters = sum(p.numel() * p.element_size() for group in optimizer.param_groups for p in group["params"])
    slots = _ADAPTIVE if not isinstance(optimizer, SGD) else int(bool(optimizer.param_groups[0]["momentum"]))
    sizes = _sizes(shaped, batch_size)
    activations = sum(_bytes(kind, sizes) for layer in shaped.layers for kind in layer.outputs.values())
    return parameters * (2 + slots) + activations


def check_memory(shaped: ShapedGraph, optimizer: Optimizer, batch_size: int, device: torch.device) -> None:
    """Warn where the estimate is more than what is free: batches will then be computed in pieces."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available()
    needed = estimate(shaped, optimizer, batch_size)
    if needed > free:
        message = f"a step of {batch_size} samples needs about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        hint = "a smaller batch_size, or accumulate; without, batches are computed in pieces"
        warn("out-of-memory", message, at=("data", "batch_size"), hint=hint)


def _sizes(shaped: ShapedGraph, batch_size: int) -> dict[Dim, int]:
    """Every dynamic dim's size: the inputs' first is the batch."""
    batch = {kind.shape[0] for kind in shaped.inputs.values() if kind.shape}
    named = {symbol(name): least for name, (least, _) in shaped.dims.items()}
    return {name: batch_size if name in batch else least for name, least in named.items()}


def _bytes(kind: TensorType, sizes: dict[Dim, int]) -> int:
    numbers = [dim if isinstance(dim, int) else int(dim.subs(sizes)) for dim in kind.shape]
    return math.prod(numbers) * kind.dtype.itemsize
