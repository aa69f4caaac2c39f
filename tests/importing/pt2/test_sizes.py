"""What stands for a size in a ``.pt2``: torch has sympy compute it, so what is no size is refused before."""

from __future__ import annotations

import re

import pytest
import sympy
from torch.utils._sympy import functions

from graphspec.verifying.runtimes.pt2_sizes import FUNCTIONS, LONGEST, POWERS, check_sizes

N, M = sympy.symbols("s0 s1", integer=True, positive=True)

#: What torch.export writes, by sympy.srepr.
SIZES = [
    sympy.Integer(7), N, 2 * N + 1, N * M - 3, N**2, N**2 * M**3, (N + 1) ** 2 - N, N / 2, 1 / N, sympy.sqrt(N),
    sympy.Float(0.5) * N, sympy.Max(N, 3), sympy.Eq(N, M), (N > 2) & (M <= 5) | (N < 9), ~sympy.Ne(N, M), sympy.true,
    sympy.Piecewise((N, N > 2), (M, True)), sympy.floor(N / 3), sympy.oo,
    functions.FloorDiv(N + 1, 2), functions.ModularIndexing(N, 2, 3), functions.PythonMod(N, 5),
    functions.IntTrueDiv(N, M), functions.TruncToInt(functions.OpaqueUnaryFn_sqrt(functions.ToFloat(N))),
    functions.PowByNatural(N, sympy.Integer(2)), functions.Max(N, M), functions.Min(N, functions.FloorDiv(M, 2)),
    functions.CeilToInt(functions.FloatTrueDiv(functions.ToFloat(N), functions.ToFloat(M))),
]  # fmt: skip

#: What is none, and what is said.
NONE = {
    "factorial(10**8)": "factorial is no function of sizes",
    "Integer(2)**(10**10)": "its power is no small number",
    "Pow(Integer(2), Integer(10**10))": "its power is no small number",
    "Pow(2, exp=Integer(3))": "Pow is no function of sizes",
    "2**64**2": "its power is no small number",
    "Pow(Pow(2, 64), 64)": "its power is no small number",
    "Pow(Integer(2), Rational(99999, 1))": "its power is no small number",
    "PowByNatural(Integer(3), Integer(999999999))": "its power is no small number",
    "LShift(Integer(1), Integer(99999999999))": "its power is no small number",
    "Float('0.1', precision=9999999999)": "is no part of one",
    "Symbol(factorial(10**8))": "is no part of one",
    "'a' * 10": "is no number",
    "1 << 9": "is no part of one",
    "__import__('os').system('touch pwned')": "is no function of sizes",
    "Integer.__class__": "is no part of one",
    "[k for k in (1,)]": "is no part of one",
    "lambda: 0": "is no part of one",
    "9!": "it is no expression",
    "-" * 9000 + "1": "it is no expression",
    "(" * 9000: "it is no expression",
    "1" * (LONGEST + 1): "10,001 characters",
}


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_torch_writes_is_a_size(size: sympy.Basic) -> None:
    check_sizes({"sizes": [{"as_expr": {"expr_str": sympy.srepr(size)}}]})


@pytest.mark.parametrize("text", NONE, ids=lambda text: text[:40])
def test_what_is_no_size_is_refused_before_it_is_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(NONE[text])):
        check_sizes({"deep": [[{"expr_str": text}]]})


def test_every_function_is_one_of_sympy_or_torch() -> None:
    for name in FUNCTIONS | POWERS:
        known = any(hasattr(each, name) for each in (sympy, functions, sympy.functions.elementary.piecewise))
        assert known, name
