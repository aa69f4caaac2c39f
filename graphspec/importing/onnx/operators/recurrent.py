"""LSTM, GRU and RNN: ONNX has the gates in another order, and a dim for the directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import Filled

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

#: torch's order of the gates, by their places in ONNX's.
_GATES = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}
_KINDS: dict[str, type[nn.Module]] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


@operator("LSTM", "GRU", "RNN")
def recurrent(call: Call) -> Any:
    """Outputs: all steps as T × directions × N × H, the last ones, for LSTM its cells."""
    kind = call.node.op
    x = call.tensor()
    batch_first = bool(call.attribute("layout", 0))
    directions = 2 if call.attribute("direction", "forward") == "bidirectional" else 1
    _check(call, kind, directions)
    reverse = call.attribute("direction", "forward") == "reverse"
    x = torch.flip(x, [1 if batch_first else 0]) if reverse else x
    layer = call.layer(lambda: _made(call, kind, directions), weight=1)
    if batch_first:
        x = x.transpose(0, 1)
    state = _state(call, kind)
    steps, last = layer(x) if state is None else layer(x, state)
    hidden = last[0] if kind == "LSTM" else last
    cells = (last[1],) if kind == "LSTM" else ()
    if directions == 2:
        length, batch = steps.shape[0], steps.shape[1]
        steps = steps.reshape(length, batch, 2, call.attribute("hidden_size")).permute(0, 2, 1, 3)
    else:
        steps = steps.unsqueeze(1)
    if reverse:
        steps = torch.flip(steps, [0])
    if batch_first:
        return steps.permute(2, 0, 1, 3), hidden.transpose(0, 1), *(each.transpose(0, 1) for each in cells)
    return steps, hidden, *cells


def _check(call: Call, kind: str, directions: int) -> None:
    given = call.attribute("activations") or _ACTIVATIONS[kind] * directions
    usual = [each.lower() for each in _ACTIVATIONS[kind] * directions]
    lowered = [each.lower() for each in given]
    if lowered != usual and not (kind == "RNN" and lowered == ["relu"] * directions):
        raise call.refuse(f"its activations are {', '.join(given)}")
    if call.attribute("clip"):
        raise call.refuse("it clips its gates")
    if kind == "GRU" and not call.attribute("linear_before_reset", 0):
        raise call.refuse("it resets before the product (linear_before_reset = 0), and torch's GRU behind it")
    if kind == "LSTM" and (call.attribute("input_forget", 0) or (call.has(7) and call.constant(7) is None)):
        raise call.refuse("it couples its gates, or has computed peepholes")
    peepholes = call.constant(7) if kind == "LSTM" and call.has(7) else None
    if peepholes is not None and bool(peepholes.any()):
        raise call.refuse("it has peepholes")
    if call.has(4):
        raise call.refuse("it has a length for each sample")
    if any(call.constant(n) is None for n in (1, 2)) or (call.has(3) and call.constant(3) is None):
        raise call.refuse("its weights are computed")


def _made(call: Call, kind: str, directions: int) -> nn.Module:
    weights, recurrences = call.constant(1), call.constant(2)
    assert weights is not None
    assert recurrences is not None
    bias = call.constant(3) if call.has(3) else None
    size = call.attribute("hidden_size") or recurrences.shape[-1]
    words: dict[str, Any] = {"bias": bias is not None, "bidirectional": directions == 2}
    if kind == "RNN" and (call.attribute("activations") or ["Tanh"])[0].lower() == "relu":
        words["nonlinearity"] = "relu"
    layer: nn.Module = _KINDS[kind](weights.shape[2], size, **words)
    for direction in range(directions):
        end = "_reverse" if direction else ""
        given = {"weight_ih": weights[direction], "weight_hh": recurrences[direction]}
        if bias is not None:
            given |= dict(zip(("bias_ih", "bias_hh"), bias[direction].chunk(2), strict=True))
        for name, value in given.items():
            gates = value.chunk(len(_GATES[kind]))
            layer.get_parameter(f"{name}_l0{end}").data.copy_(torch.cat([gates[n] for n in _GATES[kind]]))
    return layer


def _state(call: Call, kind: str) -> Any:
    """The states to begin with; None where they are zeros, which a layer begins with by itself."""
    places = (5, 6) if kind == "LSTM" else (5,)
    given = [place for place in places if call.has(place) and not _zeros(call, place)]
    if not given:
        return None
    if len(given) < len(places):
        raise call.refuse("only one of its states is given")
    states = [call.tensor(place) for place in places]
    if call.attribute("layout", 0):
        states = [state.transpose(0, 1) for state in states]
    return tuple(states) if kind == "LSTM" else states[0]


def _zeros(call: Call, place: int) -> bool:
    value, constant = call.value(place), call.constant(place)
    if isinstance(value, Filled):
        return value.value == 0
    return isinstance(constant, Tensor) and not bool(constant.any())
