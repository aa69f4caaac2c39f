"""An ONNX graph as terms: what each value is, written out to the inputs, without names.

Two files compute the same function where their outputs are the same terms. Terms are made by :class:`Terms`, which
gives the same object for the same operator on the same inputs, so that a graph stays a graph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Attributes = tuple[tuple[str, Hashable], ...]
#: Operators that only arrange elements: whether they do it right, shows at any size.
LAYOUT = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand"))
#: Operators whose first two inputs may be exchanged.
COMMUTATIVE = frozenset(("Add", "Mul", "And", "Or", "Xor", "Equal", "Max", "Min"))
FLOATS = (1, 10, 11, 16)  # TensorProto's FLOAT, FLOAT16, DOUBLE, BFLOAT16
#: So many numbers of a tensor tell it from others.
MOST_LOOKED_AT = 4096
#: A value of more bases than this has one, made of them.
MOST_BASES = 16


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Constant:
    """A tensor of the file. ``derived``: computed from several, in float64, so that it is off by rounding.

    ``step`` is the distance of two neighbours that it could have, where it was quantised: its values are off by half
    of that. ``magnitude``: that of the numbers whose sum it is, where there were several: so much may rounding be of.
    """

    array: Array
    name: str = ""
    derived: bool = False
    step: Array | None = None
    magnitude: Array | None = None


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A value: output `index` of `op` on `inputs`.

    ``op`` has its domain before it where that is not ONNX's own; ``const`` (with `constant`), ``input`` (with its name
    as attribute) and ``none``, an input left out, have no inputs. ``number`` grows from inputs to outputs.
    ``signature`` is the same for terms that differ in numbers and arrangement alone. ``layer`` is that of the node.
    ``bases`` are those of the values that it is an elementwise function of, itself where it is none: the same for terms
    that differ in their elementwise operators, numbers and arrangement alone.
    ``content`` is that of numbers, operators and inputs below it, of large tensors of some numbers: the same where
    nothing differs.
    ``plain`` is what the file has, where this is what was folded of it.
    """

    op: str
    inputs: tuple[Term, ...]
    attributes: Attributes
    index: int
    number: int
    signature: int
    bases: frozenset[int]
    content: int
    constant: Constant | None = None
    layer: str = ""
    plain: Term | None = None

    @property
    def array(self) -> Array | None:
        """The numbers of a constant; None of any other term."""
        return None if self.constant is None else self.constant.array

    def attribute(self, name: str, default: Hashable = None) -> Hashable:
        """An attribute, or `default`."""
        return next((value for key, value in self.attributes if key == name), default)


class Terms:
    """Makes terms; the same one for the same value. `elementwise` are the operators that work number by number."""

    def __init__(self, elementwise: Container[str] = ()) -> None:
        self._elementwise = elementwise
        self._made: dict[Hashable, Term] = {}
        self._count = 0
        self.none = self._new("none")

    def constant(
        self, array: Array, name: str = "", derived: bool = False, step: Array | None = None, layer: str = "",
        magnitude: Array | None = None,
    ) -> Term:  # fmt: skip
        """A new constant."""
        return self._new("const", constant=Constant(array, name, derived, step, magnitude), layer=layer)

    def derived(
        self, array: Any, source: Term, factor: Array | None = None, magnitude: Array | None = None
    ) -> Term:  # fmt: skip
        """A constant computed from `source` in float64, by `factor` where that is what was done.

        `magnitude` is that of the numbers whose sum it is.
        """
        constant = source.constant
        step = constant.step if constant else None
        if step is not None and factor is not None:
            step = step * factor
        return self.constant(
            np.asarray(array, np.float64), constant.name if constant else "", True, step, magnitude=magnitude
        )

    def number(self, value: float) -> Term:
        """A single float32 as a constant."""
        return self.constant(np.array(value, np.float32))

    def term(
        self, op: str, inputs: Sequence[Term], attributes: Attributes = (), index: int = 0, layer: str = ""
    ) -> Term:
        """Output `index` of `op`."""
        key = (op, tuple(map(id, inputs)), attributes, index)
        if key not in self._made:
            self._made[key] = self._new(op, tuple(inputs), attributes, index, layer=layer)
        return self._made[key]

    def folded(self, term: Term, plain: Term) -> Term:
        """`term` as what was folded of `plain`."""
        return dataclasses.replace(term, number=self._next(), plain=plain)

    def _bases(self, op: str, inputs: Sequence[Term], index: int) -> frozenset[int]:
        if op in ("const", "none"):
            return frozenset()
        if op in LAYOUT and inputs:
            return inputs[0].bases
        if op in self._elementwise:
            found = frozenset[int]().union(*(term.bases for term in inputs))
            return found if len(found) <= MOST_BASES else frozenset({hash(found)})
        parts = [term.signature if term.constant else hash(term.bases) for term in inputs]
        return frozenset({hash((op, index, *parts))})

    def _new(
        self, op: str, inputs: tuple[Term, ...] = (), attributes: Attributes = (), index: int = 0,
        constant: Constant | None = None, layer: str = "",
    ) -> Term:  # fmt: skip
        signature = _signature(op, inputs, index, constant)
        bases, content = self._bases(op, inputs, index), _content(op, inputs, attributes, index, constant)
        return Term(op, inputs, attributes, index, self._next(), signature, bases, content, constant, layer)

    def _next(self) -> int:
        self._count += 1
        return self._count


@dataclasses.dataclass(frozen=True)
class Node:
    """An operator of a file as a rule takes it, with its first input's rank where that is known, and its layer."""

    op: str
    inputs: Sequence[Term]
    attributes: Mapping[str, Any]
    index: int
    rank: int | None
    layer: str

    def pairs(self, **changed: Hashable) -> Attributes:
        """Its attributes, some of them changed, as a term has them."""
        return tuple(sorted({**self.attributes, **changed}.items()))


class Rewriter(Protocol):
    """What a rule may ask for: new terms, and those that the rules themselves make of an operator."""

    terms: Terms

    def make(
        self, op: str, inputs: Sequence[Term], attributes: Attributes = (), index: int = 0, rank: int | None = None,
        layer: str = "",
    ) -> Term:  # fmt: skip
        """Output `index` of `op` in its one form."""
        ...


def _signature(op: str, inputs: Sequence[Term], index: int, constant: Constant | None) -> int:
    if constant is not None:
        shape = tuple(sorted(size for size in constant.array.shape if size != 1))
        return hash(("const", "f" if constant.array.dtype.kind == "f" else "i", shape))
    parts = [term.signature for term in inputs]
    if op in LAYOUT and parts:
        return parts[0]
    return hash((op, index, *(sorted(parts) if op in COMMUTATIVE else parts)))


def _content(
    op: str, inputs: Sequence[Term], attributes: Attributes, index: int, constant: Constant | None
) -> int:  # fmt: skip
    parts = [term.content for term in inputs]
    if constant is not None:
        numbers = constant.array.reshape(-1)
        return hash((numbers.size, numbers[:: numbers.size // MOST_LOOKED_AT + 1].tobytes()))
    if op in LAYOUT and parts:
        return parts[0]
    return hash((op, index, attributes, *(sorted(parts) if op in COMMUTATIVE else parts)))


def reachable(outputs: Sequence[Term]) -> list[Term]:
    """Every term below `outputs`, themselves among them, each before those that read it."""
    found: dict[int, Term] = {}
    waiting = list(outputs)
    while waiting:
        term = waiting.pop()
        if term.number not in found:
            found[term.number] = term
            waiting.extend(term.inputs)
    return [found[number] for number in sorted(found)]
