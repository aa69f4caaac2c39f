"""The operations of torch that a function of tensors makes, as a graph.

``torch.fx.experimental.proxy_tensor.make_fx`` does this too, for all that torch has, and imports torch.compile for it.
That takes most of a second; with real tensors, this is the whole of it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node

from graphspec.system.torch_private import TorchDispatchMode, is_operator, pytree


def traced(function: Callable[..., Any], inputs: Sequence[Tensor]) -> GraphModule:
    """What `function` computes from `inputs`, gradients included, as a graph of ATen's operations.

    Other tensors that it reads become constants of the graph; ``node.meta["val"]`` has a result's shape and dtype.
    Raises ``NotImplementedError`` for what is no ATen operation, and whatever `function` raises.
    """
    recorder = _Recorder(inputs)
    with recorder:
        outputs = function(*inputs)
    recorder.graph.output(pytree.tree_map(recorder.node, outputs))
    recorder.graph.eliminate_dead_code()
    return GraphModule(recorder.root, recorder.graph)


class _Recorder(TorchDispatchMode):
    """Notes each operation below autograd; a tensor is known by its identity, so all are kept until the end."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.graph, self.root = Graph(), nn.Module()
        self._nodes: dict[int, Node] = {}
        self._kept: list[Tensor] = []
        for number, value in enumerate(inputs):
            self._note(value, self.graph.placeholder(f"input_{number}"))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to be kept out of torch.compile, it would import it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not is_operator(func):
            raise NotImplementedError(f"{func} cannot be recorded")
        nodes = pytree.tree_map(self.node, (args, kwargs or {}))
        result = func(*args, **(kwargs or {}))
        node = self.graph.call_function(func, *nodes)
        if isinstance(result, Tensor):
            self._note(result, node)
        else:
            for number, value in enumerate(result if isinstance(result, list | tuple) else ()):
                if isinstance(value, Tensor):
                    self._note(value, self.graph.call_function(operator.getitem, (node, number)))
        return result

    def node(self, value: Any) -> Any:
        """The node of a tensor; anything else as it is."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._nodes:
            name = f"constant_{len(self._kept)}"
            self.root.register_buffer(name, value)
            self._note(value, self.graph.get_attr(name))
        return self._nodes[id(value)]

    def _note(self, value: Tensor, node: Node) -> None:
        node.meta["val"] = torch.empty(value.shape, dtype=value.dtype, device="meta")
        self._nodes[id(value)] = node
        self._kept.append(value)
