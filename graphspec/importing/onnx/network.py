"""An ONNX graph as a module of torch's layers and functions, in the order of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from graphspec.diagnostics import quoted
from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.onnx.call import Call
from graphspec.importing.onnx.file import Branch, Node, OnnxFile
from graphspec.importing.onnx.holder import Holder
from graphspec.importing.onnx.operators import OPERATORS
from graphspec.importing.onnx.values import Filled, Value
from graphspec.importing.place import PLACE


class OnnxNetwork(Holder):
    """`file` as a module; its layers are made while it runs for the first time, on `inputs`."""

    def __init__(self, file: OnnxFile, inputs: Mapping[str, Tensor]) -> None:
        super().__init__(file, inputs)
        self.nodes = file.nodes
        self.input_names = list(file.inputs)
        self.sources = {name: file.aliases.get(name, name) for name in file.outputs}
        refuse_unknown(self.nodes)
        self.eval()
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
        if source not in self.constants and source not in values:
            raise NotRecorded(f"no node gives the output {quoted(name)}")
        value = self.tensor(source) if source in self.constants else values[source]
        if isinstance(value, Filled):
            value = value.tensor
        if not isinstance(value, Tensor):
            raise NotRecorded(f"the output {quoted(name)} is a size of an input, and no tensor")
        return value


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


def node_without_proto(node: Node) -> None:
    """Let go of what only reading needs."""
    object.__setattr__(node, "proto", None)
