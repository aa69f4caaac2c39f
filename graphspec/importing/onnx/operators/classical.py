"""Operators of ``ai.onnx.ml``, as scikit-learn's exporter writes them: those that are layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call


@operator("ai.onnx.ml.Scaler")
def scaler(call: Call) -> Tensor:
    """``offset`` less, times ``scale``: one number, or one a feature."""
    offset, scale = (call.attribute(name, [default]) for name, default in (("offset", 0.0), ("scale", 1.0)))
    return (call.tensor() - _number(offset)) * _number(scale)


def _number(values: list[float]) -> Any:
    return short(values[0]) if len(values) == 1 else torch.tensor(values)


@operator("ai.onnx.ml.LinearRegressor")
def linear_regressor(call: Call) -> Tensor:
    """Linear. Refused where something is done to what comes out."""
    after = call.attribute("post_transform", "NONE")
    if after != "NONE":
        raise call.refuse(f"its post_transform is {after}")
    return call.layer(lambda: _linear(call), hint="linear")(call.tensor())


def _linear(call: Call) -> nn.Module:
    weights, bias = (torch.tensor(call.attribute(name, [])) for name in ("coefficients", "intercepts"))
    targets = int(call.attribute("targets", 1))
    layer = nn.Linear(len(weights) // targets, targets, bias=len(bias) > 0)
    layer.weight.data.copy_(weights.reshape(targets, -1))
    if len(bias):
        layer.bias.data.copy_(bias)
    return layer
