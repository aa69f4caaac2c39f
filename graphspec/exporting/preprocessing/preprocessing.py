"""What stands before the network: from a sample as it lies in the data to what forward takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.place import DataPlace
from graphspec.data.sources import read
from graphspec.data.sources.source import Place
from graphspec.data.transforms import SIZE_TRANSFORMS, size_transforms, to_float, value_transforms
from graphspec.diagnostics import fail
from graphspec.exporting.preprocessing import image_nodes
from graphspec.exporting.preprocessing.nodes import Nodes
from graphspec.ops.arguments import DTYPES
from graphspec.shapes.dims import dim_text
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.base import Component

if TYPE_CHECKING:
    import onnx_ir as ir

AT = ("data", "transforms")


@dataclasses.dataclass(frozen=True, slots=True)
class Preprocessing:
    """``[data] transforms`` of the one input, their numbers resolved.

    ``dtype`` and ``shape`` are those of a batch of raw samples. uint8 images are N × height × width × C, as decoders
    give them; everything else is as the data set holds it.
    """

    dtype: str
    shape: tuple[int | str, ...]
    transforms: tuple[Component, ...]

    @classmethod
    def of(cls, shaped: ShapedGraph, data: DataSet, place: DataPlace = DataPlace()) -> Preprocessing:
        """What `data`, which lie at `place`, go through on their way into `shaped`.

        Raises:
            GraphspecError: ``not-exportable`` where the network has several inputs.
        """
        if len(shaped.inputs) != 1 or len(data.train.inputs) != 1:
            message = f'"pipeline" is for networks with one input, this one has {len(shaped.inputs)}'
            raise fail("not-exportable", message, at=("export", "formats"))
        ((kind,), (values,)) = shaped.inputs.values(), data.train.inputs.values()
        transforms = tuple(Component.model_validate(entry) for entry in data.transforms)
        shape = [dim if isinstance(dim, int) else dim_text(dim) for dim in kind.shape]
        if values.ndim == 4:
            shape[1:] = _channels(shaped, transforms, place), *_sizes(shaped, transforms)
        dtype = str(values[:1].numpy().dtype)
        if values.ndim == 4 and dtype == "uint8":
            shape = [shape[0], *shape[2:], shape[1]]
        return cls(dtype, tuple(shape), transforms)

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Preprocessing:
        """That of an export, by its manifest."""
        (entry,) = manifest["pipeline"]["inputs"]
        transforms = tuple(Component.model_validate(transform) for transform in manifest["transforms"])
        return cls(entry["dtype"], tuple(entry["shape"]), transforms)

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
        sizes = size_transforms(self.transforms)
        found: list[Tensor] = []
        for step in sizes.steps:
            batch = step(batch)
            found.append(batch)
        batch = to_float(batch)
        values = value_transforms(self.transforms, len(sizes.steps), batch)
        if values and batch.dtype != torch.float32:
            batch = batch.to(torch.float64)  # as graphspec.data.transforms.scaled
        for value in values:
            batch = value(batch.clone())
            found.append(batch)
        return [*found, batch.to(dtype)]

    def write(self, op: Nodes, raw: ir.Value) -> list[ir.Value]:
        """The same as :meth:`steps`, as nodes behind `raw`.

        Raises:
            GraphspecError: ``not-exportable``, naming the transform that has no form in ONNX here.
        """
        batch = op("Transpose", raw, perm=[0, 3, 1, 2]) if self.interleaved else raw
        pixels = self.dtype == "uint8"
        found: list[ir.Value] = []
        for k, transform in enumerate(self.transforms):
            if transform.type not in SIZE_TRANSFORMS:
                if pixels:
                    batch = image_nodes.to_float(op, batch)
                elif k == 0 and self.dtype != "float32":
                    batch = op.cast(batch, np.float64)
                pixels = False
            batch = self._write_one(op, batch, k, pixels)
            found.append(batch)
        return [*found, image_nodes.to_float(op, batch) if pixels else batch]

    def _write_one(self, op: Nodes, batch: ir.Value, k: int, pixels: bool) -> ir.Value:
        transform, at = self.transforms[k], (*AT, k)
        if transform.type == "Normalize":
            real = np.float32 if self.dtype in ("float32", "uint8") else np.float64
            return image_nodes.normalize(op, batch, **transform.args, dims=len(self.shape), real=real)
        if transform.type == "Grayscale" and self.channels == 1:
            return image_nodes.repeat_grey(op, batch, transform.args, pixels, at)
        if transform.type == "CenterCrop" and self._fits(k):
            return image_nodes.crop(op, batch, transform.args, pixels, at)
        if transform.type not in image_nodes.IMAGE_TRANSFORMS:
            known = ", ".join(["Normalize", *image_nodes.IMAGE_TRANSFORMS])
            message = f"the transform {transform.type} cannot be written as ONNX"
            raise fail("not-exportable", message, at=at, hint=f"these can: {known}")
        return image_nodes.IMAGE_TRANSFORMS[transform.type](op, batch, transform.args, pixels, at)

    def _fits(self, k: int) -> bool:
        """Whether images are known to be no smaller than what transform k cuts out."""
        before = self.transforms[k - 1] if k else None
        if before is None or before.type != "Resize" or before.args.get("max_size") is not None:
            return False
        sizes = zip(
            image_nodes.pair(before.args["size"]), image_nodes.pair(self.transforms[k].args["size"]), strict=True
        )
        return all(resized >= cut for resized, cut in sizes)

    def raw(self, values: Tensor) -> Tensor:
        """Raw samples that become about `values` (not images): the normalising transforms undone, last first."""
        real = torch.float32 if self.dtype in ("float32", "uint8") else torch.float64
        for transform in reversed(self.transforms):
            shape = (1, -1, *[1] * (values.ndim - 2))
            mean, std = (torch.tensor(transform.args[key], dtype=real).view(shape) for key in ("mean", "std"))
            values = values.to(real) * std + mean
        dtype = values.dtype if self.dtype == "uint8" else DTYPES[self.dtype]
        return values.to(dtype) if dtype.is_floating_point else values.round().to(dtype)

    @property
    def channels(self) -> int | str:
        """The raw images' channels."""
        return self.shape[-1 if self.interleaved else 1]

    @property
    def sizes(self) -> tuple[int | str, ...]:
        """The raw images' height and width."""
        return self.shape[1:3] if self.interleaved else self.shape[2:]


def _channels(shaped: ShapedGraph, transforms: Sequence[Component], place: DataPlace) -> int | str:
    """The raw images' channels: the network's, but where Grayscale changes them; then those of the source."""
    spec = shaped.spec.data
    (kind,) = shaped.inputs.values()
    if spec is None or not any(transform.type == "Grayscale" for transform in transforms):
        return kind.shape[1] if isinstance(kind.shape[1], int) else dim_text(kind.shape[1])
    if spec.dataset.type == "ImageFolder":
        return 3  # as it decodes them
    source = read(spec.dataset, Place(place.root or Path(spec.root)), size_transforms(()))
    (images,) = source.train.inputs.values()
    return int(images.shape[1])


def _sizes(shaped: ShapedGraph, transforms: Sequence[Component]) -> list[int | str]:
    """Height and width of raw images: the network's, but open where a transform makes them what they are."""
    (kind,) = shaped.inputs.values()
    if any(transform.type in SIZE_TRANSFORMS and transform.type != "Grayscale" for transform in transforms):
        return [name if name not in shaped.dims else f"image_{name}" for name in ("height", "width")]
    return [dim if isinstance(dim, int) else dim_text(dim) for dim in kind.shape[2:]]
