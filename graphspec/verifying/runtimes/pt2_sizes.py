"""Whether the sizes in an exported program are sizes: torch hands each of them to sympy, which computes what it says.

Loaded by the worker: this file imports nothing of graphspec.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

#: What torch writes a size with (`sympy.srepr`, and the functions of `torch.utils._sympy`).
FUNCTIONS = frozenset(
    "Integer Rational Add Mul Max Min Mod Abs floor ceiling Eq Ne Lt Le Gt Ge And Or Not Where Piecewise ExprCondPair"
    " FloorDiv ModularIndexing PythonMod CleanDiv CeilDiv RShift FloatTrueDiv IntTrueDiv TruncToInt TruncToFloat"
    " CeilToInt FloorToInt RoundToInt RoundDecimal ToFloat Identity Equality Unequality StrictGreaterThan GreaterThan"
    " StrictLessThan LessThan IsNonOverlappingAndDenseIndicator OpaqueUnaryFn_sqrt OpaqueUnaryFn_log2"
    " BitwiseFn_bitwise_and BitwiseFn_bitwise_or BitwiseFn_bitwise_xor".split()
)
POWERS = frozenset("Pow PowByNatural FloatPow LShift".split())
#: What texts and options make: ``Symbol('s0', integer=True)``, ``Float('0.5', precision=53)``.
WRITTEN = frozenset(("Symbol", "Float"))
#: Bounds of a size: characters, and the powers that a part of it stands in, multiplied.
LONGEST, MOST_POWER = 10_000, 64
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


def check_sizes(program: Any) -> None:
    """Look at every size of a program as JSON has it.

    Raises:
        ValueError: one of them is none.
    """
    for text in _sizes(program):
        if wrong := _fault_of(text):
            raise ValueError(f"a size is {text[:60]!a}: {wrong}")


def _sizes(program: Any) -> Iterator[str]:
    left = [program]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if isinstance(text := value.get("expr_str"), str):
                yield text
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _fault_of(text: str) -> str:
    """Why `text` is no size as torch writes it; empty where it is one."""
    if len(text) > LONGEST:
        return f"{len(text):,} characters"
    try:
        return _fault(ast.parse(text.strip(), mode="eval").body, 1)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it is no expression"


def _fault(node: ast.expr, power: float) -> str:
    """What is wrong with a part of a size that is raised to `power`."""
    if isinstance(node, ast.Constant):
        return "" if isinstance(node.value, int | float) else f"{node.value!r:.40} is no number"
    if isinstance(node, ast.Name):
        return ""
    if isinstance(node, ast.Call):
        return _fault_of_call(node, power)
    if isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
        if isinstance(node.op, ast.Pow):
            return _fault_of_power([node.left, node.right], power)
        return _first_fault([node.left, node.right], power)
    if isinstance(node, ast.UnaryOp | ast.Compare | ast.Tuple):
        return _first_fault([part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)], power)
    return f"{ast.unparse(node)[:40]} is no part of one"


def _fault_of_call(node: ast.Call, power: float) -> str:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in WRITTEN:
        said = [*node.args, *(keyword.value for keyword in node.keywords)]
        plain = all(isinstance(each, ast.Constant) for each in said)
        options = all(_number(keyword.value) is not None for keyword in node.keywords)
        return "" if plain and options else f"{ast.unparse(node)[:40]} is no part of one"
    if name not in FUNCTIONS | POWERS or node.keywords:
        return f"{ast.unparse(node.func)[:40]} is no function of sizes"
    return _fault_of_power(node.args, power) if name in POWERS else _first_fault(node.args, power)


def _fault_of_power(parts: list[ast.expr], power: float) -> str:
    raised = _number(parts[1]) if len(parts) == 2 else None
    if raised is None or (power := power * max(1.0, abs(raised))) > MOST_POWER:
        return "its power is no small number"
    return _fault(parts[0], power)


def _first_fault(parts: list[ast.expr], power: float) -> str:
    return next(filter(None, (_fault(part, power) for part in parts)), "")


def _number(node: ast.expr) -> float | None:
    """The size of a number that is written ``2``, ``-2``, ``Integer(2)`` or ``Rational(1, 2)``; None above 64."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _number(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Integer", "Rational"):
        parts = [_number(each) for each in node.args]
        return max((each for each in parts if each is not None), default=None) if None not in parts else None
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and abs(node.value) <= MOST_POWER:
        return abs(node.value)
    return None
