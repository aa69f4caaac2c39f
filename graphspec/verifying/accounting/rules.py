"""How harmless rewrites are undone: each operator is made in one form, whatever way a file writes it.

Identities vanish, constants are folded, a product with a constant matrix and what is added to or multiplied with it
becomes one ``Linear``, a normalisation by constants is folded into the convolution before it, in float64. What
onnxruntime fuses is taken apart; what a quantisation puts in is looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from graphspec.verifying.accounting import fused
from graphspec.verifying.accounting.elementwise import FUNCTIONS
from graphspec.verifying.accounting.terms import Array, Attributes, Term, Terms

#: Constants with more elements than this are not computed with.
MOST_ELEMENTS = 1 << 26
#: What constants are folded into.
LINEAR = ("Linear", "Conv", "ConvTranspose", "Affine")
FLOATS = (1, 10, 11, 16)  # TensorProto's FLOAT, FLOAT16, DOUBLE, BFLOAT16
_FAR = 1 << 30
#: Takes the rules, inputs, attributes, the output's index, the first input's rank and the layer.
Rule = Callable[["Rules", Sequence[Term], dict[str, Hashable], int, int | None, str], "Term | None"]


class Rules:
    """Makes terms in their one form."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms

    def make(
        self, op: str, inputs: Sequence[Term], attributes: Attributes = (), index: int = 0, rank: int | None = None,
        layer: str = "",
    ) -> Term:  # fmt: skip
        """Output `index` of `op`, by the first rule that fits."""
        for rule in (*_RULES.get(op, ()), *((fused.taken_apart,) if "::" in op else ()), _folded):
            known = {**dict(attributes), "op": op}
            found = rule(self, inputs, known, index, rank, layer)
            if found is not None:
                folded = found.op in LINEAR and rule in (_gemm, _scaled_sum, _batch_norm)
                return self._with_plain(found, op, inputs, attributes, layer) if folded else found
        return self.terms.term(op, inputs, attributes, index, layer)

    def _with_plain(self, term: Term, op: str, inputs: Sequence[Term], attributes: Attributes, layer: str) -> Term:
        """`term`, which knows what it was made of: where both files have that, it is compared."""
        if term in inputs:
            return term
        kept = dict(attributes)
        if op == "Gemm" and kept.pop("transB", 0):
            inputs = [inputs[0], self.make("Transpose", (inputs[1],), (("perm", (1, 0)),)), *inputs[2:]]
        kept.pop("transB", 0)
        plain = self.terms.term(op, inputs, tuple(sorted(kept.items())), 0, layer)
        return self.terms.folded(term, plain)

    def derived(self, array: Any, source: Term, factor: Array | None = None) -> Term:
        """A constant computed from `source` in float64, by `factor` where that is what was done."""
        constant = source.constant
        step = constant.step if constant else None
        if step is not None and factor is not None:
            step = step * factor
        return self.terms.constant(np.asarray(array, np.float64), constant.name if constant else "", True, step)


def _same(rules: Rules, inputs: Sequence[Term], known: dict[str, Hashable], index: int, *_: Any) -> Term | None:
    """An operator that gives its only input back."""
    return inputs[0] if index == 0 and len(inputs) == 1 else None


def _dropout(rules: Rules, inputs: Sequence[Term], known: dict[str, Hashable], index: int, *_: Any) -> Term | None:
    return inputs[0] if index == 0 and (len(inputs) < 3 or not np.any(inputs[2].array)) else None


def _cast(rules: Rules, inputs: Sequence[Term], known: dict[str, Hashable], *_: Any) -> Term | None:
    """From one floating-point type to another: the weights tell whether the file has lower precision."""
    (term,) = inputs
    if term.array is not None:
        return None
    floating = known["to"] in FLOATS and not _whole(term)
    return term if floating else None


def _whole(term: Term) -> bool:
    """Whether a term is no floating-point number, as far as its operator tells."""
    return (
        term.op in _WHOLE
        or (term.op == "Cast" and term.attribute("to") not in FLOATS)
        or (term.op not in ("input", "const", "none") and term.op in _PASSING and any(map(_whole, term.inputs[:1])))
    )


_WHOLE = frozenset(
    "Shape Size Equal Greater Less GreaterOrEqual LessOrEqual Not And Or Xor IsNaN IsInf ArgMax ArgMin NonZero".split()
)
_PASSING = frozenset("Reshape Squeeze Unsqueeze Transpose Gather Slice Concat Identity Expand Add Mul Sub".split())


def _transpose(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
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


def _slice(rules: Rules, inputs: Sequence[Term], *_: Any) -> Term | None:
    """Everything is taken."""
    starts, ends = inputs[1].array, inputs[2].array
    steps = inputs[4].array if len(inputs) > 4 else np.array(1)
    if starts is None or ends is None or steps is None or inputs[0].array is not None:
        return None
    return inputs[0] if not starts.any() and (ends > _FAR).all() and (steps == 1).all() else None


def _sum(rules: Rules, inputs: Sequence[Term], known: Any, index: int, rank: int | None, layer: str) -> Term:
    found, *others = inputs
    for other in others:
        found = rules.make("Add", (found, other), layer=layer)
    return found


def _matmul(rules: Rules, inputs: Sequence[Term], known: Any, index: int, rank: int | None, layer: str) -> Term | None:
    """A product with a constant matrix."""
    left, right = inputs
    if right.array is None or right.array.ndim != 2 or left.array is not None:
        return None
    return rules.terms.term("Linear", (left, right, rules.terms.none), (), 0, layer)


def _gemm(
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


def _scaled_sum(
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


def affine(
    rules: Rules, term: Term, scale: Array | None, shift: Array | None, source: Term, layer: str,
    exact: Term | None = None,
) -> Term:  # fmt: skip
    """`term` × scale + shift by channel, as one linear map; `exact` is the shift where nothing has to be computed."""
    if term.op not in ("Linear", "Conv", "ConvTranspose", "Affine"):
        ones, zeros = (np.full(len(scale if scale is not None else shift), k) for k in (1.0, 0.0))  # type: ignore[arg-type]
        parts = ones if scale is None else scale, zeros if shift is None else shift
        return rules.terms.term("Affine", (term, *(rules.derived(part, source) for part in parts)), (), 0, layer)
    value, weight, *rest = (*term.inputs, rules.terms.none)
    bias = rest[0]
    if scale is not None:
        shape = {"Linear": (1, -1), "Affine": (-1,)}.get(term.op, (-1, *(1,) * (_weight(term).ndim - 1)))
        shape = (1, -1, *(1,) * (_weight(term).ndim - 2)) if term.op == "ConvTranspose" else shape
        factor = scale.astype(np.float64)
        weight = rules.derived(_weight(term) * factor.reshape(shape), weight, factor.reshape(shape))
        if bias.array is not None:
            bias = rules.derived(bias.array * factor, bias, factor)
    if shift is not None:
        if bias.array is None:
            bias = _as(rules, shift, exact) if exact is not None else rules.derived(shift, source)
        else:
            bias = rules.derived(bias.array.astype(np.float64) + shift.astype(np.float64), bias)
    return rules.terms.term(term.op, (value, weight, bias), term.attributes, 0, term.layer or layer)


def _batch_norm(
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
    return affine(rules, term, scale, beta - mean * scale, statistics[0], layer)


def _conv(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """With a bias that is left out as one of its own."""
    if len(inputs) == 2:
        attributes = tuple(sorted((key, value) for key, value in known.items() if key != "op"))
        return rules.terms.term(str(known["op"]), (*inputs, rules.terms.none), attributes, index, layer)
    return None


def _leaky(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
    return rules.make("Relu", inputs) if known.get("alpha", 0.01) == 0.0 else None


def _clip(
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


def _dequantised(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
    """A quantised constant as the numbers that it stands for; a value's way there and back is looked through."""
    term, scale, *zero = inputs
    if term.op == "QuantizeLinear":
        return term.inputs[0]
    if term.array is None or scale.array is None or (zero and zero[0].array is None):
        return None
    shape = [1] * term.array.ndim
    if scale.array.size > 1:
        shape[int(known.get("axis", 1))] = -1
    step = scale.array.astype(np.float64).reshape(shape)
    offset = zero[0].array.astype(np.float64).reshape(shape) if zero and zero[0].array is not None else 0.0
    assert term.constant is not None
    return rules.terms.constant((term.array.astype(np.float64) - offset) * step, term.constant.name, True, step)


def _integer_product(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """A product of quantised numbers, whose scales stand behind it."""
    value, weight, *zeros = inputs
    if weight.array is None or not (value.op == "DynamicQuantizeLinear" and value.index == 0):
        return None
    offset = zeros[1].array if len(zeros) > 1 and zeros[1].array is not None else np.array(0)
    whole = weight.array.astype(np.float64)
    by_channel = offset.astype(np.float64)
    if known["op"] == "ConvInteger":
        by_channel = by_channel.reshape(-1, *(1,) * (whole.ndim - 1))
    name = weight.constant.name if weight.constant else ""
    numbers = rules.terms.constant(whole - by_channel, name, True, np.ones(1))
    attributes = tuple(sorted((key, v) for key, v in known.items() if key != "op"))
    return rules.make(str(known["op"]).removesuffix("Integer"), (value.inputs[0], numbers), attributes, layer=layer)


def _scale_of_values(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, *_: Any) -> Term | None:
    """The scale of values that are quantised while they run: it cancels."""
    return rules.terms.number(1.0) if index == 1 else None


def _folded(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, *_: Any) -> Term | None:
    """An operator of constants alone."""
    op, arrays = str(known["op"]), [term.array for term in inputs]
    if not arrays or any(array is None for array in arrays) or index:
        return None
    found = _computed(op, [np.asarray(array) for array in arrays], known)
    sources = [term.constant for term in inputs if term.constant]
    step = next((source.step for source in sources if source.step is not None), None)
    name = next((source.name for source in sources if source.name), "")
    return None if found is None else rules.terms.constant(found, name, any(s.derived for s in sources), step)


def _computed(op: str, arrays: list[Array], known: dict[str, Any]) -> Array | None:
    try:
        if op in FUNCTIONS and np.broadcast(*arrays).size <= MOST_ELEMENTS:
            return np.asarray(FUNCTIONS[op](known, *arrays)).astype(arrays[-1].dtype)
        if op == "Cast" and known["to"] in _DTYPES:
            return arrays[0].astype(_DTYPES[known["to"]])
        if op == "Reshape":
            wanted = [arrays[0].shape[k] if size == 0 else int(size) for k, size in enumerate(arrays[1])]
            return arrays[0].reshape(wanted)
        if op == "Unsqueeze":
            return np.expand_dims(arrays[0], tuple(map(int, arrays[1].reshape(-1))))
        if op == "Squeeze":
            return np.squeeze(arrays[0], tuple(map(int, arrays[1].reshape(-1))) if len(arrays) > 1 else None)
        if op == "Concat" and sum(array.size for array in arrays) <= MOST_ELEMENTS:
            return np.concatenate(arrays, int(known["axis"]))
    except (ValueError, IndexError, TypeError, KeyError):
        return None  # a runtime would refuse it too
    return None


_DTYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
_RULES: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(("Identity", "Concat", "Max", "Min", "Mean"), (_same,)),
    "Dropout": (_dropout,),
    "Cast": (_cast,),
    "Transpose": (_transpose,),
    "Slice": (_slice,),
    "Sum": (_sum,),
    "MatMul": (_matmul,),
    "Gemm": (_gemm,),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), (_scaled_sum,)),
    "BatchNormalization": (_batch_norm,),
    **dict.fromkeys(("Conv", "ConvTranspose"), (_conv,)),
    "LeakyRelu": (_leaky,),
    "Clip": (_clip,),
    "DequantizeLinear": (_dequantised,),
    "DynamicQuantizeLinear": (_scale_of_values,),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), (_integer_product,)),
}
