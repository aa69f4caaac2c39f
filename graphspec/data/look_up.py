"""uint8 images as the network sees them, straight out of memory: each value is looked up in its channel's table of 256.

The tables are what the transforms themselves make of the 256 values, so that every bit is theirs.
"""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.streamed import OnDisk
from graphspec.system.shared_library import BuildError, shared_library

_SOURCE = Path(__file__).parent / "look_up.c"
#: One value after the other: processors that mend a leak of gather instructions are slow at them.
_FLAGS = ("-O3", "-march=native", "-fno-tree-vectorize", "-funroll-loops")
#: Values from which on it is worth to compile.
_WORTHWHILE = 1 << 22


@dataclasses.dataclass(frozen=True)
class LookUp:
    """Batches of `samples`, whose inputs are all uint8 images ``N × C × H × W``, by ``tables``: C × 256, by input."""

    samples: Samples
    tables: dict[str, Tensor]
    library: ctypes.CDLL

    def take(self, index: Tensor) -> Samples:
        """The samples at `index` (int64, one dimension), images as float32."""
        inputs = {name: self._images(value, index, self.tables[name]) for name, value in self.samples.inputs.items()}
        return Samples(inputs, {name: value.index_select(0, index) for name, value in self.samples.targets.items()})

    def _images(self, images: Tensor, index: Tensor, table: Tensor) -> Tensor:
        index = index.contiguous()
        channels, height, width = images.shape[1:]
        found = torch.empty(len(index), channels, height, width)
        image, row, values, out = (each.data_ptr() for each in (images, index, table, found))
        self.library.look_up(image, row, len(index), channels, height * width, values, out)
        return found


def look_up(samples: Samples, transformed: Callable[[str, Tensor], Tensor]) -> LookUp | None:
    """``transformed(name, batch)`` by tables, for every input of `samples`; None where it cannot be or is not worth it.

    It works on each value alone and knows its channel.
    """
    values = samples.inputs.values()
    if not all(map(_images, values)) or sum(value.numel() for value in values) < _WORTHWHILE:
        return None
    try:
        library = shared_library(_SOURCE, _FLAGS)
    except BuildError:
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.look_up.argtypes = [pointer, pointer, number, number, number, pointer, pointer]
    library.look_up.restype = None
    tables = {}
    for name, value in samples.inputs.items():
        every = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1).expand(256, value.shape[1], 1, 1)
        tables[name] = transformed(name, every).view(256, -1).t().contiguous()
    return LookUp(samples, tables, library)


def _images(value: Tensor | OnDisk) -> bool:
    if isinstance(value, OnDisk) or value.device.type != "cpu":
        return False
    return value.ndim == 4 and value.dtype == torch.uint8 and value.is_contiguous()
