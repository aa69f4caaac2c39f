"""A reloaded ``torch.export`` program. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .kept import kept
from .tensors import Arrays, Call, Run, array, runner


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as users run it."""
    return runner(_program(path).module(), names, dtypes)


@kept
def _program(path: str) -> Any:
    """The file's program."""
    import torch

    return torch.export.load(path)


def weights(path: str) -> Arrays:
    """The tensors that the file holds, by the names that the module has for them."""
    import torch

    program = _program(path)
    constants = {name: value for name, value in program.constants.items() if isinstance(value, torch.Tensor)}
    return {name: array(value) for name, value in {**constants, **program.state_dict}.items()}


def steps(path: str) -> list[tuple[str, str]]:
    """The nodes of the program, and of the graphs inside it, with the submodules that they came from."""
    import torch

    program = _program(path)
    found = [("", f"{symbol} in {span}") for symbol, span in sorted(program.range_constraints.items(), key=str)]
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
            found.append((stack[-1] if stack else "", f"{node.name} = {node.target} {node.args} {node.kwargs or ''}"))
    return found


def calls(path: str, modules: Sequence[str]) -> Callable[..., list[tuple[Call, Any]]]:
    """A function of the file's inputs that gives the tensors that leave each of `modules`, in order."""
    import torch

    program = _program(path).module()
    found: list[tuple[Call, Any]] = []

    class Recorder(torch.fx.Interpreter):
        def run_node(self, node: Any) -> Any:
            value, call = super().run_node(node), _origin(node, modules)
            if call and isinstance(value, torch.Tensor) and any(_origin(user, modules) != call for user in node.users):
                found.append((call, value.clone()))
            return value

    def run(*tensors: Any) -> list[tuple[Call, Any]]:
        Recorder(program).run(*tensors)
        return found

    return run


def _origin(node: Any, modules: Sequence[str]) -> Call | None:
    """The innermost of `modules` that a node of an exported program came from; ``fc@1`` is a second call of ``fc``."""
    stack = [(key, path) for key, (path, _) in (node.meta.get("nn_module_stack") or {}).items()]
    for key, path in reversed(stack):
        module = next((name for name in modules if path == name or path.startswith(f"{name}.")), None)
        if module is not None:
            own = next((key for key, path in stack if path == module), key)
            _, _, call = own.partition("@")
            return module, int(call) if call.isdigit() else 0
    return None
