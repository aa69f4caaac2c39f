"""A reloaded ``torch.export`` program of whatever origin: its results in order, however forward nests them.

Loaded by the worker: this file imports nothing of graphspec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .tensors import Arrays, Run, array, tensors


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as users run it; inputs in the program's order."""
    import torch

    loaded = torch.export.load(path)
    model = loaded.module()

    def run(inputs: Arrays) -> list[Any]:
        given = tensors(inputs, dtypes)
        positional, keywords = torch.utils._pytree.tree_unflatten(given, loaded.call_spec.in_spec)
        with torch.no_grad():
            results = torch.utils._pytree.tree_leaves(model(*positional, **keywords))
        found = [value for value in results if isinstance(value, torch.Tensor)]
        return [array(value) for value in found[: len(names)]]

    return run
