"""Adam's and AdamW's update in C, with torch's own bits or in one pass."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

from graphspec.shared_library import EXACT, BuildError, shared_library
from graphspec.training.update_kernels import Group, Kernel, adam, decayed, fused_adam

TAKES = (Adam, AdamW)
_SOURCE = Path(__file__).parent / "adam.c"
#: Above so many elements torch's kernels gain by more than one thread.
_ONE_THREAD = 1 << 20


class _Parameter(ctypes.Structure):
    """``struct parameter`` of adam.c."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("weight", "mean", "square", "root", "gradient")] + [
        ("size", ctypes.c_int64)
    ]


def kernel(fused: bool) -> Kernel | None:
    """The update with torch's own bits, proven here and now, or the `fused` one; None where it cannot be had."""
    try:
        library = shared_library(_SOURCE, EXACT)
    except BuildError:
        return None
    run = functools.partial(_run, library, fused)
    return run if fused or _proven(library, torch.get_num_threads()) else None


def _run(library: ctypes.CDLL, fused: bool, group: Group, gradients: list[Any]) -> None:
    table = group.addresses = group.addresses or _Table(group)
    if not table.applies:
        (fused_adam if fused else adam)(group, gradients)
        return
    options = group.options
    beta1, beta2 = options["betas"]
    group.step += 1
    gradients = table.point(group, decayed(group, gradients))  # which must live until the call has ended
    first = [ctypes.c_float(value) for value in (1 - beta1, beta2, 1 - beta2)]
    correction1, correction2 = 1 - beta1**group.step, (1 - beta2**group.step) ** 0.5
    second = [ctypes.c_float(value) for value in (correction2, options["eps"], -(options["lr"] / correction1))]
    if fused:
        library.update(*table.arguments, *first, *second)
        return
    library.averages(*table.arguments, *first)
    for square, root in zip(group.state["exp_avg_sq"], table.roots, strict=True):
        torch.sqrt(square, out=root)
    library.move(*table.arguments, *second)


class _Table:
    """The addresses of a group's tensors; `applies` where each is one block of memory in the parameter's own order."""

    def __init__(self, group: Group) -> None:
        self.roots = [torch.empty_like(square) for square in group.state["exp_avg_sq"]]
        rows = list(zip(group.parameters, group.state["exp_avg"], group.state["exp_avg_sq"], self.roots, strict=True))
        size = sum(parameter.numel() for parameter in group.parameters)
        self.applies = (size <= _ONE_THREAD or torch.get_num_threads() == 1) and all(map(_alike, rows))
        self._places = (_Parameter * len(rows))()
        self.arguments = ctypes.byref(self._places), ctypes.c_int64(len(rows))
        for place, (parameter, mean, square, root) in zip(self._places, rows, strict=True):
            place.mean, place.square, place.root = mean.data_ptr(), square.data_ptr(), root.data_ptr()
            place.size = parameter.numel()

    def point(self, group: Group, gradients: list[Tensor]) -> list[Tensor]:
        """Take the addresses of `gradients`; gives them as they are read, in the order of their parameters."""
        read = []
        for place, parameter, gradient in zip(self._places, group.parameters, gradients, strict=True):
            if gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            place.weight, place.gradient = parameter.data_ptr(), gradient.data_ptr()
            read.append(gradient)
        return read


def _alike(tensors: tuple[Tensor, ...]) -> bool:
    parameter = tensors[0]
    dense = parameter.is_contiguous() or (
        parameter.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    )
    return dense and all(each.stride() == parameter.stride() and each.dtype == torch.float32 for each in tensors)


@functools.cache
def _proven(library: ctypes.CDLL, threads: int) -> bool:
    """Whether a few updates have torch's own bits here, on numbers of all magnitudes in tensors of several sizes.

    Torch's kernels depend on the processor and on how it was compiled, and their vectors on the number of `threads`.
    """
    draw = torch.Generator().manual_seed(0)
    sizes = (1, 15, 16, 100, 4099, 70_001)

    def numbers(size: int) -> Tensor:
        magnitude = torch.rand(size, generator=draw) * 16 - 14
        return torch.randn(size, generator=draw) * 10**magnitude

    def copy(tensors: list[Tensor]) -> list[Tensor]:
        return [tensor.clone() for tensor in tensors]

    weights, means, squares = ([numbers(size) for size in sizes] for _ in range(3))
    squares = [square.abs() for square in squares]
    options = {"lr": 0.0123, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    states = [{"exp_avg": copy(means), "exp_avg_sq": copy(squares)} for _ in range(2)]
    theirs, ours = (Group(options, copy(weights), state, 3) for state in states)
    for _ in range(3):
        gradients = [numbers(size) for size in sizes]
        adam(theirs, gradients)
        _run(library, False, ours, gradients)
    return all(
        torch.equal(a, b)
        for a, b in zip(
            [*theirs.parameters, *states[0]["exp_avg"], *states[0]["exp_avg_sq"]],
            [*ours.parameters, *states[1]["exp_avg"], *states[1]["exp_avg_sq"]],
            strict=True,
        )
    )
