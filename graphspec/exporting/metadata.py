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
from graphspec.exporting.preprocessing import Preprocessing, Raw, RawInput
from graphspec.ops.arguments import dtype_name
from graphspec.shapes.shaped import ShapedGraph

#: How many real samples are kept.
COUNT = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Metadata:
    """What is known; None where it is not.

    ``labels`` are the class names in the order of the output's classes, ``transforms`` those of ``[data]`` with their
    numbers, ``stored`` the dtypes of raw samples by input name, ``sample`` a real batch by input name as the network
    takes it, ``raw`` one as ``preprocessing`` takes it, ``unscaled`` one as the data hold it, brought to size;
    ``learned`` is what was learned from the data; ``provenance`` is what the run says of itself.
    """

    labels: Sequence[str] | None = None
    transforms: Sequence[Mapping[str, Any]] | None = None
    sample: Mapping[str, Tensor] | None = None
    preprocessing: Preprocessing | None = None
    raw: Raw | None = None
    stored: Mapping[str, str] | None = None
    unscaled: Mapping[str, Tensor] | None = None
    learned: Learned | None = None
    provenance: Mapping[str, Any] | None = None


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
    stored = {name: dtype_name(values.dtype) for name, values in unscaled.items()}
    metadata = Metadata(
        data.classes, data.transforms, sample, stored=stored, unscaled=unscaled, learned=Learned.of(data)
    )
    if not pipeline:
        return metadata
    before = Preprocessing.of(shaped, data, place)
    if before.cells is not None:
        return dataclasses.replace(metadata, preprocessing=before, raw=data.first_rows)
    raw = {name: _raw(unscaled[name], each) for name, each in before.inputs.items()}
    return dataclasses.replace(metadata, preprocessing=before, raw=raw)


def _check_classes(shaped: ShapedGraph, data: DataSet) -> None:
    """Training would refuse an output that is not one column a class; a network exported untrained may have one."""
    after = Postprocessing.of(shaped, data.classes)
    columns = after.outputs[0]["shape"][1:2]
    if after.classes is None or columns == [after.classes] or after.two_sided:
        return
    message = f"the output has {columns[0]} columns, {data.name} has {after.classes} classes"
    raise fail("class-count", message, at=("outputs",), hint=f"an output of N × {after.classes} fits")


def _raw(stored: Tensor, preprocessing: RawInput) -> Tensor:
    """Stored samples as raw ones. Stored images have their final size; a side that was open has another for it, but not
    where it is one of several, as a multiple is.
    """
    if stored.ndim != 4:
        return stored
    for dim, side in enumerate(preprocessing.sizes, 2):
        if isinstance(side, str) and side.isidentifier():
            size, longer = stored.shape[dim], stored.shape[dim] + stored.shape[dim] // 3
            stored = stored.index_select(dim, torch.arange(longer) * size // longer)
    channels = preprocessing.channels
    if isinstance(channels, int) and channels != stored.shape[1]:
        stored = stored[:, :1].expand(-1, channels, -1, -1)
    return stored.permute(0, 2, 3, 1).contiguous() if preprocessing.interleaved else stored.contiguous()
