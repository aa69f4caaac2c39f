"""What a quantisation puts in is looked through: its constants stand for the numbers they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphspec.verifying.accounting.terms import Term

if TYPE_CHECKING:
    from graphspec.verifying.accounting.rules import Rules


def dequantised(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], *_: Any) -> Term | None:
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


def integer_product(
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


def scale_of_values(rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, *_: Any) -> Term | None:
    """The scale of values that are quantised while they run: it cancels."""
    return rules.terms.number(1.0) if index == 1 else None
