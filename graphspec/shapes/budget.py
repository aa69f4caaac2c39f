"""How large a network may be: arithmetic on ints, before anything is allocated."""

from __future__ import annotations

import dataclasses
import functools
import math
import os

import sympy

from graphspec.diagnostics import Path, fail, quoted
from graphspec.shapes.shaped import ShapedLayer, TensorType
from graphspec.spec.model import MOST_DIMS


def machine_memory() -> int:
    """Bytes of physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclasses.dataclass
class Budget:
    """Counts what a network needs against the machine's memory (or `bytes` from the user)."""

    bytes: int = dataclasses.field(default_factory=machine_memory)
    used: int = 0

    def parameters(self, layer: ShapedLayer) -> None:
        """Add a layer's float32 parameters."""
        self.used += 4 * layer.parameter_count
        if self.used > self.bytes:
            message = (
                f"the parameters up to layer {quoted(layer.name)} need {size(self.used)}, "
                f"and this machine has {size(self.bytes)}"
            )
            raise fail("too-many-parameters", message, layer.at, "choose smaller sizes")

    def value(self, kind: TensorType, what: str, name: str, at: Path) -> None:
        """Check one value, that of `what` called `name`, with 1 for every dynamic dim."""
        if len(kind.shape) > MOST_DIMS:
            message = f"{what} {quoted(name)} has {len(kind.shape)} dims, more than {MOST_DIMS}"
            raise fail("too-large", message, at)
        needed = _bytes(kind)
        if needed > self.bytes:
            message = f"{what} {quoted(name)} is {kind} and needs {size(needed)} at a batch of 1"
            raise fail("too-much-memory", message, at, f"this machine has {size(self.bytes)}")


@functools.lru_cache(maxsize=4096)
def _bytes(kind: TensorType) -> int:
    """What one value takes with 1 for every dynamic dim."""
    ones = (dim if isinstance(dim, int) else int(dim.subs(dict.fromkeys(dim.free_symbols, 1))) for dim in kind.shape)
    return math.prod(ones) * kind.dtype.itemsize


def size(count: int | sympy.Integer) -> str:
    """Bytes for a person: ``40 GB``."""
    if count > 10**24:
        return "over a million EB"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB"):
        if value < 1000 or unit == "EB":
            return f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError
