"""Operators of constants alone are computed, as far as numpy can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphspec.verifying.accounting.elementwise import FUNCTIONS
from graphspec.verifying.accounting.terms import Array, Node, Rewriter, Term

#: Constants with more elements than this are not computed with.
MOST_ELEMENTS = 1 << 26
_DTYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


def folded(rules: Rewriter, node: Node) -> Term | None:
    """An operator of constants alone."""
    op, arrays = node.op, [term.array for term in node.inputs]
    if not arrays or any(array is None for array in arrays) or node.index:
        return None
    found = _computed(op, [np.asarray(array) for array in arrays], node.attributes)
    sources = [term.constant for term in node.inputs if term.constant]
    step = next((source.step for source in sources if source.step is not None), None)
    name = next((source.name for source in sources if source.name), "")
    return None if found is None else rules.terms.constant(found, name, any(s.derived for s in sources), step)


def _computed(op: str, arrays: list[Array], known: Mapping[str, Any]) -> Array | None:
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
