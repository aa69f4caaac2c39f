"""What is linear, in one form: a product with constants and all that scales it or is added to it, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphspec.verifying.accounting.terms import Array, Term

if TYPE_CHECKING:
    from graphspec.verifying.accounting.rules import Rules

#: What constants are folded into.
LINEAR = ("Linear", "Conv", "ConvTranspose", "Affine")


def add_all(rules: Rules, inputs: Sequence[Term], known: Any, index: int, rank: int | None, layer: str) -> Term:
    """A sum of several as sums of two."""
    found, *others = inputs
    for other in others:
        found = rules.make("Add", (found, other), layer=layer)
    return found


def matmul(rules: Rules, inputs: Sequence[Term], known: Any, index: int, rank: int | None, layer: str) -> Term | None:
    """A product with a constant matrix."""
    left, right = inputs
    if right.array is None or right.array.ndim != 2 or left.array is not None:
        return None
    return rules.terms.term("Linear", (left, right, rules.terms.none), (), 0, layer)


def gemm(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """alpha A B + beta C: a product, scaled, and a sum."""
    left, right, *rest = inputs
    if known.get("transA", 0):
        left = rules.make("Transpose", (left,), (("perm", (1, 0)),))
    if known.get("transB", 0):
        right = rules.make("Transpose", (right,), (("perm", (1, 0)),))
    found = rules.make("MatMul", (left, right), layer=layer)
    if known.get("alpha", 1.0) != 1.0:
        found = rules.make("Mul", (found, rules.terms.number(known["alpha"])), layer=layer)
    if rest and rest[0].op != "none" and known.get("beta", 1.0) != 0.0:
        (added,) = rest
        if known.get("beta", 1.0) != 1.0:
            added = rules.make("Mul", (added, rules.terms.number(known["beta"])))
        found = rules.make("Add", (found, added), layer=layer)
    return found


def scaled_sum(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """Something plus, minus, times or through a constant."""
    op: str = known["op"]
    left, right = inputs
    if left.array is not None and right.array is None and op in ("Add", "Mul"):
        left, right = right, left
    if right.array is None or left.array is not None or right.array.dtype.kind != "f":
        return None
    if right.array.size == 1 and right.array.ndim <= 1 and float(right.array.ravel()[0]) == (op in ("Mul", "Div")):
        return left
    if op == "Sub":
        return rules.make("Add", (left, _as(rules, -right.array, right)), layer=layer)
    if op == "Div":
        return rules.make("Mul", (left, rules.derived(1.0 / right.array.astype(np.float64), right)), layer=layer)
    return _into(rules, left, right, op, layer)


def _as(rules: Rules, array: Array, source: Term) -> Term:
    assert source.constant is not None
    return rules.terms.constant(array, source.constant.name, source.constant.derived, source.constant.step)


def _into(rules: Rules, term: Term, constant: Term, op: str, layer: str) -> Term | None:
    """`op` by a constant, as part of the linear map that `term` is."""
    assert constant.array is not None
    channels = _channels(term, constant.array)
    if channels is None:
        return None
    scale, shift = (channels, None) if op == "Mul" else (None, channels)
    exact = constant if constant.array.size == channels.size and op == "Add" else None
    return affine(rules, term, scale, shift, constant, layer, exact)


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


def affine(
    rules: Rules, term: Term, scale: Array | None, shift: Array | None, source: Term, layer: str,
    exact: Term | None = None, magnitude: Array | None = None,
) -> Term:  # fmt: skip
    """`term` × scale + shift by channel, as one linear map; `exact` is the shift where nothing has to be computed.

    `magnitude` is that of the numbers whose sum the shift is.
    """
    if term.op not in ("Linear", "Conv", "ConvTranspose", "Affine"):
        ones, zeros = (np.full(len(scale if scale is not None else shift), k) for k in (1.0, 0.0))  # type: ignore[arg-type]
        slope = rules.derived(ones if scale is None else scale, source)
        offset = rules.derived(zeros if shift is None else shift, source, None, magnitude)
        return rules.terms.term("Affine", (term, slope, offset), (), 0, layer)
    value, weight, *rest = (*term.inputs, rules.terms.none)
    bias = rest[0]
    if scale is not None:
        shape = {"Linear": (1, -1), "Affine": (-1,)}.get(term.op, (-1, *(1,) * (_weight(term).ndim - 1)))
        shape = (1, -1, *(1,) * (_weight(term).ndim - 2)) if term.op == "ConvTranspose" else shape
        factor = scale.astype(np.float64)
        weight = rules.derived(_weight(term) * factor.reshape(shape), weight, factor.reshape(shape))
        if bias.array is not None:
            bias = rules.derived(bias.array * factor, bias, factor, _size(bias) * np.abs(factor))
    if shift is not None:
        if bias.array is None:
            bias = _as(rules, shift, exact) if exact is not None else rules.derived(shift, source, None, magnitude)
        else:
            both = _size(bias) + (np.abs(shift) if magnitude is None else magnitude)
            bias = rules.derived(bias.array.astype(np.float64) + shift.astype(np.float64), bias, None, both)
    return rules.terms.term(term.op, (value, weight, bias), term.attributes, 0, term.layer or layer)


def batch_norm(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """A normalisation by constants: a scale and a shift by channel."""
    term, *statistics = inputs
    arrays = [value.array for value in statistics]
    if index or any(array is None for array in arrays) or known.get("training_mode", 0):
        return None
    gamma, beta, mean, variance = (np.asarray(array, np.float64) for array in arrays)
    scale = gamma / np.sqrt(variance + known.get("epsilon", 1e-5))
    if term.op == "Linear" and rank != 2:
        term = rules.terms.term("Identity", (term,))  # the channels are not the last dim
    magnitude = np.abs(beta) + np.abs(mean * scale)
    return affine(rules, term, scale, beta - mean * scale, statistics[0], layer, magnitude=magnitude)


def convolution(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """With a bias that is left out as one of its own."""
    if len(inputs) == 2:
        attributes = tuple(sorted((key, value) for key, value in known.items() if key != "op"))
        return rules.terms.term(str(known["op"]), (*inputs, rules.terms.none), attributes, index, layer)
    return None
