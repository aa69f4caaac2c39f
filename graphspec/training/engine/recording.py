"""A pass of a network recorded as a flat list of torch's operations: forward, loss and gradients in one function.

Calling a module walks its layers, and calling ``backward`` walks a graph that the forward pass has just built; on a
small network that is most of the time. The recording does neither, and computes the same to the last bit because the
operations are the same; that is checked on real batches before it is used.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.fx.graph import CodeGen

from graphspec.system.torch_private import log_softmax, log_softmax_backward
from graphspec.training.engine.tracing import traced
from graphspec.training.optim.objective import Objective, Values

#: The inputs of a training pass and its target.
Batch = tuple[list[Tensor], Values]
_ATEN = torch.ops.aten
#: Operations that give back their argument where nobody differentiates.
_NOTHING = (_ATEN.alias.default, _ATEN.detach.default)
_VIEWS = (*_NOTHING, _ATEN.t.default, _ATEN.view.default)
#: The same kernels by a call that costs half as much.
_CHEAPER = {
    _ATEN.t.default: torch.t,
    _ATEN.view.default: torch.reshape,
    _ATEN.mm.default: torch.mm,
    _ATEN.addmm.default: torch.addmm,
    _ATEN.relu.default: torch.relu,
    _ATEN.sum.dim_IntList: torch.sum,
    _ATEN.mul.Tensor: torch.mul,
    _ATEN.add.Tensor: torch.add,
    _ATEN._log_softmax.default: log_softmax,
    _ATEN._log_softmax_backward_data.default: log_softmax_backward,
}


#: A function of tensors, and how many of its calls are in C.
Rewritten = tuple[Callable[..., Any], int]
#: Makes such a function of a recording, seeing the arguments that it was proven with.
Rewrite = Callable[[GraphModule, Sequence[Sequence[Tensor]]], Rewritten]


def plain(recording: GraphModule, batches: Sequence[Sequence[Tensor]]) -> Rewritten:
    """The recording as it is, by torch's own calls."""
    return torch.no_grad()(recording.forward), 0


class Recording:
    """``recording(inputs, target)`` is what a training pass on a batch of the recorded shapes gives.

    The weights are those of `module` at the time of the call; BatchNorm's running statistics are updated in place.
    ``calls_of_c`` is how many calls of it are in C.
    """

    def __init__(
        self, module: nn.Module, objective: Objective, batches: Sequence[Batch], rewrite: Rewrite = plain
    ) -> None:
        self.take(module)
        inputs, target = batches[0]
        self._shapes = [(value.shape, value.dtype) for value in (*inputs, *leaves(target))]
        self._names: list[str] | None = None
        self.run, self.calls_of_c = self._record(module, objective, batches, rewrite)

    def take(self, module: nn.Module) -> None:
        """Compute with the tensors of `module`, a copy of the recorded one, from now on."""
        self._tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self._trained = [parameter for parameter in module.parameters() if parameter.requires_grad]

    def fits(self, inputs: list[Tensor], target: Values) -> bool:
        """Whether this batch has the recorded shapes."""
        values = (*inputs, *leaves(target))
        if len(values) != len(self._shapes):
            return False
        for value, (shape, dtype) in zip(values, self._shapes, strict=True):
            if value.shape != shape or value.dtype != dtype:
                return False
        return True

    def __call__(self, inputs: list[Tensor], target: Values) -> tuple[Tensor, Values]:
        """The loss (a scalar) and the output; gradients are left in the parameters, over what was there.

        The next call may write over them all.
        """
        loss, *rest = self.run(*self._tensors.values(), *inputs, *leaves(target))
        count = len(rest) - len(self._trained)
        for parameter, gradient in zip(self._trained, rest[count:], strict=True):
            parameter.grad = gradient
        return loss, rest[0] if self._names is None else dict(zip(self._names, rest[:count], strict=True))

    def _record(self, module: nn.Module, objective: Objective, batches: Sequence[Batch], rewrite: Rewrite) -> Rewritten:
        inputs, target = batches[0]
        names = list(self._tensors)
        trained = [name for name, value in self._tensors.items() if value.requires_grad]
        keys = None if isinstance(target, Tensor) else list(target)

        def training_pass(*flat: Tensor) -> tuple[Tensor | None, ...]:
            tensors = dict(zip(names, flat, strict=False))
            given, wanted = flat[len(names) : len(names) + len(inputs)], flat[len(names) + len(inputs) :]
            output = torch.func.functional_call(module, tensors, given)
            self._names = list(output) if isinstance(output, dict) else None
            loss = objective(output, wanted[0] if keys is None else dict(zip(keys, wanted, strict=True)))
            gradients = torch.autograd.grad(loss, [tensors[name] for name in trained], allow_unused=True)
            return loss, *leaves(output), *gradients

        def arguments(inputs: list[Tensor], target: Values) -> list[Tensor]:
            copies = [value.detach().clone().requires_grad_(value.requires_grad) for value in self._tensors.values()]
            return [*copies, *inputs, *leaves(target)]

        with torch.random.fork_rng(devices=[]):
            recording = simplified(traced(training_pass, arguments(*batches[0])))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            return rewrite(recording, [arguments(*batch) for batch in batches])


def record(
    module: nn.Module, objective: Objective, batches: Sequence[Batch], tolerance: float = 0.0, rewrite: Rewrite = plain
) -> Recording | None:
    """The recording of a pass on the first of `batches`, which have one shape; None where it is not the same pass.

    The same: on every batch, loss, outputs, gradients and buffers differ by at most `tolerance` of their magnitude,
    not at all by default, from those that `module` gives. `module` is not changed.
    """
    try:
        trial = copy.deepcopy(module)
        recording = Recording(trial, objective, batches, rewrite)
        for batch in batches:
            before = [buffer.clone() for buffer in trial.buffers()]
            trial.zero_grad()
            with torch.random.fork_rng(devices=[]):
                expected = [*_textbook(trial, objective, *batch), *(buffer.clone() for buffer in trial.buffers())]
            for buffer, value in zip(trial.buffers(), before, strict=True):
                buffer.copy_(value)
            with torch.random.fork_rng(devices=[]):
                loss, output = recording(*batch)
            found = [loss, *leaves(output), *(p.grad for p in trial.parameters()), *trial.buffers()]
            if not all(_same(a, b, tolerance) for a, b in zip(expected, found, strict=True)):
                return None  # such as a layer that computes another way where no gradient is asked for
        recording.take(module)
        return recording
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return None  # not every operation can be recorded, and none has to be


def _textbook(module: nn.Module, objective: Objective, inputs: list[Tensor], target: Values) -> Iterator[Tensor | None]:
    output = module(*inputs)
    loss = objective(output, target)
    loss.backward()
    yield loss
    yield from leaves(output)
    yield from (parameter.grad for parameter in module.parameters())


def _same(a: Tensor | None, b: Tensor | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    if tolerance == 0 or not a.is_floating_point():
        return torch.equal(a, b)
    return bool((a - b).abs().max() <= tolerance * a.abs().max())


def simplified(recording: GraphModule) -> GraphModule:
    """The recording without operations that only matter to autograd, as a plain function of tensors."""
    graph = recording.graph
    for node in graph.nodes:
        if node.target in _NOTHING:
            node.replace_all_uses_with(_source(node))
        elif node.target is _ATEN.t.default and _source(node).target is _ATEN.t.default:
            node.replace_all_uses_with(_source(_source(node)))
    for node in reversed(list(graph.nodes)):
        if node.target in _VIEWS and not node.users:
            graph.erase_node(node)
    for node in graph.nodes:
        node.target = _CHEAPER.get(node.target, node.target)
        if node.target is _ATEN.ones_like.default and not node.meta["val"].ndim:
            _keep(recording, node)
    plain = Graph()
    plain.set_codegen(CodeGen())
    plain.output(plain.graph_copy(graph, {}))
    return GraphModule(recording, plain)


def _keep(recording: GraphModule, node: Node) -> None:
    """Make the 1 from which gradients start once, not in every step."""
    recording.register_buffer(node.name, torch.ones((), dtype=node.meta["val"].dtype))
    node.op, node.target, node.args, node.kwargs = "get_attr", node.name, (), {}


def _source(node: Node) -> Node:
    source = node.args[0]
    assert isinstance(source, Node)
    return source


def leaves(value: Values) -> list[Tensor]:
    """The tensors of `value`, in order."""
    return [value] if isinstance(value, Tensor) else list(value.values())
