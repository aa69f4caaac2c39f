"""Layers whose sizes stay open while torch traces them, where torch itself would freeze them to the sample's.

``lstm``, ``gru`` and ``rnn`` are single operators, but torch infers their shapes by running their loop over the
sequence, which freezes its length to that of the sample. Their shapes are simple: say them instead. ``max_pool1d`` asks
for its sizes as numbers; the same function that gives indices too does not. ``chunk`` of an open dim becomes a split by
a size whose number of pieces nobody but torch knows; slices say which they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from graphspec.system.torch_private import decompositions_replaced, kernels_replaced


class OpenSizes(TorchFunctionMode):
    """Inside, ``max_pool1d`` and ``chunk`` keep an open length."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.max_pool1d:
            return functional.max_pool1d_with_indices(*args, **(kwargs or {}))[0]
        if func in (torch.chunk, Tensor.chunk):
            return _chunk(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _chunk(input: Tensor, chunks: int, dim: int = 0) -> Sequence[Tensor]:
    """What ``torch.chunk`` gives."""
    pieces = torch.chunk(input, chunks, dim)
    size = input.shape[dim]
    if isinstance(size, int):
        return pieces
    step = (size + chunks - 1) // chunks
    ends = [*(k * step for k in range(len(pieces))), size]
    return [torch.narrow(input, dim, start, end - start) for start, end in itertools.pairwise(ends)]


@contextmanager
def open_sequences() -> Iterator[None]:
    """Inside, tracing a recurrent operator keeps its sequence dim symbolic, and so does taking the program apart.

    torch asks an operator's Python kernels while it traces, and its table of decompositions while it takes a program
    apart; where the kernels, private to torch, are gone, the length is frozen and refused as such.
    """
    aten = torch.ops.aten
    fakes: dict[Any, Any] = dict.fromkeys((aten.gru.input, aten.rnn_tanh.input, aten.rnn_relu.input), _fake)
    fakes[aten.lstm.input] = _fake_lstm
    with ExitStack() as stack:
        stack.enter_context(decompositions_replaced(fakes))
        for operator, fake in fakes.items():
            stack.enter_context(kernels_replaced(operator, fake))
        yield


def _fake(
    values: Tensor, state: Tensor, params: Sequence[Tensor], biases: bool, layers: int, *rest: Any
) -> tuple[Tensor, Tensor]:
    """Output and last state: the output has a feature per direction and hidden unit."""
    directions = state.shape[0] // layers
    return values.new_empty((*values.shape[:2], directions * state.shape[2])), torch.empty_like(state)


def _fake_lstm(
    values: Tensor, states: Sequence[Tensor], params: Sequence[Tensor], biases: bool, layers: int, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    output, hidden = _fake(values, states[0], params, biases, layers)
    return output, hidden, torch.empty_like(states[1])
