"""How harmless rewrites are undone: each operator is made in one form, whatever way a file writes it.

Identities vanish, constants are folded, a product with a constant matrix and what is added to or multiplied with it
becomes one ``Linear``, a normalisation by constants is folded into the convolution before it, in float64. What
onnxruntime fuses is taken apart; what a quantisation puts in is looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from graphspec.verifying.accounting import fused, linear, quantised, simple
from graphspec.verifying.accounting.folding import folded
from graphspec.verifying.accounting.terms import Array, Attributes, Term, Terms

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
        for rule in (*_RULES.get(op, ()), *((fused.taken_apart,) if "::" in op else ()), folded):
            known = {**dict(attributes), "op": op}
            found = rule(self, inputs, known, index, rank, layer)
            if found is not None:
                joined = found.op in linear.LINEAR and rule in (linear.gemm, linear.scaled_sum, linear.batch_norm)
                return self._with_plain(found, op, inputs, attributes, layer) if joined else found
        return self.terms.term(op, inputs, attributes, index, layer)

    def _with_plain(self, term: Term, op: str, inputs: Sequence[Term], attributes: Attributes, layer: str) -> Term:
        """`term`, which knows what it was made of: where both files have that, it is compared."""
        if term in inputs:
            return term
        kept = dict(attributes)
        if op == "Gemm" and kept.pop("transB", 0):
            inputs = [inputs[0], self.make("Transpose", (inputs[1],), (("perm", (1, 0)),)), *inputs[2:]]
        kept.pop("transB", 0)
        if op == "Gemm" and len(inputs) == 2:
            inputs = [*inputs, self.terms.none]
        plain = self.terms.term(op, inputs, tuple(sorted(kept.items())), 0, layer)
        return self.terms.folded(term, plain)

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
        return self.terms.constant(
            np.asarray(array, np.float64), constant.name if constant else "", True, step, magnitude=magnitude
        )


_RULES: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(("Identity", "Concat", "Max", "Min", "Mean"), (simple.same,)),
    "Dropout": (simple.dropout,),
    "Cast": (simple.cast,),
    "CastLike": (simple.cast_like,),
    "Transpose": (simple.transpose,),
    "Slice": (simple.whole_slice,),
    "Pad": (simple.pad,),
    "Where": (simple.where,),
    "Shape": (simple.shape,),
    "Gather": (simple.gather,),
    "LeakyRelu": (simple.leaky,),
    "Clip": (simple.clip,),
    "GlobalAveragePool": (simple.reduced,),
    **dict.fromkeys((f"Reduce{kind}" for kind in ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2")), (simple.reduced,)),
    "Sum": (linear.add_all,),
    "MatMul": (linear.matmul,),
    "Gemm": (linear.gemm,),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), (linear.scaled_sum,)),
    "BatchNormalization": (linear.batch_norm,),
    **dict.fromkeys(("Conv", "ConvTranspose"), (linear.convolution,)),
    "DequantizeLinear": (quantised.dequantised,),
    "DynamicQuantizeLinear": (quantised.scale_of_values,),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), (quantised.integer_product,)),
}
