"""What is learned from the training part and needed to predict: kept in the run and in the export, so that neither has
to read the data again.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data.dataset import DataSet
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.series_windows import Series
from graphspec.data.text.encoding import FILE as TOKENIZER
from graphspec.data.text.encoding import TextEncoding
from graphspec.data.transforms import Normalize, to_float
from graphspec.data.transforms.normalize import normalize
from graphspec.diagnostics import fail, printable, quoted
from graphspec.system.regular_file import read_regular

#: The file in a run and in an export.
FILE = "learned.json"
_MOST_BYTES = 1 << 26
#: So many pictures of the training part are compared with.
_COMPARED = 2000


@dataclasses.dataclass(frozen=True)
class Learned:
    """``labels`` are the classes by target, ``values`` the scaling by input with its numbers, ``columns`` what the
    columns of a table are; ``brightness`` is the mean and the standard deviation of the training pictures' mean
    brightness, None where they are no pictures or stay on disk. ``applied`` are the names of labels of which several
    may apply, by target, and ``thresholds`` the probabilities above which they do, where a run has chosen them.
    ``text`` says how texts become ids, ``series`` what the windows of a series are.
    """

    labels: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[Normalize, ...]]
    columns: Columns | None = None
    brightness: tuple[float, float] | None = None
    applied: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    thresholds: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    text: TextEncoding | None = None
    series: Series | None = None

    @classmethod
    def of(cls, data: DataSet) -> Learned:
        """What `data` teach."""
        brightness, text = _brightness(data), data.text
        return cls(data.labels, data.values, data.columns, brightness, data.applied, text=text, series=data.series)

    @classmethod
    def read(cls, folder: Path) -> Learned | None:
        """What `folder` keeps; None where it keeps nothing.

        Raises:
            GraphspecError: ``bad-data`` for a file that graphspec did not write.
        """
        path = folder / FILE
        if not os.path.lexists(path):
            return None
        try:
            noted = json.loads(read_regular(path, most=_MOST_BYTES, links=False))
            return dataclasses.replace(cls._from_dict(noted), text=_text(noted.get("text"), folder))
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise fail("bad-data", f"{quoted(path)} is none that graphspec wrote: {error}") from error

    @classmethod
    def _from_dict(cls, noted: Mapping[str, Any]) -> Learned:
        scaling = {name: tuple(map(_step, steps)) for name, steps in noted["values"].items()}
        columns = None if noted["columns"] is None else Columns.from_dict(noted["columns"])
        brightness = None if noted["brightness"] is None else tuple(map(float, noted["brightness"]))
        if brightness is not None and len(brightness) != 2:
            raise ValueError("brightness is a mean and a deviation")
        labels = {target: _printable(names) for target, names in noted["labels"].items()}
        applied = {target: _printable(names) for target, names in noted.get("applied", {}).items()}
        thresholds = {target: tuple(map(float, found)) for target, found in noted.get("thresholds", {}).items()}
        if any(len(found) != len(applied[target]) for target, found in thresholds.items()):
            raise ValueError("a label has one threshold")
        series = noted.get("series")
        of_series = None if series is None else Series.from_dict(series)
        return cls(labels, scaling, columns, brightness, applied, thresholds, series=of_series)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "labels": {target: list(names) for target, names in self.labels.items()},
            "values": {name: [step.as_dict() for step in steps] for name, steps in self.values.items()},
            "columns": None if self.columns is None else self.columns.as_dict(),
            "brightness": self.brightness,
            "applied": {target: list(names) for target, names in self.applied.items()},
            "thresholds": {target: list(found) for target, found in self.thresholds.items()},
            "text": None if self.text is None else self.text.as_dict(),
            "series": None if self.series is None else self.series.as_dict(),
        }

    def lines(self) -> list[str]:
        """What was decided about each column of a table, or of a series: a line each."""
        decided = self.columns or self.series
        return decided.lines() if decided else []

    @property
    def files(self) -> dict[str, bytes]:
        """What a run and an export keep of it: the content of each file by its name."""
        found = {FILE: (json.dumps(self.as_dict(), indent=2) + "\n").encode()}
        return found if self.text is None else {**found, TOKENIZER: self.text.content.encode()}

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes of the first target that has them."""
        return next((list(names) for names in self.labels.values()), None)


def _text(noted: Mapping[str, Any] | None, folder: Path) -> TextEncoding | None:
    if noted is None:
        return None
    return TextEncoding.from_dict(noted, read_regular(folder / TOKENIZER, most=_MOST_BYTES, links=False).decode())


def _printable(names: Iterable[object]) -> tuple[str, ...]:
    return tuple(printable(str(name)) for name in names)


def _step(noted: Mapping[str, Any]) -> Normalize:
    step = Normalize(*normalize(noted["mean"], noted["std"]))
    if not all(map(math.isfinite, (*step.mean, *step.std))):
        raise ValueError("mean and std are finite numbers")
    return step


def _brightness(data: DataSet) -> tuple[float, float] | None:
    images = next((value for value in data.train.inputs.values() if value.ndim == 4), None)
    if not isinstance(images, Tensor) or len(images) < 2:
        return None
    rows = torch.linspace(0, len(images) - 1, min(len(images), _COMPARED)).long().to(images.device)
    known = to_float(images.index_select(0, rows)).flatten(1).to(torch.float32).mean(1)
    return float(known.mean()), float(known.std())
