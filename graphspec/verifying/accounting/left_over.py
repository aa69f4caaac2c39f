"""What is left of two files where not all could be paired: operators that one has more of, and its numbers.

Numbers on drawn inputs decide over what is left, so it may only be what numbers show: elements arranged otherwise, and
operators that are what others of the network are made of. All else could act at one size or magnitude alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from graphspec.verifying.accounting.terms import FLOATS, Term

#: Operators that only arrange elements, or tell how many there are.
_ARRANGING = frozenset(
    """const input none Identity Reshape Flatten Squeeze Unsqueeze Transpose Expand Concat Split Shape Gather Tile
    ConstantOfShape""".split()
)
#: Operators that stand for one another.
_ALIKE = {
    **dict.fromkeys(("Add", "Sub"), "sum"),
    **dict.fromkeys(("Mul", "Div", "Neg", "Reciprocal"), "product"),
    **dict.fromkeys(("Pow", "Sqrt"), "power"),
    **dict.fromkeys(("MatMul", "Gemm", "Linear", "Conv", "ConvTranspose"), "linear map"),
    **dict.fromkeys(("Affine", "BatchNormalization"), "scaling of channels"),
    **dict.fromkeys(("GlobalAveragePool", "ReduceMean"), "mean"),
}
_BY_FORMULA = {"mean": 2, "ReduceSum": 2, "sum": 3, "product": 4, "power": 2, "scaling of channels": 1}
#: By an operator that is missing, or those like it: what a file may have in its place, and how many of them.
_MADE_OF: dict[str, dict[str, int]] = {
    "Softmax": {"Exp": 1, "ReduceMax": 1, "ReduceSum": 1, "sum": 1, "product": 1},
    "LogSoftmax": {"Softmax": 1, "Log": 1, "Exp": 1, "ReduceMax": 1, "ReduceSum": 1, "sum": 2, "product": 1},
    "LayerNormalization": _BY_FORMULA,
    "InstanceNormalization": _BY_FORMULA,
    "GroupNormalization": {**_BY_FORMULA, "InstanceNormalization": 1, "LayerNormalization": 1},
    "scaling of channels": {"sum": 1, "product": 1, "linear map": 1},
    "linear map": {"sum": 1, "scaling of channels": 1},
    "product": {"scaling of channels": 1},
    "Gelu": {"Erf": 1, "Tanh": 1, "sum": 3, "product": 4, "power": 1, "linear map": 1},
    "HardSwish": {"HardSigmoid": 1, "product": 1},
    "Sigmoid": {"Exp": 1, "sum": 1, "product": 2},
    "mean": {"ReduceSum": 1, "product": 1, "LayerNormalization": 1, "InstanceNormalization": 1},
    "Erf": {"Gelu": 1},
    "Exp": {"Softmax": 1, "Sigmoid": 1},
    "power": {"product": 1},
    "Range of sizes": {"Slice": 1, "Slice of sizes": 1},
}
#: What a quantisation puts in beside them.
_QUANTISING = frozenset(
    """sum product power Exp Log Erf Tanh Sigmoid Gelu Softmax LogSoftmax LayerNormalization ReduceSum ReduceMax mean
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear MatMulInteger ConvInteger""".split()
) | {"linear map", "scaling of channels"}
#: Behind the operators of sizes and constants alone.
OF_SIZES = " of sizes"
#: Of a constant that has its like in another place, so much may differ for it to be that one, changed.
FEW = 0.05


def added(own: Sequence[Term], other: Sequence[Term], quantised: bool) -> dict[str, int]:
    """The operators that `other` has more of than `own`, and that are no part of what it has in the place of others."""
    mine, its = (_kinds(terms) for terms in (own, other))
    fewer = mine - its
    allowed = Counter[str]()
    for kind, count in fewer.items():
        allowed.update({part: count * most for part, most in _MADE_OF.get(kind, {}).items()})
    found = {}
    for kind, count in sorted((its - mine).items()):
        free = kind in _ARRANGING or (quantised and kind.removesuffix(OF_SIZES) in _QUANTISING)
        if "::" in kind:  # what onnxruntime fused is in the place of something
            free = any(missing not in _ARRANGING for missing in fewer)
        if not free and count > allowed[kind]:
            found[kind] = count - allowed[kind]
    return found


def changed(own: Sequence[Term], other: Sequence[Term]) -> Iterator[tuple[Term, Term | None, int]]:
    """Each constant of floats of `other` with the one of `own` that it is, whatever its arrangement, and how many
    numbers differ; None where it is none.
    """
    left = [term for term in own if term.array is not None and term.array.size > 1]
    for term in other:
        if term.array is None or term.array.size < 2 or term.array.dtype.kind != "f":
            continue
        same = [mine for mine in left if mine.array is not None and mine.array.size == term.array.size]
        wrong = {k: _missing(mine, term) for k, mine in enumerate(same)}
        best = min(wrong, key=wrong.__getitem__, default=None)
        if best is None or wrong[best] > FEW * term.array.size:
            yield term, None, term.array.size
        else:
            left.remove(same[best])
            yield term, same[best], wrong[best]


def _missing(own: Term, other: Term) -> int:
    """How many numbers of `other` are not among those of `own`."""
    assert own.array is not None
    assert other.array is not None
    return int(np.count_nonzero(~np.isin(other.array.reshape(-1), own.array.reshape(-1))))


def _kinds(terms: Sequence[Term]) -> Counter[str]:
    """How many there are of each kind: what is computed of sizes alone is apart from what is computed of values."""
    sizes: dict[int, bool | None] = {}  # by number: of sizes; None of constants alone
    for term in terms:
        parts = [sizes.get(part.number, _constant(part)) for part in term.inputs]
        sizes[term.number] = _of_sizes(term, [part for part in parts if part is not None])
    return Counter(_kind(term, sizes[term.number] is True) for term in terms)


def _constant(term: Term) -> bool | None:
    """None of a constant; False of what is paired, and thus not among those that are left."""
    return None if term.op in ("const", "none") else term.op in ("Shape", "Size")


def _of_sizes(term: Term, known: Sequence[bool]) -> bool | None:
    if term.op in ("Shape", "Size"):
        return True
    if term.op in ("const", "none"):
        return None
    return all(known) if known else False


def _kind(term: Term, of_sizes: bool) -> str:
    """The operator, or those like it; of a cast, also what to, where that is no floating-point type."""
    to = term.attribute("to")
    if term.op == "Cast" and to not in FLOATS:
        return f"Cast to type {to}"
    if term.op == "Gather" and term.inputs[0].constant is not None:
        return "Gather of a constant"
    if of_sizes and term.op not in _ARRANGING:
        return f"{term.op}{OF_SIZES}"
    return _ALIKE.get(term.op, term.op)
