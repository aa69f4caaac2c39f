"""What a quantisation puts in is looked through: its constants stand for the numbers they are."""

from __future__ import annotations

import numpy as np

from graphspec.verifying.accounting.terms import Node, Rewriter, Term


def dequantised(rules: Rewriter, node: Node) -> Term | None:
    """A quantised constant as the numbers that it stands for; a value's way there and back is looked through."""
    term, scale, *zero = node.inputs
    if term.op == "QuantizeLinear":
        return term.inputs[0]
    if term.array is None or scale.array is None or (zero and zero[0].array is None):
        return None
    shape = [1] * term.array.ndim
    if scale.array.size > 1:
        shape[int(node.attributes.get("axis", 1))] = -1
    step = scale.array.astype(np.float64).reshape(shape)
    offset = zero[0].array.astype(np.float64).reshape(shape) if zero and zero[0].array is not None else 0.0
    assert term.constant is not None
    return rules.terms.constant((term.array.astype(np.float64) - offset) * step, term.constant.name, True, step)


def integer_product(rules: Rewriter, node: Node) -> Term | None:
    """A product of quantised numbers, whose scales stand behind it."""
    value, weight, *zeros = node.inputs
    if weight.array is None or not (value.op == "DynamicQuantizeLinear" and value.index == 0):
        return None
    offset = zeros[1].array if len(zeros) > 1 and zeros[1].array is not None else np.array(0)
    whole = weight.array.astype(np.float64)
    by_channel = offset.astype(np.float64)
    if node.op == "ConvInteger":
        by_channel = by_channel.reshape(-1, *(1,) * (whole.ndim - 1))
    name = weight.constant.name if weight.constant else ""
    numbers = rules.terms.constant(whole - by_channel, name, True, np.ones(1))
    inputs = (value.inputs[0], numbers)
    return rules.make(node.op.removesuffix("Integer"), inputs, node.pairs(), layer=node.layer)


def scale_of_values(rules: Rewriter, node: Node) -> Term | None:
    """The scale of values that are quantised while they run: it cancels."""
    return rules.terms.number(1.0) if node.index == 1 else None
