"""Recurrent layers whose sequence length stays open while torch traces them.

``lstm``, ``gru`` and ``rnn`` are single operators, but torch infers their shapes by running their loop over the
sequence, which freezes its length to that of the sample. Their shapes are simple: say them instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor


@contextmanager
def open_sequences() -> Iterator[None]:
    """Inside, tracing a recurrent operator keeps its sequence dim symbolic.

    An operator's Python kernels are private to torch; where they are gone, the length is frozen and refused as such.
    """
    aten = torch.ops.aten
    fakes: dict[Any, Any] = dict.fromkeys((aten.gru.input, aten.rnn_tanh.input, aten.rnn_relu.input), _fake)
    with ExitStack() as stack:
        for operator, fake in (fakes | {aten.lstm.input: _fake_lstm}).items():
            kernels = getattr(operator, "py_kernels", {})
            stack.enter_context(patch.dict(kernels, dict.fromkeys(kernels, fake)))
            stack.callback(_forget_dispatch, operator)
            _forget_dispatch(operator)
        yield


def _forget_dispatch(operator: Any) -> None:
    """Make `operator` look at its kernels again."""
    getattr(operator, "_dispatch_cache", {}).clear()


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
