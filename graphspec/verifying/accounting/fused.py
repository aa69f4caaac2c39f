"""What onnxruntime's optimiser fuses, taken apart into ONNX's own operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphspec.verifying.accounting.rules import Rules
    from graphspec.verifying.accounting.terms import Attributes, Term

_ACTIVATIONS = {"activation", "activation_params", "activation_alpha", "activation_beta", "activation_gamma"}


def taken_apart(
    rules: Rules, inputs: Sequence[Term], known: dict[str, Any], index: int, rank: int | None, layer: str
) -> Term | None:
    """The standard operators that a fused one stands for; None where it is none that is known."""
    domain, _, op = str(known["op"]).partition("::")
    own = {key: value for key, value in known.items() if key not in {*_ACTIVATIONS, "op"}}
    plain = tuple(sorted(own.items()))
    make = rules.make
    if domain == "com.microsoft" and op in ("FusedConv", "FusedGemm"):
        found = _sum_and_product(rules, op.removeprefix("Fused"), inputs, plain, layer)
        return _activated(rules, found, known, layer)
    if domain == "com.microsoft" and op in ("FusedMatMul", "TransposeMatMul"):
        return _matmul(rules, inputs, own, layer)
    if domain == "com.microsoft" and op in ("Gelu", "BiasGelu", "FastGelu"):
        value = make("Add", inputs, layer=layer) if len(inputs) > 1 else inputs[0]
        kind: Attributes = (("approximate", "tanh" if op == "FastGelu" else "none"),)
        return make("Gelu", (value,), kind, layer=layer)
    if domain == "com.microsoft" and op == "QuickGelu":
        alpha = rules.terms.number(own.get("alpha", 1.702))
        return make("Mul", (inputs[0], make("Sigmoid", (make("Mul", (inputs[0], alpha)),))), layer=layer)
    if domain == "com.microsoft" and op == "SkipLayerNormalization" and index in (0, 3):
        value, skip, *rest = inputs
        total = make("Add", (value, skip), layer=layer)
        if len(rest) > 2:
            total = make("Add", (total, rest[2]), layer=layer)
        attributes = (("axis", -1), *plain)
        return total if index else make("LayerNormalization", (total, *rest[:2]), attributes, layer=layer)
    return None


def _sum_and_product(rules: Rules, op: str, inputs: Sequence[Term], plain: Attributes, layer: str) -> Term:
    """A convolution or product with its bias, and what a fused one adds as its fourth input."""
    found = rules.make(op, inputs[:3], plain, layer=layer)
    return rules.make("Add", (found, inputs[3]), layer=layer) if len(inputs) > 3 else found


def _activated(rules: Rules, term: Term, known: dict[str, Any], layer: str) -> Term:
    """`term` behind the activation that a fused operator has."""
    kind = str(known.get("activation") or "")
    if not kind:
        return term
    names = ("alpha", "beta", "gamma")
    given = {name: known[f"activation_{name}"] for name in names if f"activation_{name}" in known}
    given = given or dict(zip(names, known.get("activation_params", ()), strict=False))
    if kind == "Clip":
        bounds = [rules.terms.number(value) for value in given.values()]
        return rules.make("Clip", (term, *bounds), layer=layer)
    return rules.make(kind, (term,), tuple(sorted(given.items())), layer=layer)


def _matmul(rules: Rules, inputs: Sequence[Term], own: dict[str, Any], layer: str) -> Term | None:
    left, right = inputs
    if any(own.get(key, 0) for key in ("transBatchA", "transBatchB", "transA")):
        return None
    if own.get("transB", 0):
        if right.array is None:
            return None
        right = rules.make(
            "Transpose",
            (right,),
            (("perm", (*range(right.array.ndim - 2), right.array.ndim - 1, right.array.ndim - 2)),),
        )
    found = rules.make("MatMul", (left, right), layer=layer)
    alpha = own.get("alpha", 1.0)
    return found if alpha == 1.0 else rules.make("Mul", (found, rules.terms.number(alpha)), layer=layer)
