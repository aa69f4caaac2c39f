"""Two ONNX files side by side, from their outputs to their inputs: what one has otherwise than the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np

from graphspec.verifying.accounting.constants import compared
from graphspec.verifying.accounting.elementwise import region, same_function, values_before
from graphspec.verifying.accounting.left_over import added, changed
from graphspec.verifying.accounting.read import Contents, read
from graphspec.verifying.accounting.terms import COMMUTATIVE, FLOATS, LAYOUT, Constant, Term, reachable

_QUANTISED = ("QLinear", "DynamicQuantize", "QuantizeLinear", "DequantizeLinear", "MatMulInteger", "ConvInteger")
#: What a quantisation expresses by the range of its numbers.
_SATURATING = ("Relu", "Clip")
#: Differences that are said one by one.
MOST_SAID = 20


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
        self._unsure: dict[str, Term] = {}
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
        return Account((*said[:MOST_SAID], *more), tuple(self._unsure), precision, layer)

    def _differs(self, own: Term, what: str) -> None:
        at = self._readers.get(own.number, own)
        where = f'layer "{at.layer}": ' if at.layer else ""
        self._found.setdefault(f"{where}{what}", at)

    def _doubt(self, what: str, own: Term) -> None:
        self._unsure.setdefault(what, own)

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
            self._doubt(f"{_name(own)}, which quantised numbers may have as their range", own)
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
        self._doubt(f"the arrangement of elements at {_name(at)}", at)
        self._waiting.append((own, other))

    def _alike(self, own: Term, other: Term) -> None:
        """The same operator: its attributes and inputs."""
        self._match(own, other)
        if own.op == "input" and own.attributes != other.attributes:
            self._differs(own, f"reads {other.attribute('name')} instead of {own.attribute('name')}")
        elif own.op in LAYOUT:
            self._waiting.append((own.inputs[0], other.inputs[0]))
            if own.attributes != other.attributes or not _same_numbers(own.inputs[1:], other.inputs[1:]):
                self._doubt(f"the arrangement of elements at {_name(own)}", own)
            return
        elif own.attributes != other.attributes:
            mine, its = dict(own.attributes), dict(other.attributes)
            for key in sorted({*mine, *its}):
                if mine.get(key) != its.get(key) and not (self._half and _halved(key, mine.get(key), its.get(key))):
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
            self._doubt(f"{_name(other)} in the place of {_name(own)}", own)

    def _left_over(self) -> None:
        """Nodes and constants that no pair has."""
        own, other = (
            [term for term in reachable(list(outputs.values())) if term.number not in matched]
            for outputs, matched in zip((self._own, self._other), self._matched, strict=True)
        )
        at = next((term for term in self._unsure.values() if term.layer), next(iter(self._own.values())))
        for kind, count in added(own, other, self._quantised).items():
            self._differs(at, f"{count} × {kind} that the network has not")
        for term, mine, wrong in changed(own, other):
            assert term.constant is not None
            if mine is None:
                self._doubt(f"the numbers of {term.constant.name or _name(term)}", at)
            elif wrong:
                assert mine.constant is not None
                self._differs(mine, _changed(mine.constant, term.constant, wrong, term.constant.array.size))


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


def _is_absent(own: Term, other: Term) -> bool:
    """Whether one is a constant and the other is left out: a bias, since all others have their defaults."""
    kinds = {own.op, other.op}
    return kinds == {"const", "none"}


def _halved(key: str, own: Hashable, other: Hashable) -> bool:
    """Whether a number is another as float16 has it, or a type another of floats."""
    if key == "to":
        return own in FLOATS and other in FLOATS
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


def _name(term: Term) -> str:
    if term.op == "input":
        return f"the input {term.attribute('name')}"
    if term.constant is not None:
        return term.constant.name or "a constant"
    return f"{term.op} of layer {term.layer}" if term.layer else term.op


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
