"""Which field of the data feeds which input and output of the network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from graphspec.data import DataSet, Samples
from graphspec.diagnostics import fail, quoted
from graphspec.shapes.dims import admits
from graphspec.shapes.indices import tables_of_inputs
from graphspec.shapes.shaped import ShapedGraph, TensorType

#: The one target of a batch, or all of them by field.
Targets = Tensor | Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """The data fields in the order of forward's parameters with their dtypes, and those of outputs' targets.

    ``memory_format`` is how batches of images (4 dimensions) are laid out. ``teacher`` gives further targets of
    training for forward's arguments.
    """

    inputs: tuple[tuple[str, torch.dtype], ...]
    targets: Mapping[str, str]
    memory_format: torch.memory_format = torch.contiguous_format
    teacher: Callable[[list[Tensor]], Mapping[str, Tensor]] | None = None

    def inputs_of(self, batch: Samples) -> list[Tensor]:
        """forward's arguments."""
        values = [batch.inputs[name].to(dtype) for name, dtype in self.inputs]
        if self.memory_format == torch.channels_last:
            values = [v.contiguous(memory_format=self.memory_format) if v.ndim == 4 else v for v in values]
        return values

    def targets_of(self, batch: Samples) -> Targets:
        """What outputs are compared with: the one target of the data, or all of them by field; labels are int64."""
        found = {name: v.to(torch.int64) if v.dtype == torch.uint8 else v for name, v in batch.targets.items()}
        return found if len(found) != 1 else next(iter(found.values()))

    def lesson_of(self, batch: Samples, inputs: list[Tensor]) -> Targets:
        """What a training step compares with: the targets, and what the teacher gives for the same `inputs`."""
        targets = self.targets_of(batch)
        if self.teacher is None:
            return targets
        named = {next(iter(batch.targets)): targets} if isinstance(targets, Tensor) else targets
        return {**named, **self.teacher(inputs)}


def bind(shaped: ShapedGraph, data: DataSet) -> Binding:
    """By position where the network has one input and one output, by name otherwise.

    Raises ``GraphspecError`` where a name or a shape does not fit.
    """
    pairs = _pair("input", shaped.inputs, data.train.inputs)
    fields = list(data.train.targets)
    one = len(shaped.outputs) == len(fields) == 1
    targets = {name: fields[0] if one else name for name in shaped.outputs if one or name in fields}
    _check_vocabulary(shaped, data)
    for name, field in pairs:
        _check_shape(name, shaped.inputs[name], field, data)
    _check_ids(shaped, data, dict(pairs))
    channels_last = shaped.spec.train is not None and shaped.spec.train.memory_format == "channels_last"
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return Binding(tuple((field, shaped.inputs[name].dtype) for name, field in pairs), targets, layout)


def _pair(kind: str, names: Iterable[str], fields: Iterable[str]) -> list[tuple[str, str]]:
    wanted, known = list(names), list(fields)
    if len(wanted) == len(known) == 1:
        return [(wanted[0], known[0])]
    for name in wanted:
        if name not in known:
            message = f"the {kind} {quoted(name)} has no field in the data, which have {', '.join(map(quoted, known))}"
            raise fail("field-mismatch", message, at=(f"{kind}s", name))
    return [(name, name) for name in wanted]


def _check_vocabulary(shaped: ShapedGraph, data: DataSet) -> None:
    """More ids than the network was made for are beyond its embedding."""
    for name, known in shaped.spec.vocabulary.items():
        if (count := data.vocabulary.get(name, known)) > known:
            message = f"the data have {count:,} ids for the input {quoted(name)}, the network was made for {known:,}"
            raise fail("field-mismatch", message, at=("inputs", name))


def _check_ids(shaped: ShapedGraph, data: DataSet, fields: Mapping[str, str]) -> None:
    """Ids that are no rows of the table which they choose from: torch says so in the midst of an epoch."""
    parts = {"training": data.train, "validation": data.validation}
    for name, layer, rows in tables_of_inputs(shaped):
        for part, samples in parts.items():
            value = samples.inputs[fields[name]] if samples is not None else None
            if not isinstance(value, Tensor) or value.is_floating_point():
                continue
            wrong = ((value < 0) | (value >= rows)).nonzero()
            if len(wrong):
                place = tuple(wrong[0].tolist())
                message = f"{layer} has {rows:,} rows, and {quoted(fields[name])} of the {part} part is"
                hint = f"ids count from 0; the greatest here is {int(value.max()):,}"
                raise fail("bad-data", f"{message} {int(value[place]):,} at row {place[0]}", layer.at, hint)


def _check_shape(name: str, wanted: TensorType, field: str, data: DataSet) -> None:
    """The sizes of one sample against the input's, dynamic dims fitting everything."""
    sample: tuple[Any, ...] = tuple(data.batch(1, "train").inputs[field].shape[1:])
    sizes = wanted.shape[1:]
    if not admits(sizes, sample):
        given, asked = (" × ".join(map(str, shape)) or "a number" for shape in (sample, sizes))
        hint = _shape_hint(name, sample, sizes)
        if admits(wanted.shape, sample):
            whole = ", ".join(['"N"', *map(str, sample)])
            hint = f"the first dimension counts the samples: {name} = [{whole}]"
        raise fail(
            "shape-mismatch",
            f"a sample of {data.name} is {given}, the input {quoted(name)} {asked}",
            ("inputs", name),
            hint,
        )


def _shape_hint(name: str, sample: tuple[Any, ...], sizes: tuple[Any, ...]) -> str:
    """What brings images to the input: channels that stand last go first, a layer flattens, a transform resizes."""
    if len(sample) == 2 and len(sizes) == 3 and sizes[0] == 1 and admits(sizes[1:], sample):
        return "images have a channel dim, 1 of grey ones: x[:, None] of an array"
    written = ", ".join(['"N"', *map(str, sample)])
    if len(sample) == 1 and all(isinstance(size, int) for size in sizes) and math.prod(sizes) == sample[0]:
        reshaped = ", ".join(["-1", *map(str, sizes)])
        return f"x.reshape({reshaped}) of an array, or {name} = [{written}]"
    if len(sample) != 3:
        return ""
    if len(sizes) == 1:
        return 'the layer "Flatten" makes rows of images'
    turned = (sample[2], *sample[:2])
    if admits(sizes, turned):
        return "the channels stand last, they go first: N × C × H × W"
    if len(sizes) == 3 and admits((sizes[2], *sizes[:2]), sample):
        return f"channels go first: {name} = [{written}]"
    return "a Resize or Grayscale transform changes images" if len(sizes) == 3 else ""
