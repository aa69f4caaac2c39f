"""An ONNX graph as a module of torch's layers and functions, in the order of its nodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.diagnostics import quoted
from graphspec.graph.names import taken
from graphspec.importing.onnx.file import Branch, Node, OnnxFile
from graphspec.importing.onnx.operators import OPERATORS
from graphspec.importing.onnx.values import Filled, Value, is_host
from graphspec.importing.place import PLACE
from graphspec.importing.record import NotRecorded
from graphspec.spec.names import fault_in

#: Endings of a weight's name that its layer's name does without.
_TENSOR_NAMES = re.compile(
    r"[._/:](weight|bias|kernel|gamma|beta|scale|w|b|weights?_?\d*|running_mean|ReadVariableOp.*|0)$", re.IGNORECASE
)
#: Names that say nothing: numbers, ``onnx::Conv_123``, ``Conv_0``.
_EMPTY = re.compile(r"\d+|onnx__?\w+?_\d+|val_\d+|[A-Z][A-Za-z]*_\d+|const\w*|_v_\d+|x\d*|w\d*|p\d*", re.IGNORECASE)


class OnnxNetwork(nn.Module):
    """`file` as a module; its layers are made while it runs for the first time, on `inputs`."""

    def __init__(self, file: OnnxFile, inputs: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.nodes, self.constants, self.trained = file.nodes, file.constants, file.trained
        self.input_names = list(file.inputs)
        self.sources = {name: file.aliases.get(name, name) for name in file.outputs}
        self.kept: dict[Any, str] = {}
        self.used = {name.lower() for name in (*inputs, *taken())}
        refuse_unknown(self.nodes)
        self.eval()
        self.building = True
        with torch.no_grad():
            self(*inputs.values())
        self.building = False
        for node in all_nodes(self.nodes):
            node_without_proto(node)

    def forward(self, *inputs: Tensor) -> Any:
        values: dict[str, Value] = {"": None, **dict(zip(self.input_names, inputs, strict=True))}
        self.run(self.nodes, values)
        return {name: self._output(name, values) for name in self.sources}

    def run(self, nodes: Iterable[Node], values: dict[str, Value]) -> None:
        """What `nodes` give is added to `values`."""
        for node in nodes:
            token = PLACE.set(node.title)
            try:
                found = OPERATORS[node.kind](Call(self, node, values))
            except NotRecorded as error:
                message = f"{error}" if node.title in str(error) else f"{node.title}: {error}"
                raise NotRecorded(message, error.hint) from error
            except (RuntimeError, IndexError, ValueError, TypeError, KeyError, ZeroDivisionError) as error:
                reason = (str(error).splitlines() or [""])[0]
                hint = "give sizes that the file takes with --input" if self.building else ""
                raise NotRecorded(f"{node.title}: {type(error).__name__}: {reason}", hint) from error
            finally:
                PLACE.reset(token)
            results = found if isinstance(found, tuple) else (found,)
            values.update(zip(node.outputs, results, strict=False))

    def _output(self, name: str, values: dict[str, Value]) -> Tensor:
        source = self.sources[name]
        value = self.tensor(source) if source in self.constants else values[source]
        if isinstance(value, Filled):
            value = value.tensor
        if not isinstance(value, Tensor):
            raise NotRecorded(f"the output {quoted(name)} is a size of an input, and no tensor")
        return value

    def layer(self, key: Any, hint: str, make: Callable[[], nn.Module]) -> nn.Module:
        """The layer that `make` gives, made once for each `key`, and called as `hint` says."""
        if key not in self.kept:
            self._check_building()
            name = self.free(hint)
            self.add_module(name, make().eval())
            self.kept[key] = name
        return self.get_submodule(self.kept[key])

    def tensor(self, name: str) -> Tensor:
        """A constant as a tensor of the module: trained where the file has it as an initializer of several floats."""
        if name not in self.kept:
            self._check_building()
            value, own = self.constants[name], self.free(name)
            if name in self.trained and value.dtype == torch.float32 and value.numel() > 1:
                self.register_parameter(own, nn.Parameter(value.clone()))
            else:
                self.register_buffer(own, value.clone())
            self.kept[name] = own
        return getattr(self, self.kept[name])

    def _check_building(self) -> None:
        if not self.building:
            raise NotRecorded("another branch is taken at another size: its course depends on sizes")

    def free(self, hint: str) -> str:
        """`hint` as a name that a layer can have and none has yet."""
        name = re.sub(r"\W+", "_", hint, flags=re.ASCII).strip("_")[:50] or "layer"
        name = name if name[0].isalpha() else f"layer{name}"
        name = name if fault_in(name, "layer", ()) is None else f"{name}_"
        number, found = 1, name
        while found.lower() in self.used or hasattr(self, found):
            number += 1
            found = f"{name}_{number}"
        self.used.add(found.lower())
        return found


def all_nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    """`nodes`, and those of their branches."""
    for node in nodes:
        yield node
        for value in node.attributes.values():
            if isinstance(value, Branch):
                yield from all_nodes(value.nodes)


def refuse_unknown(nodes: Iterable[Node]) -> None:
    """Name every operator that no spec can say."""
    unknown: dict[str, Node] = {}
    for node in all_nodes(nodes):
        if node.kind not in OPERATORS:
            unknown.setdefault(node.kind, node)
    if unknown:
        raise NotRecorded(
            f"no spec can say {', '.join(node.title for node in unknown.values())}",
            "graphspec ops lists what a spec can say",
        )


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


class Call:
    """One node with the values that go in, as an operator sees it."""

    def __init__(self, network: OnnxNetwork, node: Node, values: dict[str, Value]) -> None:
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
            from graphspec.importing.onnx.values import short

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
            kind = str(self.network.constants[name].dtype).removeprefix("torch.")
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


def node_without_proto(node: Node) -> None:
    """Let go of what only reading needs."""
    object.__setattr__(node, "proto", None)
