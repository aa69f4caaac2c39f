"""What stands before the network: from a sample as it lies in the data to what forward takes.

Each step has its torch side and its ONNX side in :mod:`graphspec.data.transforms`; here they stand in a row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.copied import is_copied, without_targets
from graphspec.data.place import DataPlace
from graphspec.data.sources import read
from graphspec.data.sources.builtin import OF_IMAGE_FILES
from graphspec.data.sources.source import Place
from graphspec.data.transforms import (
    Normalize,
    Pixels,
    SizeTransforms,
    calculated,
    calculated_nodes,
    float_nodes,
    resolved,
    size_transforms,
    to_float,
)
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import Diagnostic, GraphspecError, fail
from graphspec.exporting.tape import Taped
from graphspec.ops.arguments import DTYPES
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.base import Component

if TYPE_CHECKING:
    import onnx_ir as ir

AT = ("data", "transforms")


@dataclasses.dataclass(frozen=True, slots=True)
class Preprocessing:
    """``[data] transforms`` of the one input, their numbers resolved: of sizes, then of values.

    ``dtype`` and ``shape`` are those of a batch of raw samples. uint8 images are N × height × width × C, as decoders
    give them; everything else is as the data set holds it.
    """

    dtype: str
    shape: tuple[int | str, ...]
    resizing: SizeTransforms
    scaling: tuple[Normalize, ...] = ()

    @classmethod
    def of(cls, shaped: ShapedGraph, data: DataSet, place: DataPlace = DataPlace()) -> Preprocessing:
        """What `data`, which lie at `place`, go through on their way into `shaped`.

        Raises:
            GraphspecError: ``not-exportable`` for what :func:`faults` finds, or data of several fields.
        """
        if found := list(faults(shaped)):
            raise GraphspecError(found)
        if len(data.train.inputs) != 1:
            raise fail("not-exportable", _ONE_INPUT.format(f"the data have {len(data.train.inputs)}"), at=_FORMATS)
        ((kind,), (values,), (scaling,)) = shaped.inputs.values(), data.train.inputs.values(), data.values.values()
        shape = kind.sizes
        if values.ndim == 4:
            shape[1:] = _channels(shaped, data.sizes, place), *_sizes(shaped, data.sizes)
        dtype = str(values[:1].numpy().dtype)
        if values.ndim == 4 and dtype == "uint8":
            shape = [shape[0], *shape[2:], shape[1]]
        return cls(dtype, tuple(shape), data.sizes, scaling)

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Preprocessing:
        """That of an export, by its manifest."""
        (entry,) = manifest["pipeline"]["inputs"]
        transforms = [Component.model_validate(transform) for transform in manifest["transforms"]]
        return cls(entry["dtype"], tuple(entry["shape"]), *resolved(transforms))

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


_ONE_INPUT, _FORMATS = '"pipeline" is for networks with one input, {}', ("export", "formats")


def faults(shaped: ShapedGraph) -> Iterator[Diagnostic]:
    """Why ``pipeline.onnx`` cannot be written for `shaped`, as far as no data are needed to see it: each transform that
    has no form in ONNX, at its argument.
    """
    if len(shaped.inputs) != 1:
        yield Diagnostic("not-exportable", _ONE_INPUT.format(f"this one has {len(shaped.inputs)}"), at=_FORMATS)
    for k, step in enumerate(size_transforms(shaped.spec.data.transforms if shaped.spec.data else ()).steps):
        if because := step.refusal():
            yield Diagnostic("not-exportable", because.message, at=(*AT, k, because.argument), hint=because.hint)


def _channels(shaped: ShapedGraph, resizing: SizeTransforms, place: DataPlace) -> int | str:
    """The raw images' channels: the network's, but where a transform changes them; then those of the source."""
    spec = shaped.spec.data
    (kind,) = shaped.inputs.values()
    if spec is None or not any(step.colours for step in resizing.steps):
        return kind.sizes[1]
    if spec.dataset.type in OF_IMAGE_FILES:
        return 3  # as it decodes them
    wanted = Wanted(shaped.spec.train.losses if shaped.spec.train else (), is_copied(spec.dataset))
    dataset = without_targets(spec.dataset) if is_copied(spec.dataset) else spec.dataset
    source = read(dataset, Place(place.root or Path(spec.root), wanted=wanted), size_transforms(()))
    (images,) = source.train.inputs.values()
    return int(images.shape[1])


def _sizes(shaped: ShapedGraph, resizing: SizeTransforms) -> list[int | str]:
    """Height and width of raw images: the network's, but open where a transform makes them what they are."""
    (kind,) = shaped.inputs.values()
    if any(step.sizes for step in resizing.steps):
        return [name if name not in shaped.dims else f"image_{name}" for name in ("height", "width")]
    return kind.sizes[2:]
