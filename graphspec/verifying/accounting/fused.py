"""What onnxruntime's optimiser fuses, taken apart into ONNX's own operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.verifying.accounting.terms import Attributes, Node, Rewriter, Term

_ACTIVATIONS = {"activation", "activation_params", "activation_alpha", "activation_beta", "activation_gamma"}


def taken_apart(rules: Rewriter, node: Node) -> Term | None:
    """The standard operators that a fused one stands for; None where it is none that is known."""
    domain, _, op = node.op.partition("::")
    own = {key: value for key, value in node.attributes.items() if key not in _ACTIVATIONS}
    plain = tuple(sorted(own.items()))
    make = rules.make
    if domain == "com.microsoft" and op in ("FusedConv", "FusedGemm"):
        found = _sum_and_product(rules, op.removeprefix("Fused"), node.inputs, plain, node.layer)
        return _activated(rules, found, node.attributes, node.layer)
    if domain == "com.microsoft" and op in ("FusedMatMul", "TransposeMatMul"):
        return _matmul(rules, node.inputs, own, node.layer)
    if domain == "com.microsoft" and op in ("Gelu", "BiasGelu", "FastGelu"):
        value = make("Add", node.inputs, layer=node.layer) if len(node.inputs) > 1 else node.inputs[0]
        kind: Attributes = (("approximate", "tanh" if op == "FastGelu" else "none"),)
        return make("Gelu", (value,), kind, layer=node.layer)
    if domain == "com.microsoft" and op == "QuickGelu":
        alpha = rules.terms.number(own.get("alpha", 1.702))
        return make("Mul", (node.inputs[0], make("Sigmoid", (make("Mul", (node.inputs[0], alpha)),))), layer=node.layer)
    if domain == "com.microsoft" and op == "SkipLayerNormalization" and node.index in (0, 3):
        value, skip, *rest = node.inputs
        total = make("Add", (value, skip), layer=node.layer)
        if len(rest) > 2:
            total = make("Add", (total, rest[2]), layer=node.layer)
        attributes = tuple(sorted({"axis": -1, "stash_type": 1, **own}.items()))
        return total if node.index else make("LayerNormalization", (total, *rest[:2]), attributes, layer=node.layer)
    return None


def _sum_and_product(rules: Rewriter, op: str, inputs: Sequence[Term], plain: Attributes, layer: str) -> Term:
    """A convolution or product with its bias, and what a fused one adds as its fourth input."""
    found = rules.make(op, inputs[:3], plain, layer=layer)
    return rules.make("Add", (found, inputs[3]), layer=layer) if len(inputs) > 3 else found


def _activated(rules: Rewriter, term: Term, known: Mapping[str, Any], layer: str) -> Term:
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


def _matmul(rules: Rewriter, inputs: Sequence[Term], own: dict[str, Any], layer: str) -> Term | None:
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
