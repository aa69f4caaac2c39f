"""Arrays in an .npz file, one a field: the way to several inputs, and several targets, a sample."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphspec.data.memory import check_size
from graphspec.data.samples import Samples
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.table import WEIGHTS
from graphspec.data.unread import reading
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import fail, quoted
from graphspec.system.array_file import Claim, read_arrays
from graphspec.system.regular_file import open_regular

AT = ("data", "dataset")
#: The arrays of a file by name.
Arrays = Mapping[str, np.ndarray]


def npz_arrays(
    place: Place, file: str, targets: Sequence[PlainText] = ("y",), test_file: str = "", classes: int = 0,
    names: Sequence[PlainText] | None = None,
) -> Source:  # fmt: skip
    """``root/file``: arrays whose first dimension counts the samples; `targets` are the ones to predict, all others
    inputs.

    An integer target is a class label, one a sample or one at each position (``N × H × W``, ``N × T``); there are
    `classes` of them, else as many as the labels reach to without a gap. With `classes` a target of whole floats, one a
    sample, is one as well; where losses take numbers, integers ``N × columns`` are numbers. `names` are those of the
    classes of the first target, or of its columns. Images are ``N × C × H × W``, uint8 or float in [0, 1].
    """
    targets = () if place.wanted.input else targets
    samples = functools.partial(
        _samples, targets=targets, classes=classes, wanted=place.wanted, left_out=(place.group, place.weights)
    )
    path, test_path = place.root / file, place.root / test_file
    arrays = _arrays(path)
    training = samples(path, arrays)
    labels = {
        name: tuple(map(str, range(classes or count_classes(name, value, place.wanted.ignored))))
        for name, value in training.targets.items()
        if not value.is_floating_point()
    }
    named = {target: tuple(map(str, names)) for target in targets[:1]} if names else {}
    for target, given in named.items():
        columns = len(labels[target]) if target in labels else training.targets[target].shape[1]
        if len(given) != columns:
            message = f"{len(given)} names are given, {quoted(target)} has {columns}"
            raise fail("bad-value", message, at=(*AT, "names"))
    return Source(
        training,
        (lambda: samples(test_path, _arrays(test_path))) if test_file else None,
        {target: named.get(target, numbers) for target, numbers in labels.items()},
        names=named,
        groups=None if place.group is None else _groups(path, arrays, place.group),
        times=torch.arange(len(training)),
        weights=None if place.weights is None else _weights(path, arrays, place.weights),
    )


def _groups(path: Path, arrays: Arrays, name: str) -> Tensor:
    """A number for each sample, equal where the values of the array `name` are."""
    numbers = _one_a_sample(path, arrays, name, ("data", "split", "group"))
    return torch.from_numpy(np.unique(numbers, return_inverse=True)[1].astype(np.int64))


def _weights(path: Path, arrays: Arrays, name: str) -> Tensor:
    """What the array `name` says of each sample."""
    numbers = _one_a_sample(path, arrays, name, WEIGHTS)
    if numbers.dtype.kind not in "buif":
        raise fail("bad-data", f"{quoted(name)} of {path} holds no weights", at=WEIGHTS)
    return torch.from_numpy(numbers.astype(np.float64))


def _one_a_sample(path: Path, arrays: Arrays, name: str, at: tuple[str, ...]) -> np.ndarray:
    if name not in arrays or arrays[name].ndim != 1:
        what = "is no list of one number a sample" if name in arrays else "is no array"
        raise fail("bad-data", f"{quoted(name)} {what} of {path}", at=at, hint=f"arrays: {', '.join(arrays)}")
    return arrays[name]


def _samples(
    path: Path, found: Arrays, targets: Sequence[str], classes: int, wanted: Wanted, left_out: Sequence[str | None]
) -> Samples:
    arrays = {name: array for name, array in found.items() if name not in left_out}
    absent = [name for name in targets if name not in arrays]
    if absent or len(arrays) == len(targets):
        names = ", ".join(map(quoted, arrays)) or "none"
        what = f"no array {quoted(absent[0])}" if absent else "no input"
        raise fail("bad-data", f"{path} has {what}; its arrays are: {names}", at=(*AT, "targets"))
    fields = {name: tensor_of(path, name, array) for name, array in arrays.items()}
    if len({len(value) for value in fields.values()}) > 1:
        sizes = ", ".join(f"{name} {len(value)}" for name, value in fields.items())
        raise fail("bad-data", f"the arrays of {path} differ in their number of samples: {sizes}", at=AT)
    return wanted.settled(
        Samples(
            {name: value for name, value in fields.items() if name not in targets},
            {name: target_of(name, fields[name], classes) for name in targets},
        )
    )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with reading(path, "arrays", ValueError), open_regular(path) as file:
        if file.read(6) == np.lib.format.MAGIC_PREFIX:
            raise fail("bad-data", f"{path} holds one array, not several by name", at=AT)
        return read_arrays(file, lambda claims: check_size(path, sum(map(_bytes, claims.values()))))


def _bytes(claim: Claim) -> int:
    """What an array takes while it becomes a tensor: uint8 images as they are, all else with 8 bytes a value."""
    images = claim.dtype == np.uint8 and len(claim.shape) == 4
    return claim.values * (1 if images else claim.dtype.itemsize + 8)


def tensor_of(path: Path | str, name: str, array: np.ndarray) -> Tensor:
    """uint8 images stay, other integers become int64, floats float32; tables keep float64 until they are scaled."""
    if array.ndim == 0 or array.dtype.kind not in "buif":
        hint = f"a batch dim goes first: {name}[None] holds one sample" if array.dtype.kind in "buif" else ""
        if array.dtype.kind in "UO" and array.ndim == 1:
            hint = f"numbers of classes: names, {name} = np.unique({name}, return_inverse=True)"
        message = f"{quoted(name)} of {path} is no array of numbers ({array.dtype}, {array.ndim} dims)"
        raise fail("bad-data", message, at=AT, hint=hint)
    if array.dtype == np.uint8 and array.ndim == 4:
        return torch.from_numpy(array)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise fail("bad-data", f"{quoted(name)} of {path} is as large as {array.max()}, int64 ends before", at=AT)
    if array.dtype.kind != "f":
        return torch.from_numpy(array.astype(np.int64))
    wide = array.dtype.itemsize > 4 and array.ndim < 4
    return torch.from_numpy(array.astype(np.float64 if wide else np.float32))


def target_of(name: str, value: Tensor, classes: int) -> Tensor:
    """Labels as ``N × …`` of whole numbers, values as ``N × …`` floats."""
    if value.is_floating_point() and not (classes and value.ndim == 1):
        return value if value.ndim > 1 else value.unsqueeze(1)
    if value.ndim > 1:
        return value
    whole = value.to(torch.int64)
    if len(broken := (value != whole).nonzero().flatten()):
        row = int(broken[0])
        raise fail("bad-data", f"{quoted(name)} is {value[row]:g} at row {row}, which is no class", at=(*AT, "classes"))
    return whole


def count_classes(name: str, labels: Tensor, ignored: Collection[int]) -> int:
    """How many classes `labels` reach to; a gap below the greatest is more likely a wrong label than an empty class."""
    counted = [label for label in labels.unique().tolist() if label not in ignored]
    if counted and counted[0] < 0:
        row = int((labels == counted[0]).nonzero()[0, 0])
        message = f"{quoted(name)} is {counted[0]} at row {row}, and classes count from 0"
        hint = f"write 0, 1, … instead, or ignore_index = {counted[0]} in [train] loss where such samples do not count"
        raise fail("bad-data", message, at=(*AT, "targets"), hint=hint)
    top = counted[-1] if counted else -1
    present = sorted({*counted, *(label for label in ignored if 0 <= label < top)})
    gap = next((i for i, label in enumerate(present) if i != label), None)
    if gap is not None:
        top = present[gap]
        row = int((labels == top).nonzero()[0, 0])
        hint = f"{_instead(gap, top)}; if that is meant, say classes = {present[-1] + 1}"
        if labels.ndim > 1:  # 255 in masks, as a rule
            hint += f"; ignore_index = {top} in [train] loss where such positions do not count"
        raise fail("bad-data", f"{quoted(name)} is {top} at row {row}, and no label is {gap}", (*AT, "targets"), hint)
    return len(present)


def _instead(gap: int, least: int) -> str:
    return f"classes count from 0: subtract {least}" if gap == 0 else "classes count without a gap"
