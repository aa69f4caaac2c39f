"""An exported program of whatever origin: what it says of itself, and its results in order, however forward nests them.

Loaded by the worker: this file imports nothing of graphspec.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .pt2_sizes import check_sizes
from .tensors import Arrays, Run, array, tensors

#: torch's own archives are not packed; one that claims so many times its size, and this beside, is none.
MOST_TIMES, MOST_BESIDE = 4, 1 << 20
#: Nor are its tensors together that often its size and this beside: one of a stride of 0 has any shape in few bytes.
MOST_TENSORS_BESIDE = 256 << 20


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str], learning: bool = False) -> Run:
    """The file as users run it, or, `learning`, with gradients; inputs in the program's order."""
    import torch

    loaded = _loaded(path)
    model = loaded.module()

    def run(inputs: Arrays) -> list[Any]:
        given = tensors(inputs, dtypes)
        positional, keywords = torch.utils._pytree.tree_unflatten(given, loaded.call_spec.in_spec)
        with torch.set_grad_enabled(learning):
            results = torch.utils._pytree.tree_leaves(model(*positional, **keywords))
        found = [value.detach() for value in results if isinstance(value, torch.Tensor)]
        return [array(value) for value in found[: len(names)]]

    return run


def program(path: str) -> tuple[dict[str, Any], Arrays]:
    """The program in the file at `path` as JSON has it, and its tensors by name.

    ``nodes`` are its calls in order: name, operator, arguments, and the stack of modules that each came from, as
    ``[path, number of the call, class]``. ``tensors`` say kind, dtype, and whether they are trained and kept in the
    state_dict; ``same`` the first name of a tensor that has several.
    """
    _check(path)
    loaded = _loaded(path)
    tensors = _tensors(loaded)
    _check_tensors(path, tensors)
    names = {id(value): name for name, value in reversed(tensors.items())}
    nodes = [node for node in loaded.graph.nodes if node.op not in ("placeholder", "output")]
    described = {
        "nodes": [_node(node) for node in nodes],
        "inputs": _inputs(loaded),
        "tensors": {name: _tensor(loaded, name, value) for name, value in tensors.items()},
        "values": _values(loaded),
        "same": {name: names[id(value)] for name, value in tensors.items() if names[id(value)] != name},
        "outputs": _outputs(loaded),
        "ranges": {str(symbol): _range(found) for symbol, found in loaded.range_constraints.items()},
        "mutated": [str(name) for name in _mutated(loaded)],
    }
    return described, {name: array(value.detach().cpu()) for name, value in tensors.items()}


def _check(path: str) -> None:
    """Look at the archive's checksums, which torch does not, and at the sizes that it evaluates."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(set(names)) < len(names):  # zipfile reads the last of that name, torch the first
            raise ValueError("it has two records of one name")
        claimed, held = sum(entry.file_size for entry in archive.infolist()), os.path.getsize(path)
        if claimed > MOST_TIMES * held + MOST_BESIDE:
            raise ValueError(f"its records claim {claimed:,} bytes, and the file has {held:,}")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"its record {damaged} is damaged: another checksum")
        for name in names:
            if name.endswith(".json"):
                check_sizes(json.loads(archive.read(name)))


def _loaded(path: str) -> Any:
    import torch

    try:
        return torch.export.load(path)
    except RuntimeError as error:
        if "We ran into an error" in str(error):  # torch's cause is a warning, which nobody sees
            raise ValueError("torch.export cannot load it: it is damaged, or no exported program") from error
        raise


def _tensors(loaded: Any) -> dict[str, Any]:
    import torch

    found = {**loaded.state_dict, **loaded.constants}
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def _check_tensors(path: str, tensors: Mapping[str, Any]) -> None:
    """Each is written with its shape, whatever it takes in the file: the largest is named where they are too large."""
    sizes = {name: value.numel() * value.element_size() for name, value in tensors.items()}
    held = os.path.getsize(path)
    if sum(sizes.values()) > MOST_TIMES * held + MOST_TENSORS_BESIDE:
        name = max(sizes, key=lambda name: sizes[name])
        shape = " × ".join(map(str, tensors[name].shape))
        said = f"its tensor {name:.80} is {shape}"
        if len(sizes) > 1:
            said += f", all {len(sizes):,} together {sum(sizes.values()):,} bytes"
        raise ValueError(f"{said}, and the file has {held:,} bytes")


def _tensor(loaded: Any, name: str, value: Any) -> dict[str, Any]:
    import torch

    signature = loaded.graph_signature
    kept = name in loaded.state_dict and name not in signature.non_persistent_buffers
    parameter = isinstance(value, torch.nn.Parameter) or name in signature.parameters
    kind = (
        "parameter" if parameter else "buffer" if name in loaded.state_dict or name in signature.buffers else "constant"
    )
    dtype = str(value.dtype).removeprefix("torch.")
    return {
        "kind": kind,
        "dtype": dtype,
        "kept": kept,
        "trained": parameter and (value.requires_grad or not isinstance(value, torch.nn.Parameter)),
    }


def _values(loaded: Any) -> dict[str, str]:
    """The tensors that placeholders are, by the placeholder's name."""
    signature = loaded.graph_signature
    return {
        **signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants
    }  # fmt: skip


def _inputs(loaded: Any) -> list[dict[str, Any]]:
    import torch

    names = [str(name) for name in loaded.graph_signature.user_inputs]
    found = {node.name: node.meta.get("val") for node in loaded.graph.nodes if node.op == "placeholder"}
    rows = []
    for name in names:
        value = found.get(name)
        if isinstance(value, torch.Tensor):
            dtype = str(value.dtype).removeprefix("torch.")
            shape = [size if isinstance(size, int) else str(size) for size in value.shape]
            rows.append({"name": name, "dtype": dtype, "shape": shape})
        else:
            rows.append({"name": name, "dtype": "", "shape": []})
    return rows


def _outputs(loaded: Any) -> Any:
    """The results as forward nests them, with the name of a value in place of each."""
    from torch.utils import _pytree as pytree

    (node,) = [node for node in loaded.graph.nodes if node.op == "output"]
    named = {getattr(value, "name", ""): value for value in node.args[0]}
    results = [_argument(named.get(str(name), name)) for name in loaded.graph_signature.user_outputs]
    return _plain(pytree.tree_unflatten(results, loaded.call_spec.out_spec))


def _plain(value: Any) -> Any:
    """Nested results as dicts and lists."""
    if isinstance(value, dict):
        if set(value) == {"node"} and isinstance(value["node"], str):
            return value
        return {"items": {str(key): _plain(item) for key, item in value.items()}}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else None


def _mutated(loaded: Any) -> list[Any]:
    signature = loaded.graph_signature
    return [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]


def _range(found: Any) -> list[int | None]:
    return [_bound(found.lower), _bound(found.upper)]


def _bound(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None
    return number if abs(number) < 2**31 - 1 else None


def _node(node: Any) -> dict[str, Any]:
    target = node.target if isinstance(node.target, str) else _operator(node.target)
    stack = []
    for key, (path, kind) in (node.meta.get("nn_module_stack") or {}).items():
        _, _, call = key.partition("@")
        plain, _, _ = str(path).partition("@")
        if not plain.startswith("_empty_nn_module_stack"):  # what torch's own passes put there
            stack.append([plain, int(call) if call.isdigit() else 0, str(kind)])
    args, kwargs = [_argument(each) for each in node.args], {key: _argument(each) for key, each in node.kwargs.items()}
    return {"name": node.name, "op": f"{node.op}:{target}", "args": args, "kwargs": kwargs, "stack": stack}


def _operator(target: Any) -> str:
    import torch

    if isinstance(target, torch._ops.OpOverload):
        return str(target)
    return f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', target)}"


def _argument(value: Any) -> Any:
    """An argument as JSON has it: what is no number, text or list is a dict of its kind."""
    import torch

    if isinstance(value, torch.fx.Node):
        return {"node": value.name}
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else {"float": str(value)}
    if isinstance(value, tuple | list):
        return [_argument(each) for each in value]
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    return {"other": str(value)}
