"""Private names of torch stand in one room, each with why; nothing is patched by a library for tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from graphspec.system.torch_private import replaced

PACKAGE = Path(__file__).parents[2] / "graphspec"
ROOM = PACKAGE / "system" / "torch_private"
#: They run as scripts that import nothing of graphspec.
WORKERS = PACKAGE / "verifying" / "runtimes"
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if not path.is_relative_to(ROOM)]


def private(tree: ast.AST) -> Iterator[str]:
    """Private names of torch that a source imports, or reaches through a module of torch's; operators' are schemas."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "torch"]
        elif isinstance(node, ast.Attribute) and ast.unparse(node).split(".")[0] in ("torch", "nn"):
            names = [ast.unparse(node)]
        else:
            continue
        for name in filter(re.compile(r"[\w.]+").fullmatch, names):
            parts = name.split(".")
            if not name.startswith("torch.ops.") and any(p.startswith("_") and not p.startswith("__") for p in parts):
                yield name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_names_of_torch_stand_in_one_room(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert path.is_relative_to(WORKERS) or not list(private(tree))
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "unittest.mock" not in imported


@pytest.mark.parametrize(
    "code",
    ["import torch._dynamo", "from torch._C import x", "from torch.utils import _pytree", "torch._foreach_add(a)",
     "nn.modules.batchnorm._BatchNorm", "torch.fx.experimental._config.patch()"],
)  # fmt: skip
def test_the_guard_sees(code: str) -> None:
    assert list(private(ast.parse(code)))


def test_what_was_replaced_is_as_it_was() -> None:
    class Owner:
        known = 1

    with replaced(Owner, "known", 2), replaced(Owner, "new", 3):
        assert (Owner.known, vars(Owner)["new"]) == (2, 3)
    assert Owner.known == 1
    assert "new" not in vars(Owner)
    with replaced(torch.fx.config, "do_not_emit_stack_traces", True):
        assert torch.fx.config.do_not_emit_stack_traces
