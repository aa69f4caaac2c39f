"""``FILE.py:NAME``: the file is run, and its class or function called with literals."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.importing.sources.inputs import Input
from graphspec.importing.sources.made import made
from graphspec.importing.sources.opened import Opened
from graphspec.ops.imports import import_file


def of_file(path: Path, expression: str, given: Mapping[str, Input]) -> Opened:
    """The network that ``NAME`` or ``NAME(width=2)`` of a Python file makes."""
    name, arguments, keywords = _call(expression)
    found = vars(import_file(path, told=""))
    if name not in found:
        hint = suggest(name, [key for key, value in found.items() if callable(value) and not key.startswith("_")])
        raise fail("bad-import", f"{path} has no {quoted(name)}", hint=hint)
    maker = found[name]
    if isinstance(maker, nn.Module):
        return Opened(maker, name, given)
    if not callable(maker):
        raise fail("bad-import", f"{quoted(name)} of {path} is no class, no function and no module")
    try:
        inspect.signature(maker).bind(*arguments, **keywords)
    except TypeError as error:
        hint = f"{path}:{name}({', '.join(f'{each}=…' for each in _required(maker))})"
        raise fail("missing-argument", f"{name} of {path}: {error}", hint=hint) from error
    model = made(lambda: maker(*arguments, **keywords), f"{path}:{name}")
    if not isinstance(model, nn.Module):
        raise fail("bad-import", f"{name} of {path} gives {type(model).__name__}, not a torch.nn.Module")
    return Opened(model, name, given)


def _required(maker: Any) -> list[str]:
    return [
        each.name
        for each in inspect.signature(maker).parameters.values()
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD and each.kind is not each.VAR_POSITIONAL
    ]


def _call(expression: str) -> tuple[str, list[Any], dict[str, Any]]:
    if expression.isidentifier():
        return expression, [], {}
    try:
        tree = ast.parse(expression, mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise ValueError
        values = [ast.literal_eval(value) for value in tree.args]
        return tree.func.id, values, {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords if word.arg}
    except (ValueError, SyntaxError):
        message = f"{quoted(expression)} is no name and no call with literals"
        raise fail("bad-value", message, hint="FILE.py:Net, or FILE.py:Net(width=2)") from None
