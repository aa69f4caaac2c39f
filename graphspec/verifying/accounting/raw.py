"""Files that tell no tensors by name, beside the network's own: a weight whose bytes are in one is in the other too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from graphspec.exporting.reference import Arrays
from graphspec.shapes.shaped import ShapedLayer
from graphspec.verifying.accounting.account import Account
from graphspec.verifying.accounting.programs import by_layer


def account_raw(own: bytes, other: bytes, weights: Arrays, layers: Sequence[ShapedLayer]) -> Account:
    """The `weights` of the network that stand in its `own` file and not, or not as often, in the `other`, to the last
    bit; the same packages wrote both.

    One that is folded into others stands in neither: numbers alone decide of it.
    """
    lost = [(name, f"{name} is not there as the network has it") for name, value in weights.items()
            if _lost(value, own, other)]  # fmt: skip
    return by_layer(lost, layers)


def _lost(weight: NDArray[np.generic], own: bytes, other: bytes) -> bool:
    for form in _forms(weight):
        at = own.find(form)
        if at < 0:
            continue
        if not any(form):  # zeros stand between the parts of a file, too
            return form not in other
        return other[at : at + len(form)] != form and other.count(form) < own.count(form)
    return False


def _forms(weight: NDArray[np.generic]) -> Iterator[bytes]:
    """As the network has it, with the channels that go in or those that come out last, and transposed."""
    yield weight.tobytes()
    if weight.ndim > 1:
        yield np.moveaxis(weight, 1, -1).tobytes()
        yield np.moveaxis(weight, 0, -1).tobytes()
        yield weight.T.tobytes()
