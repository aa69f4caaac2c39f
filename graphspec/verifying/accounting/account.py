"""Two ONNX files side by side, from their outputs to their inputs: what one has otherwise than the other."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np

from graphspec.verifying.accounting.constants import compared
from graphspec.verifying.accounting.elementwise import region, same_function, values_before
from graphspec.verifying.accounting.read import Contents, read
from graphspec.verifying.accounting.terms import COMMUTATIVE, FLOATS, LAYOUT, Constant, Term, reachable

#: Operators that a converter may put in or leave out without changing what is computed: arithmetic, arrangement, and
#: the parts of which normalisation and attention are made. What they compute shows on any numbers.
_PLAIN = frozenset(
    """const input none Identity Reshape Flatten Squeeze Unsqueeze Transpose Expand Concat Split Shape Gather Tile
    ConstantOfShape MatMul Gemm Linear Conv ConvTranspose Affine BatchNormalization Add Sub Mul Div Neg Sqrt Pow
    Reciprocal Exp Log Erf Tanh Sigmoid Gelu Softmax LogSoftmax LayerNormalization ReduceMean ReduceSum ReduceMax
    GlobalAveragePool QuantizeLinear DequantizeLinear DynamicQuantizeLinear MatMulInteger ConvInteger""".split()
)
_QUANTISED = ("QLinear", "DynamicQuantize", "QuantizeLinear", "DequantizeLinear", "MatMulInteger", "ConvInteger")
#: What a quantisation expresses by the range of its numbers.
_SATURATING = ("Relu", "Clip")
#: Differences that are said one by one.
MOST_SAID = 20
#: Of a constant that has its like in another place, so much may differ for it to be that one, changed.
FEW = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """``differences`` that can change the function; what was ``unaccounted``, so that numbers alone decide.

    ``precision`` is what the file's weights were lowered to ("fp16", "int8"); empty where they are the network's own.
    ``layer`` is the first that differs, in the order of execution.
    """

    differences: tuple[str, ...] = ()
    unaccounted: tuple[str, ...] = ()
    precision: str = ""
    layer: str = ""


def account(own: Path, other: Path) -> Account:
    """What the ONNX file at `other` has otherwise than the network's `own` file, which is right.

    Raises whatever onnx's own readers raise where `other` is no ONNX file.
    """
    return _Comparison(read(own), read(other)).account()


class _Comparison:
    def __init__(self, own: Contents, other: Contents) -> None:
        self._own, self._other = own.outputs, other.outputs
        self._quantised = any(name.startswith(_QUANTISED) for name in other.operators)
        self._half, self._rounded = other.half, other.rounded - own.rounded
        self._seen: set[tuple[int, int]] = set()
        self._matched: tuple[set[int], set[int]] = (set(), set())
        self._found: dict[str, Term] = {}  # the network's own terms are numbered in the order of execution
        self._readers: dict[int, Term] = {}  # of the network's constants
        self._unsure: list[str] = []
        self._precisions = {"int8"} if self._quantised else set()
        self._waiting: list[tuple[Term, Term]] = []

    def account(self) -> Account:
        """Compare all outputs."""
        for name, term in self._own.items():
            if name in self._other:
                self._waiting.append((term, self._other[name]))
        while self._waiting:
            own, other = self._waiting.pop()
            if (own.number, other.number) not in self._seen:
                self._seen.add((own.number, other.number))
                self._pair(own, other)
        if self._unsure:
            self._left_over()
        if self._rounded > 0 and not self._half:
            self._differs(next(iter(self._own.values())), f"{self._rounded} × Cast to float16 that the network has not")
        said = sorted(self._found, key=lambda text: self._found[text].number)
        more = [f"and {len(said) - MOST_SAID} more differences"] if len(said) > MOST_SAID else []
        precision = next((name for name in ("int8", "fp16") if name in self._precisions), "")
        layer = next((self._found[text].layer for text in said if self._found[text].layer), "")
        return Account((*said[:MOST_SAID], *more), tuple(dict.fromkeys(self._unsure)), precision, layer)

    def _differs(self, own: Term, what: str) -> None:
        at = self._readers.get(own.number, own)
        where = f'layer "{at.layer}": ' if at.layer else ""
        self._found.setdefault(f"{where}{what}", at)

    def _pair(self, own: Term, other: Term) -> None:
        if own.constant is not None and other.constant is not None:
            self._constants(own, other)
        elif _is_absent(own, other):
            self._absent(own, other)
        elif own.plain is not None and other.plain is not None and own.plain.op == other.plain.op:
            for matched, term in zip(self._matched, (own, other), strict=True):
                matched.update(part.number for part in (term, *term.inputs[1:]))
            self._waiting.append((own.plain, other.plain))
        elif own.op == other.op and own.index == other.index and len(own.inputs) == len(other.inputs):
            self._alike(own, other)
        elif own.op in LAYOUT and other.op in LAYOUT:
            self._arranged(own.inputs[0], other.inputs[0], own)
        elif own.op in LAYOUT:
            self._arranged(own.inputs[0], other, own)
        elif other.op in LAYOUT:
            self._arranged(own, other.inputs[0], own)
        elif self._quantised and own.op in _SATURATING:
            self._unsure.append(f"{_name(own)}, which quantised numbers may have as their range")
            self._matched[0].add(own.number)
            self._waiting.append((own.inputs[0], other.inputs[0] if other.op in _SATURATING else other))
        else:
            self._unlike(own, other)

    def _absent(self, own: Term, other: Term) -> None:
        """A constant that one file has and the other leaves out, as 0 may be."""
        self._match(own, other)
        there = own if own.constant is not None else other
        assert there.constant is not None
        if not there.constant.array.any():
            return
        name = there.constant.name or "a constant"
        self._differs(own, f"{name} is left out" if there is own else f"{name} is there, which the network has not")

    def _match(self, own: Term, other: Term) -> None:
        self._matched[0].add(own.number)
        self._matched[1].add(other.number)

    def _arranged(self, own: Term, other: Term, at: Term) -> None:
        self._unsure.append(f"the arrangement of elements at {_name(at)}")
        self._waiting.append((own, other))

    def _alike(self, own: Term, other: Term) -> None:
        """The same operator: its attributes and inputs."""
        self._match(own, other)
        if own.op == "input" and own.attributes != other.attributes:
            self._differs(own, f"reads {other.attribute('name')} instead of {own.attribute('name')}")
        elif own.op in LAYOUT:
            self._waiting.append((own.inputs[0], other.inputs[0]))
            if own.attributes != other.attributes or not _same_numbers(own.inputs[1:], other.inputs[1:]):
                self._unsure.append(f"the arrangement of elements at {_name(own)}")
            return
        elif own.attributes != other.attributes:
            mine, its = dict(own.attributes), dict(other.attributes)
            for key in sorted({*mine, *its}):
                if mine.get(key) != its.get(key) and not (self._half and _halved(mine.get(key), its.get(key))):
                    found, wanted = _short(its.get(key)), _short(mine.get(key))
                    self._differs(own, f"{own.op} has {key} = {found} instead of {wanted}")
        self._readers |= {term.number: own for term in own.inputs if term.constant}
        inputs = list(other.inputs)
        if own.op in COMMUTATIVE and len(inputs) == 2 and _crossed(own.inputs, inputs):
            inputs.reverse()
        self._waiting.extend(zip(own.inputs, inputs, strict=True))

    def _constants(self, own: Term, other: Term) -> None:
        assert own.constant is not None
        assert other.constant is not None
        self._match(own, other)
        found = compared(own.constant, other.constant, self._half)
        if found.wrong:
            self._differs(own, _changed(own.constant, other.constant, found.wrong, found.size))
        elif found.precision:
            self._precisions.add(found.precision)

    def _unlike(self, own: Term, other: Term) -> None:
        """Other operators: the same function of a value of which both are one, or not."""
        tried = False
        for before in values_before(own):
            for before_other in values_before(other):
                if before.op != before_other.op or before.bases != before_other.bases:
                    continue
                if before is own and before_other is other:
                    continue
                tried = True
                if same_function(own, before, other, before_other):
                    self._matched[0].update(region(own, before))
                    self._matched[1].update(region(other, before_other))
                    self._waiting.append((before, before_other))
                    return
        if tried:
            self._match(own, other)
            self._differs(own, f"{_name(other)} gives other values than {_name(own)}")
        elif own.op == other.op == "Clip":  # one has bounds that are computed while it runs
            self._match(own, other)
            self._differs(own, f"{_name(other)} has other bounds than {_name(own)}")
        else:
            self._unsure.append(f"{_name(other)} in the place of {_name(own)}")

    def _left_over(self) -> None:
        """Nodes and constants that no pair has."""
        own, other = (
            [term for term in reachable(list(outputs.values())) if term.number not in matched]
            for outputs, matched in zip((self._own, self._other), self._matched, strict=True)
        )
        more = Counter(map(_kind, other)) - Counter(map(_kind, own))
        last = max(reachable(list(self._own.values())), key=lambda term: term.number)
        for kind, count in sorted(more.items()):
            if kind not in _PLAIN and "::" not in kind:
                self._found.setdefault(f"{count} × {kind} that the network has not", last)
        self._content(own, other)

    def _content(self, own: Sequence[Term], other: Sequence[Term]) -> None:
        """The constants that are left, by what is in them, whatever their arrangement."""
        left = [term for term in own if term.constant and term.array is not None and term.array.size > 1]
        for term in other:
            if term.constant is None or term.array is None or term.array.size < 2 or term.array.dtype.kind != "f":
                continue
            same = [mine for mine in left if mine.array is not None and mine.array.size == term.array.size]
            wrong = {k: _missing(mine, term) for k, mine in enumerate(same)}
            best = min(wrong, key=wrong.__getitem__, default=None)
            if best is None or wrong[best] > FEW * term.array.size:
                self._unsure.append(f"the numbers of {term.constant.name or _name(term)}")
                continue
            mine = same[best]
            left.remove(mine)
            if wrong[best]:
                assert mine.constant is not None
                self._differs(mine, _changed(mine.constant, term.constant, wrong[best], term.array.size))


_KEYS: tuple[Callable[[Term], Hashable], ...] = (
    lambda term: term.content,
    lambda term: term.signature,
    lambda term: (term.op, term.bases),
    lambda term: term.bases,
    lambda term: term.op,
)


def _crossed(own: Sequence[Term], other: Sequence[Term]) -> bool:
    """Whether the two operands of one stand in the other's places: by all that they are, else by what they are of."""
    for key in _KEYS:
        (a, b), (c, d) = map(key, own), map(key, other)
        straight, crossed = (a == c) + (b == d), (a == d) + (b == c)
        if straight != crossed:
            return crossed > straight
    return False


def _missing(own: Term, other: Term) -> int:
    """How many numbers of `other` are not among those of `own`."""
    assert own.array is not None
    assert other.array is not None
    return int(np.count_nonzero(~np.isin(other.array.reshape(-1), own.array.reshape(-1))))


def _is_absent(own: Term, other: Term) -> bool:
    """Whether one is a constant and the other is left out: a bias, since all others have their defaults."""
    kinds = {own.op, other.op}
    return kinds == {"const", "none"}


def _halved(own: Hashable, other: Hashable) -> bool:
    """Whether a number is another as float16 has it."""
    return isinstance(own, float) and isinstance(other, float) and float(np.float16(own)) == other


def _same_numbers(own: Sequence[Term], other: Sequence[Term]) -> bool:
    """Whether the further inputs of an operator that arranges are equal constants, or of the same form."""
    return all(
        np.array_equal(mine.array, its.array) if mine.array is not None and its.array is not None
        else mine.signature == its.signature and mine.op == its.op
        for mine, its in zip(own, other, strict=True)
    )  # fmt: skip


def _changed(own: Constant, other: Constant, wrong: int, size: int) -> str:
    name = own.name or other.name or "a constant"
    if own.array.size == 1 and other.array.size == 1:
        return f"{name} is {_number(other)} instead of {_number(own)}"
    return f"{name} differs in {wrong:,} of {size:,} values"


def _number(constant: Constant) -> str:
    value = constant.array.reshape(-1)[0]
    return f"{value:.9g}" if constant.array.dtype.kind == "f" else str(value)


def _kind(term: Term) -> str:
    """The operator; of a cast, also what to, where that is no floating-point type."""
    to = term.attribute("to")
    return f"Cast to type {to}" if term.op == "Cast" and to not in FLOATS else term.op


def _name(term: Term) -> str:
    if term.op == "input":
        return f"the input {term.attribute('name')}"
    if term.constant is not None:
        return term.constant.name or "a constant"
    return f"{term.op} of layer {term.layer}" if term.layer else term.op


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
