"""Operators that do nothing in a case, and several that arrange or count: each in one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphspec.verifying.accounting.terms import FLOATS, Term

if TYPE_CHECKING:
    from graphspec.verifying.accounting.rules import Rules

_FAR = 1 << 30


def same(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, *_: Any) -> Term | None:
    """An operator that gives its only input back."""
    return inputs[0] if index == 0 and len(inputs) == 1 else None


def dropout(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, *_: Any) -> Term | None:
    """In evaluation, for certain."""
    training = inputs[2] if len(inputs) > 2 else rules.terms.none
    off = training.op == "none" or (training.array is not None and not training.array.any())
    return inputs[0] if index == 0 and off else None


def cast(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
    """From one floating-point type to another: the weights tell whether the file has lower precision."""
    (term,) = inputs
    if term.array is not None:
        return None
    floating = known["to"] in FLOATS and not _whole(term)
    return term if floating else None


def cast_like(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
    """To the type of another value."""
    term, like = inputs
    if term.constant is not None and term.array is not None:
        wanted = like.array.dtype if like.array is not None else np.dtype(np.int64 if _whole(like) else np.float32)
        if wanted.kind == term.array.dtype.kind == "f":
            return term
        return rules.terms.constant(term.array.astype(wanted), term.constant.name, term.constant.derived)
    floating = like.array.dtype.kind == "f" if like.array is not None else not _whole(like)
    return term if floating and not _whole(term) else None


def where(rules: Rules, inputs: Sequence[Term], *_: Any) -> Term | None:
    """A choice that is certain, where the other number does not widen the result."""
    condition, *branches = inputs
    if condition.array is None or condition.array.size != 1:
        return None
    chosen, other = branches if condition.array.all() else branches[::-1]
    return chosen if other.array is not None and other.array.size == 1 else None


def pad(rules: Rules, inputs: Sequence[Term], *_: Any) -> Term | None:
    """By nothing."""
    pads = inputs[1].array
    return inputs[0] if pads is not None and not pads.any() else None


def _whole(term: Term) -> bool:
    """Whether a term is no floating-point number, as far as its operator tells."""
    return (
        term.op in _WHOLE
        or (term.op == "input" and bool(term.attribute("whole")))
        or (term.op == "Cast" and term.attribute("to") not in FLOATS)
        or (term.op in _PASSING and any(map(_whole, term.inputs[:1])))
    )


_WHOLE = frozenset(
    "Shape Size Equal Greater Less GreaterOrEqual LessOrEqual Not And Or Xor IsNaN IsInf ArgMax ArgMin NonZero".split()
)
_PASSING = frozenset("Reshape Squeeze Unsqueeze Transpose Gather Slice Concat Identity Expand Add Mul Sub".split())


def transpose(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
    """The transposed constant itself; what keeps the order is nothing; two behind each other are one."""
    (term,), order = inputs, known.get("perm")
    if term.array is not None:
        constant = term.constant
        assert constant is not None
        step = constant.step if constant.step is None or constant.step.size == 1 else np.transpose(constant.step, order)
        return rules.terms.constant(np.transpose(term.array, order), constant.name, constant.derived, step)
    if isinstance(order, tuple) and order == tuple(range(len(order))):
        return term
    before = term.attribute("perm") if term.op == "Transpose" else None
    if isinstance(before, tuple) and isinstance(order, tuple):
        both = tuple(before[axis] for axis in order)
        return rules.make("Transpose", term.inputs, (("perm", both),))
    return None


def whole_slice(rules: Rules, inputs: Sequence[Term], *_: Any) -> Term | None:
    """Everything is taken."""
    starts, ends = inputs[1].array, inputs[2].array
    steps = inputs[4].array if len(inputs) > 4 else np.array(1)
    if starts is None or ends is None or steps is None or inputs[0].array is not None:
        return None
    if starts.size == 1 and (steps == 1).all():
        part = _part_of_sizes(rules, inputs[0], int(starts.item()), int(ends.item()))
        if part is not None:
            return part
    return inputs[0] if not starts.any() and (ends > _FAR).all() and (steps == 1).all() else None


def leaky(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
    """A ReLU, where the slope is 0."""
    return rules.make("Relu", inputs) if known.get("alpha", 0.01) == 0.0 else None


def clip(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """Bounds that no float32 passes are none; with 0 alone it is a ReLU."""
    low, high = (bound.array if bound.op != "none" else None for bound in (*inputs[1:], *[rules.terms.none] * 2)[:2])
    given = [term for term in inputs[1:] if term.op != "none"]
    if any(term.array is None for term in given):
        return None
    least, most = np.finfo(np.float32).min, np.finfo(np.float32).max
    bottom = -np.inf if low is None or float(low) <= least else float(low)
    top = np.inf if high is None or float(high) >= most else float(high)
    if (bottom, top) == (-np.inf, np.inf):
        return inputs[0]
    if (bottom, top) == (0.0, np.inf):
        return rules.make("Relu", inputs[:1], layer=layer)
    bounds = (("max", top), ("min", bottom))
    return rules.terms.term("Clip", inputs[:1], bounds, 0, layer)


def shape(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """From and to a dim counted from the first, where the rank is known."""
    start, end = known.get("start", 0), known.get("end")
    if rank is None:
        return None
    start, end = start + rank * (start < 0), rank if end is None else min(end + rank * (end < 0), rank)
    whole = rules.terms.term("Shape", inputs, (("end", rank), ("start", 0)), 0, layer)
    return _sizes(rules, whole, start, end)


def _part_of_sizes(rules: Rules, term: Term, start: int, end: int) -> Term | None:
    """A slice of a shape, or of one whose sizes are in another order."""
    if term.op == "Shape":
        return _sizes(rules, term, start, end)
    if term.op != "Gather" or term.inputs[0].op != "Shape" or end - start != 1 or start < 0:
        return None
    places = term.inputs[1].array
    if places is None or places.ndim != 1 or start >= places.size or places[start] < 0:
        return None
    return _sizes(rules, term.inputs[0], int(places[start]), int(places[start]) + 1)


def _sizes(rules: Rules, term: Term, start: int, end: int) -> Term | None:
    """The part from `start` to `end` of the sizes that `term` has; one of a transposed value is one of that."""
    first, last = term.attribute("start", 0), term.attribute("end")
    if not isinstance(first, int):
        return None
    if isinstance(last, int):
        count = last - first
        start, end = start + count * (start < 0), min(end + count * (end < 0), count)
    if not 0 <= start < end < _FAR:
        return None
    start, end = first + start, first + end
    (value,) = term.inputs
    order = value.attribute("perm")
    if value.op == "Transpose" and isinstance(order, tuple) and end - start == 1:
        start, value = int(order[start]), value.inputs[0]
        end = start + 1
    return rules.terms.term("Shape", (value,), (("end", end), ("start", start)), 0, term.layer)


def gather(rules: Rules, inputs: Sequence[Term], *_: Any) -> Term | None:
    """One size of a shape."""
    term, place = inputs
    if term.op != "Shape" or place.array is None or place.array.size != 1:
        return None
    number = int(place.array.item())
    found = _sizes(rules, term, number, number + 1 or _FAR)
    if found is None or place.array.ndim:
        return found
    return rules.make("Squeeze", (found, rules.terms.constant(np.array([0]))), layer=term.layer)


def reduced(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """With its dims kept, and those taken away behind it; the axes in order."""
    op, axes = known["op"], inputs[1] if len(inputs) > 1 else rules.terms.none
    if op == "GlobalAveragePool" and rank is not None:
        over = rules.terms.constant(np.arange(2 - rank, 0))
        attributes = (("keepdims", 1), ("noop_with_empty_axes", 0))
        return rules.terms.term("ReduceMean", (inputs[0], over), attributes, 0, layer)
    if not op.startswith("Reduce") or known.get("keepdims", 1) or axes.array is None or not axes.array.size:
        return None
    kept = tuple(sorted(({key: value for key, value in known.items() if key != "op"} | {"keepdims": 1}).items()))
    return rules.make("Squeeze", (rules.make(op, inputs, kept, 0, rank, layer), axes), layer=layer)
