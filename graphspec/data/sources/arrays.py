"""Arrays in an .npz file, one a field: the way to several inputs a sample."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.diagnostics import fail, quoted

AT = ("data", "dataset")


def npz_arrays(place: Place, file: str, targets: Sequence[str] = ("y",), test_file: str = "") -> Source:
    """``root/file``: arrays whose first dimension counts the samples; `targets` are the ones to predict, all others
    inputs.

    An integer target is a class label and has one dimension. Images are ``N × C × H × W``, uint8 or float in [0, 1].
    """
    training = _read(place.root / file, targets)
    labels = [value for value in training.targets.values() if not value.is_floating_point()]
    classes = tuple(map(str, range(int(labels[0].max()) + 1))) if labels else None
    return Source(training, (lambda: _read(place.root / test_file, targets)) if test_file else None, classes)


def _read(path: Path, targets: Sequence[str]) -> Samples:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise fail("bad-data", f"{path} holds one array, not several by name", at=AT)
        with found as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise fail(
            "no-data", f"{path} does not exist", at=(*AT, "file"), hint="--data DIR names another folder"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise fail("bad-data", f"{path} cannot be read as arrays: {error}", at=AT) from error
    absent = [name for name in targets if name not in arrays]
    if absent or len(arrays) == len(targets):
        names = ", ".join(map(quoted, arrays)) or "none"
        what = f"no array {quoted(absent[0])}" if absent else "no input"
        raise fail("bad-data", f"{path} has {what}; its arrays are: {names}", at=(*AT, "targets"))
    fields = {name: _tensor(path, name, array) for name, array in arrays.items()}
    if len({len(value) for value in fields.values()}) > 1:
        sizes = ", ".join(f"{name} {len(value)}" for name, value in fields.items())
        raise fail("bad-data", f"the arrays of {path} differ in their number of samples: {sizes}", at=AT)
    return Samples(
        {name: value for name, value in fields.items() if name not in targets},
        {name: _target(path, name, fields[name]) for name in targets},
    )


def _tensor(path: Path, name: str, array: np.ndarray) -> Tensor:
    """uint8 images stay, other integers become int64, floats float32."""
    if array.ndim == 0 or array.dtype.kind not in "buif":
        raise fail(
            "bad-data", f"{quoted(name)} of {path} is no array of numbers ({array.dtype}, {array.ndim} dims)", at=AT
        )
    if array.dtype == np.uint8 and array.ndim == 4:
        return torch.from_numpy(array)
    return torch.from_numpy(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))


def _target(path: Path, name: str, value: Tensor) -> Tensor:
    """Labels as ``N`` int64, values as ``N × …`` float32."""
    if value.is_floating_point():
        return value if value.ndim > 1 else value.unsqueeze(1)
    if value.ndim > 1:
        raise fail("bad-data", f"the labels {quoted(name)} of {path} have {value.ndim} dimensions, not 1", at=AT)
    return value.to(torch.int64)
