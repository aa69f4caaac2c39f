"""Adam's and AdamW's update in C, with torch's own bits."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

from graphspec.system.shared_library import EXACT, BuildError, shared_library
from graphspec.training.engine.update_kernels import Group, Kernel, adam, decayed

TAKES = (Adam, AdamW)
_SOURCE = Path(__file__).parent / "adam.c"
#: The ways to take roots: which one torch has depends on the processor and on what torch was built with.
WAYS = ("nearest", "mkl", "torch")
#: Above so many elements torch's kernels gain by more than one thread.
_ONE_THREAD = 1 << 20


class _Parameter(ctypes.Structure):
    """``struct parameter`` of adam.c."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("weight", "mean", "square", "root", "gradient")] + [
        ("size", ctypes.c_int64)
    ]


class _Step(ctypes.Structure):
    """``struct step`` of adam.c."""

    _fields_ = [(name, ctypes.c_float) for name in ("keep1", "beta2", "keep2", "correction2", "eps", "rate")]


def kernel(otherwise: Kernel) -> Kernel | None:
    """The update in C, proven here and now; None where it cannot be had.

    `otherwise` is for groups that are too large, or not laid out as one block.
    """
    try:
        library = shared_library(_SOURCE, EXACT)
    except BuildError:
        return None
    way = proven(library, torch.get_num_threads())
    return functools.partial(_run, library, way, otherwise) if way else None


def _run(library: ctypes.CDLL, way: str, otherwise: Kernel, group: Group, gradients: list[Any]) -> None:
    """One update in one of `WAYS`, or `otherwise`."""
    table = group.addresses = group.addresses or _Table(group, way)
    options = group.options
    beta1, beta2 = options["betas"]
    if not table.applies or beta1 <= 0.5:  # where torch has another formula for lerp
        otherwise(group, gradients)
        return
    group.step += 1
    if options["weight_decay"]:
        gradients = decayed(group, gradients)
    gradients = table.point(group, gradients)  # which must live until the call has ended
    correction1, correction2 = 1 - beta1**group.step, (1 - beta2**group.step) ** 0.5
    step = _Step(1 - beta1, beta2, 1 - beta2, correction2, options["eps"], -(options["lr"] / correction1))
    arguments = (*table.arguments, ctypes.byref(step))
    if way == "nearest":
        library.update_nearest(*arguments)
    elif way == "mkl":
        library.update_mkl(*arguments)
    else:
        library.before_roots(*arguments)
        for square, root in zip(group.state["exp_avg_sq"], table.roots, strict=True):
            torch.sqrt(square, out=root)
        library.behind_roots(*arguments)


class _Table:
    """The addresses of a group's tensors; `applies` where each is one block of memory in the parameter's own order."""

    def __init__(self, group: Group, way: str) -> None:
        squares = group.state["exp_avg_sq"]
        self.roots = [torch.empty_like(square) for square in squares] if way == "torch" else squares
        rows = list(zip(group.parameters, group.state["exp_avg"], squares, self.roots, strict=True))
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
def proven(library: ctypes.CDLL, threads: int) -> str | None:
    """The first of `WAYS` that has torch's own bits here; None where none has.

    Torch's kernels depend on the processor and on how torch was built, and their vectors on the number of `threads`.
    """
    return next((way for way in WAYS if _same(functools.partial(_run, library, way, adam))), None)


def _same(kernel: Kernel) -> bool:
    """Whether a few updates have torch's bits, on numbers of all magnitudes in tensors of several sizes."""
    draw = torch.Generator().manual_seed(0)
    sizes = (1, 15, 16, 100, 4099, 70_001)

    def numbers(size: int) -> Tensor:
        magnitude = torch.rand(size, generator=draw) * 40 - 38
        return torch.randn(size, generator=draw) * 10**magnitude

    weights, means, squares = ([numbers(size) for size in sizes] for _ in range(3))
    squares = [square.abs() for square in squares]
    squares[-1][:100] = 0.0
    means[-1][:1000] = torch.randint(-(1 << 23), 1 << 23, (1000,), generator=draw) * 2.0**-149
    groups = []
    for _ in range(2):
        own = [[tensor.clone() for tensor in tensors] for tensors in (weights, means, squares)]
        options = {"lr": 0.0123, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
        groups.append(Group(options, own[0], {"exp_avg": own[1], "exp_avg_sq": own[2]}, 3))
    theirs, ours = groups
    for _ in range(3):
        gradients = [numbers(size) for size in sizes]
        gradients[-1][:900] = 0.0
        adam(theirs, gradients)
        kernel(ours, gradients)
    pairs = [*zip(theirs.parameters, ours.parameters, strict=True)]
    for name, values in theirs.state.items():
        pairs += zip(values, ours.state[name], strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
