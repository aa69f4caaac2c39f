"""What changes to an ONNX graph are made of: a copy that is edited, numbers put in, nodes behind values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

#: Writes nodes that compute the second value from the first.
Nodes = Callable[["Graph", str, str], None]


class Graph:
    """A model while it is edited."""

    def __init__(self, model: ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self._made: list[NodeProto] = []

    def name(self, stem: str = "put") -> str:
        """A name that nothing has."""
        self._count = getattr(self, "_count", 0) + 1
        return f"{stem}_{self._count}"

    def number(self, value: object, dtype: type = np.float32) -> str:
        """A new initializer."""
        name = self.name("number")
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str = "", **attributes: object) -> str:
        """A new node's only output; placed by `place`."""
        output = output or self.name()
        self._made.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def place(self, at: int) -> None:
        """Put what `node` made before node number `at`."""
        old = list(self.graph.node)
        del self.graph.node[:]
        self.graph.node.extend([*old[:at], *self._made, *old[at:]])
        self._made = []

    def array(self, name: str) -> np.ndarray:
        """The numbers of an initializer."""
        return numpy_helper.to_array(self.tensor(name)).copy()

    def tensor(self, name: str) -> TensorProto:
        """An initializer."""
        return next(tensor for tensor in self.graph.initializer if tensor.name == name)

    def put(self, name: str, array: np.ndarray) -> None:
        """Another array in an initializer."""
        self.tensor(name).CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), name))

    def has(self, name: str) -> bool:
        """Whether `name` is an initializer."""
        return any(tensor.name == name for tensor in self.graph.initializer)

    def behind(self, value: str, nodes: Nodes) -> None:
        """Put `nodes` between `value` and all that read it."""
        at = next((k + 1 for k, node in enumerate(self.graph.node) if value in node.output), 0)
        outputs = [output.name for output in self.graph.output]
        inner, result = (self.name("inner"), value) if value in outputs else (value, self.name("result"))
        for k, node in enumerate(self.graph.node):
            for names in (node.input, node.output):
                for j, name in enumerate(names):
                    if name == value and (inner != value or names is node.input):
                        names[j] = inner if names is node.output and k == at - 1 else result
        nodes(self, inner, result)
        self.place(at)

    def replace(self, k: int, nodes: Callable[[Graph, NodeProto], None]) -> None:
        """Put what `nodes` makes in the place of node number `k`."""
        node = self.graph.node[k]
        kept = NodeProto()
        kept.CopyFrom(node)
        del self.graph.node[k]
        nodes(self, kept)
        self.place(k)

    def set(self, k: int, **attributes: object) -> None:
        """Attributes of node number `k`; None takes one away."""
        node = self.graph.node[k]
        kept = [attribute for attribute in node.attribute if attribute.name not in attributes]
        del node.attribute[:]
        given = {name: value for name, value in attributes.items() if value is not None}
        node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in given.items())])


def attribute(node: NodeProto, name: str, default: object = None) -> object:
    """An attribute's value."""
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)
