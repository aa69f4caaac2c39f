"""What is linear, in one form: a product with constants and all that scales it or is added to it, in float64."""

from __future__ import annotations

import dataclasses

import numpy as np

from graphspec.verifying.accounting.terms import Array, Node, Rewriter, Term, Terms

#: What constants are folded into.
LINEAR = ("Linear", "Conv", "ConvTranspose", "Affine")


def add_all(rules: Rewriter, node: Node) -> Term:
    """A sum of several as sums of two."""
    found, *others = node.inputs
    for other in others:
        found = rules.make("Add", (found, other), layer=node.layer)
    return found


def matmul(rules: Rewriter, node: Node) -> Term | None:
    """A product with a constant matrix."""
    left, right = node.inputs
    if right.array is None or right.array.ndim != 2 or left.array is not None:
        return None
    return rules.terms.term("Linear", (left, right, rules.terms.none), (), 0, node.layer)


def gemm(rules: Rewriter, node: Node) -> Term | None:
    """alpha A B + beta C: a product, scaled, and a sum."""
    (left, right, *rest), given = node.inputs, node.attributes
    if given.get("transA", 0):
        left = rules.make("Transpose", (left,), (("perm", (1, 0)),))
    if given.get("transB", 0):
        right = rules.make("Transpose", (right,), (("perm", (1, 0)),))
    found = rules.make("MatMul", (left, right), layer=node.layer)
    if given.get("alpha", 1.0) != 1.0:
        found = rules.make("Mul", (found, rules.terms.number(given["alpha"])), layer=node.layer)
    if rest and rest[0].op != "none" and given.get("beta", 1.0) != 0.0:
        (added,) = rest
        if given.get("beta", 1.0) != 1.0:
            added = rules.make("Mul", (added, rules.terms.number(given["beta"])))
        found = rules.make("Add", (found, added), layer=node.layer)
    return found


def plus_negative(rules: Rewriter, node: Node) -> Term | None:
    """What is added negated, as what is subtracted."""
    for left, right in (node.inputs, node.inputs[::-1]):
        if right.op == "Neg":
            return rules.make("Sub", (left, right.inputs[0]), layer=node.layer)
    return None


def scaled_sum(rules: Rewriter, node: Node) -> Term | None:
    """Something plus, minus, times or through a constant."""
    op, (left, right) = node.op, node.inputs
    if left.array is not None and right.array is None and op in ("Add", "Mul"):
        left, right = right, left
    if right.array is None or left.array is not None or right.array.dtype.kind != "f":
        return None
    if right.array.size == 1 and right.array.ndim <= 1 and float(right.array.ravel()[0]) == (op in ("Mul", "Div")):
        return left
    if op == "Sub":
        return rules.make("Add", (left, _as(rules.terms, -right.array, right)), layer=node.layer)
    if op == "Div":
        inverse = rules.terms.derived(1.0 / right.array.astype(np.float64), right)
        return rules.make("Mul", (left, inverse), layer=node.layer)
    return _into(rules.terms, left, right, op, node.layer)


def _as(terms: Terms, array: Array, source: Term) -> Term:
    assert source.constant is not None
    return terms.constant(array, source.constant.name, source.constant.derived, source.constant.step)


def _into(terms: Terms, term: Term, constant: Term, op: str, layer: str) -> Term | None:
    """`op` by a constant, as part of the linear map that `term` is."""
    assert constant.array is not None
    channels = _channels(term, constant.array)
    if channels is None:
        return None
    if op == "Mul":
        return affine(terms, term, ByChannel(constant, scale=channels), layer)
    exact = constant.array.size == channels.size
    return affine(terms, term, ByChannel(constant, shift=channels, exact=exact), layer)


def _channels(term: Term, array: Array) -> Array | None:
    """A constant's numbers by channel of `term`, a linear map with constant weights; None where it has none."""
    if term.op == "Linear":
        count, trailing = _weight(term).shape[1], 0
    elif term.op == "Conv" or (term.op == "ConvTranspose" and term.attribute("group", 1) == 1):
        if term.inputs[1].array is None:
            return None
        count, trailing = _weight(term).shape[0 if term.op == "Conv" else 1], _weight(term).ndim - 2
    elif term.op == "Affine" or array.ndim >= 2:
        sizes = [size for size in array.shape if size != 1]
        place = next((k for k, size in enumerate(array.shape) if size != 1), 0)
        trailing = array.ndim - place - 1
        if len(sizes) != 1 or trailing < 1 or (term.op == "Affine" and _weight(term).size != sizes[0]):
            return None
        return array.reshape(-1)
    else:
        return None
    if array.size == 1 and array.ndim <= trailing + 2:
        return np.full(count, array.reshape(-1)[0], array.dtype)
    wanted = (count, *(1,) * trailing)
    return array.reshape(-1) if tuple(array.shape[-len(wanted) :]) == wanted and array.size == count else None


def _weight(term: Term) -> Array:
    array = term.inputs[1].array
    assert array is not None
    return array


def _size(term: Term) -> Array:
    """The magnitude of a constant, or of the numbers whose sum it is."""
    constant = term.constant
    assert constant is not None
    return np.abs(constant.array.astype(np.float64)) if constant.magnitude is None else constant.magnitude


@dataclasses.dataclass(frozen=True)
class ByChannel:
    """× `scale` + `shift` by channel, computed from the constant `source`.

    `exact`: the shift is that constant itself, nothing was computed. `magnitude` is that of the numbers whose sum the
    shift is.
    """

    source: Term
    scale: Array | None = None
    shift: Array | None = None
    exact: bool = False
    magnitude: Array | None = None

    @property
    def channels(self) -> int:
        """How many there are."""
        return len(next(array for array in (self.scale, self.shift) if array is not None))

    def weight(self, terms: Terms) -> Term:
        """The scale as a constant."""
        return terms.derived(np.ones(self.channels) if self.scale is None else self.scale, self.source)

    def bias(self, terms: Terms) -> Term:
        """The shift as a constant."""
        if self.shift is None:
            return terms.derived(np.zeros(self.channels), self.source)
        if self.exact:
            return _as(terms, self.shift, self.source)
        return terms.derived(self.shift, self.source, None, self.magnitude)


def affine(terms: Terms, term: Term, by: ByChannel, layer: str) -> Term:
    """`term` × scale + shift by channel, as one linear map."""
    if term.op not in LINEAR:
        return terms.term("Affine", (term, by.weight(terms), by.bias(terms)), (), 0, layer)
    value, weight, bias, *_ = (*term.inputs, terms.none)
    if by.scale is not None:
        ones = (1,) * (_weight(term).ndim - 2)
        shape = {"Linear": (1, -1), "Affine": (-1,), "ConvTranspose": (1, -1, *ones)}.get(term.op, (-1, 1, *ones))
        factor = by.scale.astype(np.float64)
        weight = terms.derived(_weight(term) * factor.reshape(shape), weight, factor.reshape(shape))
        if bias.array is not None:
            bias = terms.derived(bias.array * factor, bias, factor, _size(bias) * np.abs(factor))
    if by.shift is not None:
        if bias.array is None:
            bias = by.bias(terms)
        else:
            both = _size(bias) + (np.abs(by.shift) if by.magnitude is None else by.magnitude)
            bias = terms.derived(bias.array.astype(np.float64) + by.shift.astype(np.float64), bias, None, both)
    return terms.term(term.op, (value, weight, bias), term.attributes, 0, term.layer or layer)


def batch_norm(rules: Rewriter, node: Node) -> Term | None:
    """A normalisation by constants: a scale and a shift by channel."""
    term, *statistics = node.inputs
    arrays = [value.array for value in statistics]
    if node.index or any(array is None for array in arrays) or node.attributes.get("training_mode", 0):
        return None
    gamma, beta, mean, variance = (np.asarray(array, np.float64) for array in arrays)
    scale = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    if term.op == "Linear" and node.rank != 2:
        term = rules.terms.term("Identity", (term,))  # the channels are not the last dim
    magnitude = np.abs(beta) + np.abs(mean * scale)
    by = ByChannel(statistics[0], scale, beta - mean * scale, magnitude=magnitude)
    return affine(rules.terms, term, by, node.layer)


def convolution(rules: Rewriter, node: Node) -> Term | None:
    """With a bias that is left out as one of its own."""
    if len(node.inputs) == 2:
        inputs = (*node.inputs, rules.terms.none)
        return rules.terms.term(node.op, inputs, node.pairs(), node.index, node.layer)
    return None
