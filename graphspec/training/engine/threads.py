"""How many threads torch uses for a step: a rule of the network and its batch, because torch's default is a trap.

With as many threads as cores, each operation waits for the slowest of them; beside one busy process that was 4 to 40
times slower than one thread on the small networks of specs/. Thread counts also change the last bits of a sum (losses
differ by about 1e-8). A rule that measures nothing gives two runs on one machine the same bits, whatever else it does;
``benchmarks/threads.py`` compares it with what a measurement would choose.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from graphspec.shapes.dims import Dim, number
from graphspec.shapes.shaped import ShapedGraph

#: FLOPs of a batch's forward pass from which on all threads are worth what they take from other processes: on an idle
#: machine of 16 cores two threads save a quarter of the step above it, 16 threads half of it and more.
ALL_THREADS = 4e7


@contextlib.contextmanager
def restored_threads() -> Iterator[None]:
    """Gives torch its thread count back at the end."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def set_threads(flops: int) -> int:
    """One thread for a step of less than `ALL_THREADS`, else as many as torch has; gives the count."""
    if flops < ALL_THREADS:
        torch.set_num_threads(1)
    return torch.get_num_threads()


def forward_flops(shaped: ShapedGraph, inputs: Sequence[Tensor]) -> int:
    """FLOPs of the layers on `inputs`, a batch in the network's order; layers whose count is not known add nothing."""
    sizes: dict[Dim, int] = {}
    for kind, value in zip(shaped.inputs.values(), inputs, strict=True):
        for dim, size in zip(kind.shape, value.shape, strict=True):
            if not isinstance(dim, int):
                (symbol,) = dim.free_symbols
                sizes[symbol] = size // int(dim.subs({symbol: 1}))  # a multiple, such as 16*H
    return sum(number(layer.flops, sizes) for layer in shaped.layers)
