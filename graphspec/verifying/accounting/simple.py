"""Operators that do nothing in a case, and several that arrange or count: each in one form."""

from __future__ import annotations

import numpy as np

from graphspec.verifying.accounting.terms import FLOATS, Node, Rewriter, Term

_FAR = 1 << 30


def same(rules: Rewriter, node: Node) -> Term | None:
    """An operator that gives its only input back."""
    return node.inputs[0] if node.index == 0 and len(node.inputs) == 1 else None


def dropout(rules: Rewriter, node: Node) -> Term | None:
    """In evaluation, for certain."""
    training = node.inputs[2] if len(node.inputs) > 2 else rules.terms.none
    off = training.op == "none" or (training.array is not None and not training.array.any())
    return node.inputs[0] if node.index == 0 and off else None


def cast(rules: Rewriter, node: Node) -> Term | None:
    """From one floating-point type to another: the weights tell whether the file has lower precision."""
    (term,) = node.inputs
    if term.array is not None:
        return None
    floating = node.attributes["to"] in FLOATS and not _whole(term)
    return term if floating else None


def cast_like(rules: Rewriter, node: Node) -> Term | None:
    """To the type of another value."""
    term, like = node.inputs
    if term.constant is not None and term.array is not None:
        wanted = like.array.dtype if like.array is not None else np.dtype(np.int64 if _whole(like) else np.float32)
        if wanted.kind == term.array.dtype.kind == "f":
            return term
        return rules.terms.constant(term.array.astype(wanted), term.constant.name, term.constant.derived)
    floating = like.array.dtype.kind == "f" if like.array is not None else not _whole(like)
    return term if floating and not _whole(term) else None


def where(rules: Rewriter, node: Node) -> Term | None:
    """A choice that is certain, where the other number does not widen the result; by a condition, not its opposite."""
    condition, *branches = node.inputs
    if condition.op == "Not":
        return rules.make("Where", (condition.inputs[0], *branches[::-1]), layer=node.layer)
    if condition.array is None or condition.array.size != 1:
        return None
    chosen, other = branches if condition.array.all() else branches[::-1]
    return chosen if other.array is not None and other.array.size == 1 else None


def pad(rules: Rewriter, node: Node) -> Term | None:
    """By nothing."""
    pads = node.inputs[1].array
    return node.inputs[0] if pads is not None and not pads.any() else None


def power(rules: Rewriter, node: Node) -> Term | None:
    """By 1, of a floating-point number."""
    value, exponent = node.inputs[0], node.inputs[1].array
    one = exponent is not None and exponent.ndim == 0 and exponent.item() == 1
    return value if one and value.array is None and not _whole(value) else None


def negative(rules: Rewriter, node: Node) -> Term | None:
    """Of what is negated itself."""
    (term,) = node.inputs
    return term.inputs[0] if term.op == "Neg" else None


def to_own_shape(rules: Rewriter, node: Node) -> Term | None:
    """To the shape that the value has."""
    value, sizes = node.inputs
    whole = sizes.op == "Shape" and sizes.attribute("start", 0) == 0 and sizes.attribute("end") in (None, node.rank)
    return value if whole and sizes.inputs[0] is value else None


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


def transpose(rules: Rewriter, node: Node) -> Term | None:
    """The transposed constant itself; what keeps the order is nothing; two behind each other are one."""
    (term,), order = node.inputs, node.attributes.get("perm")
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


def whole_slice(rules: Rewriter, node: Node) -> Term | None:
    """Everything is taken."""
    starts, ends = node.inputs[1].array, node.inputs[2].array
    steps = node.inputs[4].array if len(node.inputs) > 4 else np.array(1)
    if starts is None or ends is None or steps is None or node.inputs[0].array is not None:
        return None
    if starts.size == 1 and (steps == 1).all():
        part = _part_of_sizes(rules, node.inputs[0], int(starts.item()), int(ends.item()))
        if part is not None:
            return part
    if not starts.any() and (ends > _FAR).all() and (steps == 1).all():
        return node.inputs[0]
    return _sliced_before_transposing(rules, node)


def _sliced_before_transposing(rules: Rewriter, node: Node) -> Term | None:
    """Of a transposed value, the part of the value itself, transposed."""
    term, order = node.inputs[0], node.inputs[0].attribute("perm")
    axes = node.inputs[3].array if len(node.inputs) > 3 else None
    if term.op != "Transpose" or not isinstance(order, tuple) or axes is None:
        return None
    places = np.array([int(order[int(axis)]) - len(order) for axis in axes])
    inputs = (term.inputs[0], *node.inputs[1:3], rules.terms.constant(places), *node.inputs[4:])
    return rules.make("Transpose", (rules.make("Slice", inputs, layer=node.layer),), (("perm", order),))


def squeezed(rules: Rewriter, node: Node) -> Term | None:
    """Of a transposed value, the value itself without those dims, transposed."""
    term, order = node.inputs[0], node.inputs[0].attribute("perm")
    axes = node.inputs[1].array if len(node.inputs) > 1 else None
    if term.op != "Transpose" or not isinstance(order, tuple) or axes is None:
        return None
    gone = {int(axis) % len(order) for axis in axes}
    taken = rules.terms.constant(np.sort([order[place] - len(order) for place in gone]))
    rest = [dim for place, dim in enumerate(order) if place not in gone]
    value = rules.make("Squeeze", (term.inputs[0], taken), layer=node.layer)
    return rules.make("Transpose", (value,), (("perm", tuple(sorted(rest).index(dim) for dim in rest)),))


def leaky(rules: Rewriter, node: Node) -> Term | None:
    """A ReLU, where the slope is 0."""
    return rules.make("Relu", node.inputs) if node.attributes.get("alpha", 0.01) == 0.0 else None


def clip(rules: Rewriter, node: Node) -> Term | None:
    """Bounds that no float32 passes are none; with 0 alone it is a ReLU."""
    low, high = (bound.array for bound in (*node.inputs[1:], *[rules.terms.none] * 2)[:2])
    given = [term for term in node.inputs[1:] if term.op != "none"]
    if any(term.array is None or term.array.size != 1 for term in given):
        return None
    least, most = np.finfo(np.float32).min, np.finfo(np.float32).max
    bottom = -np.inf if low is None or low.item() <= least else float(low.item())
    top = np.inf if high is None or high.item() >= most else float(high.item())
    if (bottom, top) == (-np.inf, np.inf):
        return node.inputs[0]
    if (bottom, top) == (0.0, np.inf):
        return rules.make("Relu", node.inputs[:1], layer=node.layer)
    bounds = (("max", top), ("min", bottom))
    return rules.terms.term("Clip", node.inputs[:1], bounds, 0, node.layer)


def shape(rules: Rewriter, node: Node) -> Term | None:
    """From and to a dim counted from the first, where the rank is known."""
    start, end, rank = node.attributes.get("start", 0), node.attributes.get("end"), node.rank
    if rank is None:
        return None
    start, end = start + rank * (start < 0), rank if end is None else min(end + rank * (end < 0), rank)
    whole = rules.terms.term("Shape", node.inputs, (("end", rank), ("start", 0)), 0, node.layer)
    return _sizes(rules, whole, start, end)


def _part_of_sizes(rules: Rewriter, term: Term, start: int, end: int) -> Term | None:
    """A slice of a shape, or of one whose sizes are in another order."""
    if term.op == "Shape":
        return _sizes(rules, term, start, end)
    if term.op != "Gather" or term.inputs[0].op != "Shape" or end - start != 1 or start < 0:
        return None
    places = term.inputs[1].array
    if places is None or places.ndim != 1 or start >= places.size or places[start] < 0:
        return None
    return _sizes(rules, term.inputs[0], int(places[start]), int(places[start]) + 1)


def _sizes(rules: Rewriter, term: Term, start: int, end: int) -> Term | None:
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


def gather(rules: Rewriter, node: Node) -> Term | None:
    """One size of a shape; of a transposed value, what stands there in the value itself."""
    term, place = node.inputs
    if term.op == "Transpose" and place.array is not None and place.array.ndim < 2:
        return _before_transposing(rules, node)
    if term.op != "Shape" or place.array is None or place.array.size != 1:
        return None
    number = int(place.array.item())
    found = _sizes(rules, term, number, number + 1 or _FAR)
    if found is None or place.array.ndim:
        return found
    return rules.make("Squeeze", (found, rules.terms.constant(np.array([0]))), layer=term.layer)


def _before_transposing(rules: Rewriter, node: Node) -> Term | None:
    (value,), order = node.inputs[0].inputs, node.inputs[0].attribute("perm")
    axis = node.attributes.get("axis", 0)
    if not isinstance(order, tuple) or not isinstance(axis, int):
        return None
    axis, place = axis + len(order) * (axis < 0), node.inputs[1]
    taken = rules.make("Gather", (value, place), node.pairs(axis=order[axis] - len(order)), layer=node.layer)
    assert place.array is not None
    if place.array.ndim == 0:
        rest = [dim for k, dim in enumerate(order) if k != axis]
        order = tuple(sorted(rest).index(dim) for dim in rest)
    return rules.make("Transpose", (taken,), (("perm", order),), layer=node.layer)


def reduced(rules: Rewriter, node: Node) -> Term | None:
    """With its dims kept, and those taken away behind it; the axes in order."""
    op, axes = node.op, node.inputs[1] if len(node.inputs) > 1 else rules.terms.none
    if op == "GlobalAveragePool" and node.rank is not None:
        over = rules.terms.constant(np.arange(2 - node.rank, 0))
        attributes = (("keepdims", 1), ("noop_with_empty_axes", 0))
        return rules.terms.term("ReduceMean", (node.inputs[0], over), attributes, 0, node.layer)
    if not op.startswith("Reduce") or node.attributes.get("keepdims", 1) or axes.array is None or not axes.array.size:
        return None
    kept = rules.make(op, node.inputs, node.pairs(keepdims=1), 0, node.rank, node.layer)
    return rules.make("Squeeze", (kept, axes), layer=node.layer)
