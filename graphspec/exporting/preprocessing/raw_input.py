"""What stands before one input of the network: from raw values to what forward takes.

Each step has its torch side and its ONNX side in :mod:`graphspec.data.transforms`; here they stand in a row.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from graphspec.data.transforms import (
    Normalize,
    Pixels,
    SizeTransforms,
    calculated,
    calculated_nodes,
    float_nodes,
    to_float,
)
from graphspec.exporting.tape import Taped
from graphspec.ops.arguments import DTYPES

if TYPE_CHECKING:
    import onnx_ir as ir


@dataclasses.dataclass(frozen=True, slots=True)
class RawInput:
    """``[data] transforms`` of one input, their numbers resolved: of sizes, then of values.

    ``dtype`` and ``shape`` are those of a batch of raw samples. uint8 images are N × height × width × C, as decoders
    give them; everything else is as the data set holds it.
    """

    dtype: str
    shape: tuple[int | str, ...]
    resizing: SizeTransforms
    scaling: tuple[Normalize, ...] = ()

    @property
    def transforms(self) -> list[str]:
        """The names of all steps in order."""
        return [*self.resizing.names, *("Normalize" for _ in self.scaling)]

    @property
    def signature(self) -> dict[str, Any]:
        """Shape and dtype of a batch of raw samples, as the manifest has them."""
        return {"shape": list(self.shape), "dtype": self.dtype}

    @property
    def interleaved(self) -> bool:
        """Whether raw samples are images with their channels last."""
        return self.dtype == "uint8" and len(self.shape) == 4

    def steps(self, raw: Tensor, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        """What training computes from `raw`: the batch behind each transform, and last what the network is given."""
        batch = raw.permute(0, 3, 1, 2).contiguous() if self.interleaved else raw
        found: list[Tensor] = []
        for resize in self.resizing.steps:
            batch = resize(batch)
            found.append(batch)
        batch = calculated(batch) if self.scaling else to_float(batch)
        for scale in self.scaling:
            batch = scale(batch.clone())
            found.append(batch)
        single = batch.to(torch.float32) if batch.dtype == torch.float64 else batch
        return [*found, single.to(dtype)]

    def write(self, op: Taped, raw: ir.Value, real: DTypeLike = np.float32) -> list[ir.Value]:
        """The same as :meth:`steps`, as nodes behind `raw`; the last has the dtype `real`."""
        batch: Any = op("Transpose", raw, perm=[0, 3, 1, 2]) if self.interleaved else raw
        dtype = np.dtype(self.dtype)
        height, width = (size if isinstance(size, int) else 1 for size in [*self.sizes, 1, 1][:2])
        pixels = Pixels(dtype, self.channels, (height, width))
        found: list[ir.Value] = []
        for resize in self.resizing.steps:
            batch = resize.nodes(op, batch, pixels)
            pixels = resize.after(pixels)
            found.append(batch)
        batch, dtype = calculated_nodes(op, batch, dtype) if self.scaling else (float_nodes(op, batch, dtype), dtype)
        for scale in self.scaling:
            batch = scale.nodes(op, batch, dtype, len(self.shape))
            found.append(batch)
        single = op.cast(batch, np.float32) if dtype == np.float64 else batch
        return [*found, op.cast(single, real)]  # of the same dtype, as a rule: runtimes drop it

    def raw(self, values: Tensor) -> Tensor:
        """Raw samples that become about `values`, where no sizes are changed: scaling undone, last step first."""
        values = values.to(torch.float32 if self.dtype in ("float32", "uint8") else torch.float64)
        for scale in reversed(self.scaling):
            values = scale.undone(values)
        dtype = values.dtype if self.dtype == "uint8" else DTYPES[self.dtype]
        return values.to(dtype) if dtype.is_floating_point else values.round().to(dtype)

    @property
    def channels(self) -> int | str:
        """The raw images' channels, or the features of a table."""
        return self.shape[-1 if self.interleaved or len(self.shape) < 2 else 1]

    @property
    def sizes(self) -> tuple[int | str, ...]:
        """The raw images' height and width."""
        return self.shape[1:3] if self.interleaved else self.shape[2:]
