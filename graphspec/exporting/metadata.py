"""What an export says of the data besides the network itself: labels, transforms, and a few real samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.binding import bind
from graphspec.data.learned import Learned
from graphspec.data.place import DataPlace
from graphspec.diagnostics import fail
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.preprocessing import Preprocessing
from graphspec.shapes.shaped import ShapedGraph

#: How many real samples are kept.
COUNT = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Metadata:
    """What is known; None where it is not.

    ``labels`` are the class names in the order of the output's classes, ``transforms`` those of ``[data]`` with their
    numbers, ``stored`` the dtypes of raw samples by input name, ``sample`` a real batch by input name as the network
    takes it, ``raw`` one as ``preprocessing`` takes it, ``unscaled`` one as the data hold it, brought to size;
    ``learned`` is what was learned from the data.
    """

    labels: Sequence[str] | None = None
    transforms: Sequence[Mapping[str, Any]] | None = None
    sample: Mapping[str, Tensor] | None = None
    preprocessing: Preprocessing | None = None
    raw: Tensor | None = None
    stored: Mapping[str, str] | None = None
    unscaled: Mapping[str, Tensor] | None = None
    learned: Learned | None = None


def metadata_of(shaped: ShapedGraph, data: DataSet, pipeline: bool, place: DataPlace = DataPlace()) -> Metadata:
    """What `data`, which lie at `place`, tell; what ``pipeline.onnx`` needs only with `pipeline`.

    Raises:
        GraphspecError: where the data do not fit the network, or the network takes no pipeline.
    """
    binding = bind(shaped, data)
    _check_classes(shaped, data)
    part = data.train if data.validation is None else data.validation
    batch = data.batch(COUNT, "train" if data.validation is None else "validation")
    sample = dict(zip(shaped.inputs, binding.inputs_of(batch), strict=True))
    rows = part.take(torch.arange(min(COUNT, len(part)))).inputs
    one = len(rows) == 1 == len(shaped.inputs)
    unscaled = dict(zip(shaped.inputs, rows.values(), strict=True)) if one else rows
    stored = {name: str(values.dtype).removeprefix("torch.") for name, values in unscaled.items()}
    metadata = Metadata(
        data.classes, data.transforms, sample, stored=stored, unscaled=unscaled, learned=Learned.of(data)
    )
    if not pipeline:
        return metadata
    preprocessing = Preprocessing.of(shaped, data, place)
    (raw,) = unscaled.values()
    return dataclasses.replace(metadata, preprocessing=preprocessing, raw=_raw(raw, preprocessing))


def _check_classes(shaped: ShapedGraph, data: DataSet) -> None:
    """Training would refuse an output that is not one column a class; a network exported untrained may have one."""
    after = Postprocessing.of(shaped, data.classes)
    columns = after.outputs[0]["shape"][1:2]
    if after.classes is None or columns == [after.classes] or after.two_sided:
        return
    message = f"the output has {columns[0]} columns, {data.name} has {after.classes} classes"
    raise fail("class-count", message, at=("outputs",), hint=f"an output of N × {after.classes} fits")


def _raw(stored: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Stored samples as raw ones. Stored images have their final size; where that was open, another stands for it,
    but not where it is one of several, as a multiple is.
    """
    if stored.ndim != 4:
        return stored
    named = [size for size in preprocessing.sizes if not isinstance(size, int)]
    if named and all(size.isidentifier() for size in named):
        height, width = (int(size) for size in stored.shape[2:])
        rows, columns = (torch.arange(size + size // 3) * size // (size + size // 3) for size in (height, width))
        stored = stored[:, :, rows][:, :, :, columns]
    channels = preprocessing.channels
    if isinstance(channels, int) and channels != stored.shape[1]:
        stored = stored[:, :1].expand(-1, channels, -1, -1)
    return stored.permute(0, 2, 3, 1).contiguous() if preprocessing.interleaved else stored.contiguous()
