"""How coarsely each value of a network is rounded: by the coarsest floating-point dtype on the way to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from graphspec.compiler import Network
from graphspec.exporting.tolerance import FLOAT32
from graphspec.shapes.shaped import ShapedGraph, TensorType, ValueRef


def units_of(network: Network) -> dict[str, float]:
    """By input and by layer, the distance from 1 to the next number of the coarsest dtype on the way to its values.

    The dtypes of parameters and buffers count too. Whole numbers and truth values are exact: their unit is 0, and what
    is computed from them starts anew.
    """
    found = {name: _unit([kind]) for name, kind in network.shaped.inputs.items()}
    modules = dict(network.module.named_modules())
    for layer in network.shaped.layers:
        weights = list(_tensors(modules[layer.module])) if layer.module in modules else []
        own = _unit(layer.outputs.values())
        found[layer.name] = own and max([own, _unit(weights), *(found[ref.layer] for ref in _refs(layer.operands))])
    return found


def outputs_of(shaped: ShapedGraph, units: Mapping[str, float]) -> dict[str, float]:
    """The units of the outputs; float32's where no value of floating point is on the way."""
    return {name: units[ref.layer] or FLOAT32 for name, ref in shaped.outputs.items()}


def _tensors(module: nn.Module) -> Iterator[TensorType]:
    for tensor in (*module.parameters(), *module.buffers()):
        yield TensorType((), tensor.dtype)


def _unit(kinds: Any) -> float:
    return max((torch.finfo(kind.dtype).eps for kind in kinds if kind.dtype.is_floating_point), default=0.0)


def _refs(operand: Any) -> Iterator[ValueRef]:
    """The values among a layer's operands, those in tuples too."""
    if isinstance(operand, ValueRef):
        yield operand
    elif isinstance(operand, Mapping):
        for value in operand.values():
            yield from _refs(value)
    elif isinstance(operand, list | tuple):
        for value in operand:
            yield from _refs(value)
