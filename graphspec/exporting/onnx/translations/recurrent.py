"""ONNX for torch operators that torch's own exporter has none for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnxscript import opset18
from onnxscript.onnx_types import FLOAT

op: Any = opset18


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {aten.rnn_tanh.input: _rnn_tanh, aten.rnn_relu.input: _rnn_relu}


def _rnn_tanh(
    values: FLOAT, state: FLOAT, params: Sequence[FLOAT], has_biases: bool, num_layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[FLOAT, FLOAT]:  # fmt: skip
    return _rnn(values, state, params, has_biases, num_layers, bidirectional, batch_first, "Tanh")


def _rnn_relu(
    values: FLOAT, state: FLOAT, params: Sequence[FLOAT], has_biases: bool, num_layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[FLOAT, FLOAT]:  # fmt: skip
    return _rnn(values, state, params, has_biases, num_layers, bidirectional, batch_first, "Relu")


def _rnn(
    values: Any,
    state: Any,
    params: Sequence[Any],
    biases: bool,
    layers: int,
    both: bool,
    batch_first: bool,
    function: str,
) -> tuple[Any, Any]:
    """h_t = f(W x_t + b + R h_{t−1} + c), layer upon layer; ONNX's RNN takes one layer with both its directions.

    torch's parameters are W, R, b, c for each direction of each layer. ONNX's output is sequence × direction × batch ×
    hidden, torch's has the directions side by side in the last dim.
    """
    directions, each = 2 if both else 1, 4 if biases else 2
    hidden = params[1].shape[1]
    values = op.Transpose(values, perm=[1, 0, 2]) if batch_first else values
    states = []
    for layer in range(layers):
        first = layer * directions
        own = [params[(first + d) * each : (first + d + 1) * each] for d in range(directions)]
        stacked = [_stack([op.Unsqueeze(of[k], [0]) for of in own]) for k in range(2)]
        if biases:
            stacked.append(_stack([op.Unsqueeze(op.Concat(of[2], of[3], axis=0), [0]) for of in own]))
        start = op.Slice(state, [first], [first + directions], [0])
        output, last = op.RNN(
            values, *stacked, *([] if biases else [None]), None, start, activations=[function] * directions,
            direction="bidirectional" if both else "forward", hidden_size=hidden,
        )  # fmt: skip
        values = op.Reshape(op.Transpose(output, perm=[0, 2, 1, 3]), [0, 0, -1])
        states.append(last)
    return op.Transpose(values, perm=[1, 0, 2]) if batch_first else values, _stack(states)


def _stack(parts: Sequence[Any]) -> Any:
    return functools.reduce(lambda one, other: op.Concat(one, other, axis=0), parts)
