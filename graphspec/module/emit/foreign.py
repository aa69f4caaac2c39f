"""The source of layer classes that are not torch's own, with what it refers to, so that the file imports only torch."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import typing
from types import ModuleType
from typing import Any

_LOGGING = "_log_api_usage_once"


def sources(classes: list[type]) -> tuple[list[str], list[str]]:
    """Import lines, and definitions in an order in which each comes after what it uses."""
    imports: dict[str, None] = {}
    found: dict[str, str] = {}
    for entry in classes:
        _collect(entry, imports, found)
    return list(imports), list(found.values())


def _collect(entry: Any, imports: dict[str, None], found: dict[str, str]) -> None:
    """Add the source of a class or function, what it needs first."""
    name = entry.__name__
    if name in found:
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(entry)))
    tree = ast.fix_missing_locations(_Trim().visit(tree))
    scope = vars(sys.modules[entry.__module__])
    package = entry.__module__.partition(".")[0]
    for used in dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)):
        value = scope.get(used)
        if value is None or used == name:
            continue
        home = getattr(value, "__module__", "") or ""
        if isinstance(value, ModuleType):
            parent, _, leaf = value.__name__.rpartition(".")
            plain = used == value.__name__
            imports[
                f"import {used}" if plain else f"from {parent} import {leaf}" + (f" as {used}" if used != leaf else "")
            ] = None
        elif home.partition(".")[0] == package and (inspect.isclass(value) or inspect.isfunction(value)):
            _collect(value, imports, found)
        elif home == "typing" and not hasattr(typing, used):  # a name for a type: Number
            imports["import typing"] = None
            found[used] = f"{used} = {value!r}"
        elif home == "typing" or home.partition(".")[0] in ("collections", "torch"):
            imports[f"from {'torch' if used == 'Tensor' else home} import {used}"] = None
    found[name] = ast.unparse(tree)


class _Trim(ast.NodeTransformer):
    """Without decorators (graphspec's own) and torchvision's usage logging."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _LOGGING in ast.unparse(node) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if all(_LOGGING in ast.unparse(part) for part in node.body) else self.generic_visit(node)
