"""How a layer's parameters start (``init``) and whose they are (``tie``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from graphspec.diagnostics import Diagnostic, Path, quoted, suggest
from graphspec.graph import Layer, LayerGraph, Ref
from graphspec.ops.arguments import BadArgument, convert
from graphspec.ops.initializers import initializers
from graphspec.ops.op import Parameter
from graphspec.ops.published import instead_of_changing, of_model
from graphspec.shapes.shaped import ShapedLayer
from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.system.regular_file import is_inside

#: Stands among the parameters' names for all of them, when a file says how they start.
FROM_FILE = "*"
Shapes = Mapping[str, tuple[int, ...]]


def close_init(node: Layer, parameters: Shapes) -> tuple[dict[str, Any], list[Diagnostic]]:
    """``init`` as parameter → (function, arguments).

    A name or a ``type`` table is for ``weight`` (or a Parameter's value); otherwise the table is by parameter name.
    With ``{ file = "…" }`` all of them come from a file: ``FROM_FILE`` → (path, {}); with ``{ weights = "…" }`` from
    one that torchvision publishes: ``FROM_FILE`` → (its name, {"except": […]}).
    """
    if node.init is None:
        return {}, []
    at = (*node.at, "init")
    try:
        init = node.scope.close(node.init)
    except ExpressionError as error:
        return {}, [error.diagnostic(node.init, at, f"layer {quoted(node.label)}: ")]
    except NeedsShape:
        message = f"layer {quoted(node.label)}: init reads a shape, which only `if` and arguments can"
        return {}, [Diagnostic("bad-expression", message, at)]
    if isinstance(init, dict) and set(init) == {"file"}:
        return {FROM_FILE: (init["file"], {})}, list(_file_faults(node, init["file"], (*at, "file")))
    if isinstance(init, dict) and "weights" in init and set(init) <= {"weights", "except"}:
        left_out = init.get("except", [])
        named = [left_out] if isinstance(left_out, str) else left_out
        return {FROM_FILE: (init["weights"], {"except": named})}, list(_published_faults(node, init["weights"], named))
    only = isinstance(init, str) or (isinstance(init, dict) and "type" in init)
    table = {"value" if "value" in parameters else "weight": init} if only else init
    if not isinstance(table, dict):
        return {}, [Diagnostic("wrong-type", f"layer {quoted(node.label)}: init is neither a name nor a table", at)]
    found, faults = {}, []
    for name, entry in table.items():
        place = at if only else (*at, name)
        if name not in parameters:
            hint = suggest(name, parameters) or f"its parameters: {', '.join(parameters) or 'none'}"
            message = f"layer {quoted(node.label)}: {node.op.name} has no parameter {quoted(name)}"
            faults.append(Diagnostic("unknown-argument", message, place, hint))
            continue
        try:
            found[name] = _function(entry)
        except BadArgument as error:
            faults.append(Diagnostic(error.code, f"layer {quoted(node.label)}: {error}", place, error.hint))
    return found, faults


def _file_faults(node: Layer, path: Any, at: Path) -> Iterator[Diagnostic]:
    """Why a file of weights cannot be what ``init`` names; it is read when the module is built."""
    layer = f"layer {quoted(node.label)}"
    if not isinstance(path, str) or not path.endswith((".safetensors", ".pt", ".pth")):
        hint = "a .safetensors, .pt or .pth file"
        yield Diagnostic("wrong-extension", f"{layer}: {quoted(path)} is no file of weights", at, hint)
    elif not is_inside(path):
        hint = "copy it there"
        yield Diagnostic("outside", f"{layer}: {quoted(path)} is outside the working directory", at, hint)
    elif not FilePath(path).is_file():
        yield Diagnostic("no-such-file", f"{layer}: there is no file {quoted(path)}", at)


def _published_faults(node: Layer, name: Any, left_out: Any) -> Iterator[Diagnostic]:
    """Why `name` is no weights of the layer's network, or `left_out` no list of its parts."""
    layer, at, known = f"layer {quoted(node.label)}", (*node.at, "init", "weights"), of_model(node.op)
    if not isinstance(left_out, list | tuple) or not all(isinstance(each, str) for each in left_out):
        yield Diagnostic("bad-value", f"{layer}: except is a name, or a list of names", (*node.at, "init", "except"))
    if not known:
        message = f"{layer}: torchvision publishes no weights of {node.op.name}"
        yield Diagnostic("bad-value", message, at, "init = { file = … } takes a file of yours")
    elif name not in known:
        fixed = instead_of_changing(str(name), node.op)
        hint = f"write {fixed}" if fixed else suggest(str(name), known) or f"known: {', '.join(known)}"
        why = "is another in each version of torchvision" if fixed else f"is none of {node.op.name}'s weights"
        yield Diagnostic("bad-value", f"{layer}: {quoted(str(name))} {why}", at, hint)


def arguments_of(table: Mapping[str, Any], name: str, known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The arguments in a table ``{ type = "NAME", … }``, each as its parameter takes it."""
    arguments = {}
    for key, value in table.items():
        if key == "type":
            continue
        if key not in known:
            hint = suggest(key, known) or f"its arguments: {', '.join(known) or 'none'}"
            raise BadArgument(f"{name} has no argument {quoted(key)}", "unknown-argument", hint)
        arguments[key] = convert(name, known[key], value)
    return arguments


def _function(entry: Any) -> tuple[str, dict[str, Any]]:
    table = {"type": entry} if isinstance(entry, str) else entry
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        raise BadArgument("init wants a function of torch.nn.init, as a name or { type = … }")
    known = initializers()
    name = table["type"]
    if name not in known:
        raise BadArgument(f"torch.nn.init has no {quoted(name)}", hint=suggest(name, known) or "e.g. kaiming_normal_")
    arguments = arguments_of(table, name, known[name])
    missing = [key for key, parameter in known[name].items() if parameter.required and key not in arguments]
    if missing:
        raise BadArgument(f"{name} needs {quoted(missing[0])}", "missing-argument", f"add {missing[0]} = …")
    return name, arguments


def close_tie(
    node: Layer, parameters: Shapes, layers: Mapping[str, ShapedLayer], graph: LayerGraph
) -> tuple[dict[str, str], list[Diagnostic]]:
    """``tie`` as own parameter → full name of the parameter it shares. A string ties the one of the same name."""
    if node.tie is None:
        return {}, []
    own = "value" if node.op.is_leaf else str(node.tie).rpartition(".")[2]
    table = {own: node.tie} if isinstance(node.tie, str) else node.tie
    found, faults = {}, []
    for own, reference in table.items():
        at = (*node.at, "tie") if isinstance(node.tie, str) else (*node.at, "tie", own)
        local, _, name = reference.partition(".")
        values = getattr(node.scope, "values", {})
        target = layers.get(graph.follow(Ref(values[local].name)).name) if local in values else None
        if target is None or name not in target.parameters:
            inside = f"{values[local].name}.{name}" if local in values else ""
            target, name = _by_path(layers, inside) or _by_path(layers, reference) or (target, name)
        if target is None or name not in target.parameters:
            hint = (
                suggest(local, values)
                if target is None
                else f"its parameters: {', '.join(target.parameters) or 'none'}"
            )
            faults.append(
                Diagnostic("unknown-reference", f"no earlier parameter {quoted(reference)} to tie to", at, hint)
            )
        elif own not in parameters:
            message = f"layer {quoted(node.label)}: {node.op.name} has no parameter {quoted(own)}"
            faults.append(
                Diagnostic("unknown-argument", message, at, f"its parameters: {', '.join(parameters) or 'none'}")
            )
        elif parameters[own] != target.parameters[name]:
            message = f"cannot tie {quoted(own)} {parameters[own]} to {quoted(reference)} {target.parameters[name]}"
            faults.append(Diagnostic("shape-mismatch", message, at))
        else:
            found[own] = target.name if target.op.is_leaf else f"{target.name}.{name}"
    return found, faults


def _by_path(layers: Mapping[str, ShapedLayer], path: str) -> tuple[ShapedLayer, str] | None:
    """The earlier layer that has the parameter called `path` in the state_dict, and what it calls it."""
    for end in (n for n, character in enumerate(path) if character == "."):
        layer = layers.get(path[:end])
        if layer is not None and path[end + 1 :] in layer.parameters:
            return layer, path[end + 1 :]
    leaf = layers.get(path)
    return (leaf, "value") if leaf is not None and leaf.op.is_leaf and leaf.parameters else None
