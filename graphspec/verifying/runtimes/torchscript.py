"""libtorch's TorchScript interpreter. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .kept import kept
from .tensors import Arrays, Call, Run, array, runner


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as users run it."""
    import torch

    return runner(torch.jit.load(path), names, dtypes)


@kept
def _still(path: str) -> Any:
    """The file's module, which is looked at and never run."""
    import torch

    return torch.jit.load(path)


def weights(path: str) -> Arrays:
    """The tensors that the file holds, by the names that the module has for them."""
    model = _still(path)
    return {name: array(value) for name, value in {**dict(model.named_buffers()), **model.state_dict()}.items()}


def steps(path: str) -> list[tuple[str, str]]:
    """The nodes of the program with all that its submodules keep, but for tensors, written into it."""
    import torch

    frozen = torch._C._freeze_module(_still(path)._c)  # a copy
    return [("", step) for step in _steps(frozen._get_method("forward").graph)]


def _steps(block: Any) -> Iterator[str]:
    """What each node does, to how many values and with which constants; those of the blocks inside it too."""
    plain = (bool, int, float, str, list, tuple, dict, type(None))
    for node in block.nodes():
        step = f"{node.kind()} of {len(list(node.inputs()))}"
        if node.kind() == "prim::Constant":
            value = node.output().toIValue()
            step = f"{step}: {value if isinstance(value, plain) else type(value).__name__}"
        yield f"{step}: {node.s('name')}" if "name" in node.attributeNames() else step
        for inner in node.blocks():
            yield from _steps(inner)


def calls(path: str, modules: Sequence[str]) -> Callable[..., list[tuple[Call, Any]]]:
    """A function of the file's inputs that gives the tensors of each call in its ``forward``, in order."""
    import torch

    model = torch.jit.load(path)
    graph = model.graph.copy()
    found: list[Call] = []
    copies: list[Any] = []
    for node in list(graph.nodes()):
        if node.kind() == "prim::CallMethod":
            module = ".".join(_attributes(node.inputsAt(0)))
            call = module, len({number for name, number in found if name == module})
            own = list(_copied(graph, node.output(), node))
            found, copies = found + [call] * len(own), copies + own
    result = graph.create("prim::ListConstruct", copies, 1)
    result.output().setType(torch._C.ListType.ofTensors())
    graph.insertNode(result)
    graph.eraseOutput(0)
    graph.registerOutput(result.output())
    run = torch._C._create_function_from_graph("calls", graph)
    return lambda *tensors: list(zip(found, run(model, *tensors), strict=True))


def _attributes(value: Any) -> list[str]:
    """The names by which a value of a graph is reached from the module itself."""
    node = value.node()
    return [*_attributes(node.inputsAt(0)), node.s("name")] if node.kind() == "prim::GetAttr" else []


def _copied(graph: Any, value: Any, after: Any) -> Iterator[Any]:
    """Copies of the tensors in `value`, made at once, for a later call may work in place."""
    if value.type().kind() == "TensorType":
        node = graph.create("aten::alias_copy", [value], 1)
        node.insertAfter(after)
        yield node.output()
    elif value.type().kind() == "TupleType":
        types = value.type().elements()
        node = graph.create("prim::TupleUnpack", [value], len(types))
        node.insertAfter(after)
        for item, kind in zip(node.outputs(), types, strict=True):
            item.setType(kind)
            yield from _copied(graph, item, node)
