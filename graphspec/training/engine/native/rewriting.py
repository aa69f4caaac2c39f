"""A recorded pass with as many operations in C as follow each other, in one call.

To call an operation of torch costs more than a small one takes, and its result is new memory that no cache holds. Here
a pass of small Linear layers is one call, whose results stay where they are. Each operation must first prove that it
has torch's own bits, on the batches that the pass is recorded from; any other stays torch's.
"""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Interpreter, Node

from graphspec.system.torch_private import keep_codegen
from graphspec.training.engine.native.operations import Call, Key, Run, Values, call_of, library, proven, results_of

_VIEWS = (torch.t, torch.reshape)
#: Numbers from which on to compute them takes so long that calls do not matter.
_LARGE = 1 << 22


def in_c(recording: GraphModule, batches: Sequence[Sequence[Tensor]]) -> tuple[Callable[..., Any], int]:
    """`recording`, a function of tensors, with its operations in C where they prove to be the same on `batches`.

    A call writes over what the one before gave. The number is how many calls of C it makes.
    """
    compiled = library()
    if compiled is None or _numbers(recording) > _LARGE:
        return torch.no_grad()(recording.forward), 0
    seen = [_values(recording, batch) for batch in batches]
    found = {node: call for node in recording.graph.nodes if (call := call_of(node, seen[0])) is not None}
    same = {node: call for node, call in found.items() if proven(compiled, node, call, seen)}
    rewritten = _Rewriting(compiled, same, seen[0]).of(recording)
    functions = [node.target for node in rewritten.graph.nodes if node.op == "call_function"]
    calls = sum(isinstance(function, Run) for function in functions)
    only_c = all(function is operator.getitem or isinstance(function, Run) for function in functions)
    return rewritten.forward if only_c else torch.no_grad()(rewritten.forward), calls


def _numbers(recording: GraphModule) -> int:
    """How many it computes in all."""
    return sum(node.meta["val"].numel() for node in recording.graph.nodes if "val" in node.meta)


def _values(recording: GraphModule, batch: Sequence[Tensor]) -> Values:
    interpreter = Interpreter(recording, garbage_collect_values=False)
    interpreter.run(*batch)
    return interpreter.env


class _Rewriting:
    """A recording whose `calls` go to C, wherever two or more follow each other."""

    def __init__(self, compiled: ctypes.CDLL, calls: dict[Node, Call], values: Values) -> None:
        self._library, self._calls, self._values = compiled, calls, values
        self._graph, self._new = Graph(), dict[Node, Node]()

    def of(self, recording: GraphModule) -> GraphModule:
        """`recording` rewritten."""
        *nodes, output = recording.graph.nodes
        adjacent: list[Node] = []
        for node in nodes:
            if node in self._calls or self._is_view(node):
                adjacent.append(node)
                continue
            if node.op == "call_function":
                self._write(adjacent)
                adjacent = []
            self._copy(node)
        self._write(adjacent)
        self._copy(output)
        keep_codegen(recording.graph, self._graph)
        self._graph.eliminate_dead_code()
        return GraphModule(recording, self._graph)

    def _is_view(self, node: Node) -> bool:
        """Whether it is another name for memory."""
        if node.target is operator.getitem:
            return node.args[0] in self._calls
        return node.target in _VIEWS and self._values[node].data_ptr() == self._values[node.args[0]].data_ptr()

    def _write(self, adjacent: list[Node]) -> None:
        """One call for all of `adjacent`, which follow each other."""
        calls = [node for node in adjacent if node in self._calls]
        if len(calls) < 2:
            for node in adjacent:
                self._copy(node)
            return
        memory: dict[Key, Tensor] = {
            (node, number): torch.empty_like(value)
            for node in calls
            for number, value in enumerate(results_of(self._values[node]))
        }
        tensors: dict[Any, Tensor] = {}
        for node in adjacent:
            source, *how = node.args
            if node in self._calls:
                tensors[node] = memory[node, 0]
            elif node.target is operator.getitem:
                tensors[node] = memory[source, how[0]]  # type: ignore[index]
            elif source in tensors:
                tensors[node] = node.target(tensors[source], *how)  # type: ignore[operator]
            else:
                self._copy(node)
        read = {node: [self._origin(each, memory) for each in self._calls[node].arguments] for node in calls}
        given = list(dict.fromkeys(key for keys in read.values() for key in keys if key not in memory))
        wanted = [node for node in tensors if not set(adjacent).issuperset(node.users)]
        run = Run(self._library, given, memory, [tensors[node] for node in wanted])
        for node in calls:
            run.add(self._calls[node], read[node], node)
        results = self._graph.call_function(run.ready(), tuple(self._new[node] for node, _ in given))
        for number, node in enumerate(wanted):
            self._new[node] = self._graph.call_function(operator.getitem, (results, number))

    def _origin(self, node: Any, memory: dict[Key, Tensor]) -> Key:
        """Whose memory `node` reads: that of a result in `memory`, or an earlier node's."""
        while node.target in _VIEWS and self._is_view(node):
            node = node.args[0]
        result = node.args if node.target is operator.getitem else (node, 0)
        return result if result in memory else (node, 0)

    def _copy(self, node: Node) -> None:
        self._new[node] = self._graph.node_copy(node, self._new.__getitem__)
