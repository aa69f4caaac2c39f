"""Data that were given in Python: arrays, tensors, a data set or a loader of torch's, or a dict of such parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from graphspec.data.given import HINT
from graphspec.data.rows import read_rows
from graphspec.data.samples import Samples
from graphspec.data.sources.arrays import AT, count_classes, target_of, tensor_of
from graphspec.data.sources.source import Place, Source
from graphspec.data.transforms import SizeTransforms
from graphspec.diagnostics import fail, quoted, warn

#: What messages call them.
NAME = "data"


def arrays(place: Place, resize: SizeTransforms, classes: int = 0) -> Source:
    """What Python was given as ``data=``. A part that is not there is split off the training part.

    A part is ``(x, y)``, each an array, a tensor, or a dict of them by name, whose first dimension counts the samples;
    or a map-style data set, or a loader, whose samples are ``(x, y)``. An integer y is a class label; there are
    `classes` of them, else as many as the labels reach to. Images are N × C × H × W, uint8 or float in [0, 1].

    Raises:
        GraphspecError: nothing was given, as where a run is looked at again, or it is none of these.
    """
    if place.given is None:
        message = "the data were given in Python, and are not kept with the network"
        raise fail("no-data", message, at=AT, hint="give them again: data=(x, y)")
    parts = place.given.parts

    def samples(part: str) -> Samples:
        return place.wanted.settled(_samples(parts[part], resize, classes, place.wanted.input))

    training = samples("train")
    labels = {
        name: tuple(map(str, range(classes or count_classes(name, value, place.wanted.ignored))))
        for name, value in training.targets.items()
        if not value.is_floating_point()
    }
    rows = not _is_pair(parts["train"])
    return Source(
        training,
        (lambda: samples("test")) if "test" in parts else None,
        labels,
        sized=rows,
        validation=(lambda: samples("validation")) if "validation" in parts else None,
    )


def _samples(part: Any, resize: SizeTransforms, classes: int, input_alone: bool) -> Samples:
    if isinstance(part, DataLoader):
        warn("bad-data", "of a DataLoader its data set is read; batches and their order are the spec's own")
        part = part.dataset
    if _is_pair(part) or (input_alone and not _is_dataset(part)):
        x, y = part if _is_pair(part) else (part, {})
        targets = {name: target_of(name, each, classes) for name, each in _fields(y, "y").items()}
        return _checked(_fields(x, "x"), targets)
    if not _is_dataset(part):
        raise fail("bad-data", f"data of type {type(part).__name__} is neither (x, y) nor a data set", hint=HINT)
    return read_rows(part, NAME, resize)


def _is_pair(part: Any) -> bool:
    return isinstance(part, tuple | list) and len(part) == 2


def _is_dataset(part: Any) -> bool:
    array = isinstance(part, np.ndarray | Tensor | Sequence | Mapping) or hasattr(part, "__array__")
    return not array and hasattr(part, "__getitem__") and hasattr(part, "__len__")


def _fields(value: Any, name: str) -> dict[str, Tensor]:
    given = value if isinstance(value, Mapping) else {name: value}
    return {key: tensor_of(NAME, key, _array(key, each)) for key, each in given.items()}


def _array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value).numpy()
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise fail("bad-data", f"{quoted(name)} of data is no array: {error}", hint=HINT) from error


def _checked(inputs: dict[str, Tensor], targets: dict[str, Tensor]) -> Samples:
    counts = {name: len(value) for name, value in (inputs | targets).items()}
    if len(set(counts.values())) > 1:
        sizes = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise fail("bad-data", f"the arrays of data differ in their number of samples: {sizes}")
    return Samples(inputs, targets)
