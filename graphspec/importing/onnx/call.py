"""One node of an ONNX graph with the values that go in, as an operator sees it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.onnx.file import Node
from graphspec.importing.onnx.holder import Holder
from graphspec.importing.onnx.values import Filled, Value, is_host, short
from graphspec.ops.arguments import dtype_name

#: Endings of a weight's name that its layer's name does without.
_TENSOR_NAMES = re.compile(
    r"[._/:](weight|bias|kernel|gamma|beta|scale|w|b|weights?_?\d*|running_mean|ReadVariableOp.*|0)$", re.IGNORECASE
)
#: Names that say nothing: numbers, ``onnx::Conv_123``, ``Conv_0``.
_EMPTY = re.compile(r"\d+|onnx__?\w+?_\d+|val_\d+|[A-Z][A-Za-z]*_\d+|const\w*|_v_\d+|x\d*|w\d*|p\d*", re.IGNORECASE)


class Call:
    """One node with the values that go in, as an operator sees it."""

    def __init__(self, network: Holder, node: Node, values: dict[str, Value]) -> None:
        self.network, self.node, self.values = network, node, values

    def name(self, place: int) -> str:
        """The name of an input, ``""`` where it is left out."""
        return self.node.inputs[place] if place < len(self.node.inputs) else ""

    def has(self, place: int) -> bool:
        """Whether an input is given."""
        return bool(self.name(place))

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.node.attributes.get(name, default)

    def constant(self, place: int) -> Tensor | None:
        """An input that is a constant of the file."""
        return self.network.constants.get(self.name(place))

    def value(self, place: int) -> Value:
        """An input as it is: a tensor, or numbers."""
        name = self.name(place)
        return self.network.constants.get(name) if name in self.network.constants else self.values[name]

    def tensor(self, place: int = 0) -> Tensor:
        """An input as a tensor of the network."""
        name = self.name(place)
        if name in self.network.constants:
            return self.network.tensor(name)
        value = self.values[name]
        if isinstance(value, Filled):
            return value.tensor
        if isinstance(value, Tensor):
            return value
        if value is None:
            raise NotRecorded(f"its input {place} is missing")
        if isinstance(value, list):
            return torch.cat([torch.full([1], item) for item in value]) if value else torch.zeros(0, dtype=torch.int64)
        return torch.full([], value)

    def number(self, place: int) -> int | float | bool | None:
        """An input that is one number, of a constant or computed from sizes."""
        value = self.value(place)
        if isinstance(value, Tensor) and value.numel() == 1 and self.constant(place) is not None:
            number = value.item()
            return short(number) if isinstance(number, float) and value.dtype == torch.float32 else number
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return value if isinstance(value, int | float) else None

    def host(self, place: int) -> Any:
        """An input as numbers: of a constant, or computed from sizes."""
        value = self.value(place)
        if is_host(value):
            return value
        if isinstance(value, Filled) and len(value.shape) == 1:
            return [value.value] * int(value.shape[0])
        if isinstance(value, Tensor) and self.constant(place) is not None:
            return value.tolist()
        raise NotRecorded(f"its input {place} is computed from the numbers of a tensor, and a spec wants it from sizes")

    def maybe_host(self, place: int) -> Any:
        """:meth:`host`, None where the input is left out."""
        return self.host(place) if self.has(place) else None

    def layer(
        self, make: Callable[[], nn.Module], *, weight: int | None = None, hint: str = "", extra: Any = ()
    ) -> nn.Module:
        """The node's layer, shared with those of the same weights and attributes."""
        name = self.name(weight) if weight is not None else ""
        if name and self.network.constants[name].dtype != torch.float32:
            kind = dtype_name(self.network.constants[name].dtype)
            raise self.refuse(f"its weights are {kind}, and a spec's are float32", "convert the file to float32")
        tensors = tuple(each for each in self.node.inputs if each in self.network.constants)
        key: Any = (
            (self.node.op, tensors, repr(sorted(self.node.attributes.items(), key=str)), repr(extra))
            if name
            else self.node
        )
        return self.network.layer(key, hint or hint_of(self.node, name), make)

    def refuse(self, what: str, hint: str = "") -> NotRecorded:
        return NotRecorded(f"{self.node.title}: {what}", hint)


def hint_of(node: Node, weight: str = "") -> str:
    """A name for the layer of `node`: its layer's, its weight's without its ending, or the operator's."""
    if node.layer:
        return node.layer.replace(".", "_")
    short = weight
    while _TENSOR_NAMES.search(short):
        short = _TENSOR_NAMES.sub("", short)
    short = re.sub(r"\W+", "_", short, flags=re.ASCII).strip("_")
    if short and short != weight.strip("_") and not _EMPTY.fullmatch(short):
        return short
    parts = [part for part in re.split(r"[/.:]", node.name) if part and not _EMPTY.fullmatch(part)]
    if parts and parts[-1] == node.op:
        parts.pop()
    return "_".join(parts[-2:]) or node.op.lower()
