"""TorchScript and ``.pt2`` files beside the network's own: every tensor to the last bit, and what the program does."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from graphspec.exporting.reference import Arrays
from graphspec.module.names import within
from graphspec.shapes.shaped import ShapedLayer
from graphspec.verifying.accounting.account import MOST_SAID, Account

#: A step of a program: the path of the submodule that it came from, where that is known, and what it does.
Step = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """What a file holds: its tensors by name, and its steps."""

    tensors: Arrays
    steps: Sequence[Step]


def account_program(own: Program, other: Program, layers: Sequence[ShapedLayer]) -> Account:
    """What `other` has otherwise than the network's `own` file, which has the network's `layers`."""
    return by_layer([*_tensors(own.tensors, other.tensors), *_steps(own.steps, other.steps)], layers)


def by_layer(found: Sequence[tuple[str, str]], layers: Sequence[ShapedLayer]) -> Account:
    """What was `found`, by path of a tensor or submodule, said with the layer that it belongs to."""
    said = [(_layer(path, layers), text) for path, text in found]
    texts = [f'layer "{layer}": {text}' if layer else text for layer, text in said]
    more = [f"and {len(texts) - MOST_SAID} more differences"] if len(texts) > MOST_SAID else []
    return Account((*texts[:MOST_SAID], *more), layer=next((layer for layer, _ in said if layer), ""))


def _layer(path: str, layers: Sequence[ShapedLayer]) -> str:
    return next((layer.name for layer in layers if path and within(path, layer.module)), "")


def _tensors(own: Arrays, other: Arrays) -> list[tuple[str, str]]:
    """By tensor, what is wrong with it."""
    found = [(name, f"{name} is left out") for name in own.keys() - other.keys()]
    found += [(name, f"{name} is there, which the network has not") for name in other.keys() - own.keys()]
    for name in own.keys() & other.keys():
        mine, its = own[name], other[name]
        if (mine.shape, mine.dtype) != (its.shape, its.dtype):
            found.append((name, f"{name} is {its.shape} {its.dtype} instead of {mine.shape} {mine.dtype}"))
        elif mine.tobytes() != its.tobytes():
            bits = f"V{mine.dtype.itemsize}"
            wrong = np.count_nonzero(np.ascontiguousarray(mine).view(bits) != np.ascontiguousarray(its).view(bits))
            found.append((name, f"{name} differs in {wrong:,} of {mine.size:,} values"))
    order = {name: k for k, name in enumerate(own)}
    return sorted(found, key=lambda pair: order.get(pair[0], len(order)))


def _steps(own: Sequence[Step], other: Sequence[Step]) -> list[Step]:
    """The steps that one has more often than the other."""
    missing, added = Counter(own) - Counter(other), Counter(other) - Counter(own)
    return [(path, f"has no {_short(text)}") for path, text in missing] + [
        (path, f"has {_short(text)}, which the network has not") for path, text in added
    ]


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}…"
