"""How harmless rewrites are undone: each operator is made in one form, whatever way a file writes it.

Identities vanish, constants are folded, a product with a constant matrix and what is added to or multiplied with it
becomes one ``Linear``, a normalisation by constants is folded into the convolution before it, in float64. What
onnxruntime fuses is taken apart; what a quantisation puts in is looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphspec.verifying.accounting import fused, linear, quantised, simple
from graphspec.verifying.accounting.folding import folded
from graphspec.verifying.accounting.terms import Attributes, Node, Rewriter, Term, Terms

#: What an operator is in its one form; None where the rule does not fit.
Rule = Callable[[Rewriter, Node], Term | None]


class Rules:
    """Makes terms in their one form."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms

    def make(
        self, op: str, inputs: Sequence[Term], attributes: Attributes = (), index: int = 0, rank: int | None = None,
        layer: str = "",
    ) -> Term:  # fmt: skip
        """Output `index` of `op`, by the first rule that fits."""
        node = Node(op, inputs, dict(attributes), index, rank, layer)
        for rule in (*_RULES.get(op, ()), *((fused.taken_apart,) if "::" in op else ()), folded):
            found = rule(self, node)
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


_RULES: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(("Identity", "Concat", "Max", "Min", "Mean"), (simple.same,)),
    "Dropout": (simple.dropout,),
    "Cast": (simple.cast,),
    "CastLike": (simple.cast_like,),
    "Transpose": (simple.transpose,),
    "Slice": (simple.whole_slice,),
    "Squeeze": (simple.squeezed,),
    "Pad": (simple.pad,),
    "Pow": (simple.power,),
    "Neg": (simple.negative,),
    **dict.fromkeys(("Reshape", "Expand"), (simple.to_own_shape,)),
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
    "Add": (linear.plus_negative, linear.scaled_sum),
    **dict.fromkeys(("Sub", "Mul", "Div"), (linear.scaled_sum,)),
    "BatchNormalization": (linear.batch_norm,),
    **dict.fromkeys(("Conv", "ConvTranspose"), (linear.convolution,)),
    "DequantizeLinear": (quantised.dequantised,),
    "DynamicQuantizeLinear": (quantised.scale_of_values,),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), (quantised.integer_product,)),
}
