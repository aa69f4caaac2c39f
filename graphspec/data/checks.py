"""What must hold of samples before anything is computed from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.streamed import OnDisk
from graphspec.diagnostics import fail, quoted, warn

AT = ("data", "dataset")
#: Channels of pictures, and values that are beyond those of numbers in [0, 1] and of counts up to 16.
_COLOURS, _NOT_PIXELS = (1, 3, 4), 16.0
#: The largest values of pixels of 8, 10, 12 and 16 bits.
_LARGEST = (255, 1023, 4095, 65535)


def check_samples(
    samples: Samples, labels: Mapping[str, tuple[str, ...]], part: str, ignored: Collection[int] = ()
) -> None:
    """At least one sample, no value that is not finite, no label outside the classes; else ``GraphspecError``.

    `labels` are the names of the classes by target; the labels `ignored` need not be among them.
    """
    if len(samples) == 0:
        raise fail("no-data", f"the {part} part has no samples", at=AT)
    for name, value in samples.inputs.items():
        _check_finite(name, value, part)
    for name, value in samples.targets.items():
        _check_finite(name, value, part)
        if name in labels and isinstance(value, Tensor):  # what stays on disk is checked where it is read
            _check_labels(name, value, len(labels[name]), part, ignored)


def _check_finite(name: str, value: Tensor, part: str) -> None:
    if isinstance(value, Tensor) and value.is_floating_point() and not (finite := value.isfinite()).all():
        row, *column = (~finite).nonzero()[0].tolist()
        where = f"row {row}" + (f", column {', '.join(map(str, column))}" if column else "")
        raise fail("bad-data", f"{quoted(name)} of the {part} part is not finite at {where}", at=AT)


def _check_labels(name: str, labels: Tensor, count: int, part: str, ignored: Collection[int]) -> None:
    outside = (labels < 0) | (labels >= count)
    for label in ignored:
        outside &= labels != label
    if ignored and all_ignored(labels, ignored):
        raise fail("no-data", f"every label of {quoted(name)} in the {part} part is one that the loss ignores", at=AT)
    wrong = outside.nonzero()
    if len(wrong):
        row, *place = wrong[0].tolist()
        found = int(labels[tuple(wrong[0])])
        where = f"row {row}" + (f", position {', '.join(map(str, place))}" if place else "")
        message = f"{quoted(name)} of the {part} part is {found} at {where}, the classes are 0 to {count - 1}"
        what = "positions" if place else "samples"
        hint = f"ignore_index = {found} in [train] loss leaves such {what} out, if that is meant"
        raise fail("bad-data", message, at=AT, hint=hint)


def all_ignored(labels: Tensor, ignored: Collection[int]) -> bool:
    """Whether nothing is left to learn from."""
    return bool(torch.isin(labels, torch.tensor(sorted(ignored), dtype=labels.dtype)).all())


def say_if_not_in_range(samples: Samples) -> None:
    """Say where images have values as of whole-number pixels: only uint8 is divided by its largest value."""
    for name, value in samples.inputs.items():
        if (
            not isinstance(value, Tensor)
            or value.ndim != 4
            or value.dtype == torch.uint8
            or value.shape[1] not in _COLOURS
        ):
            continue
        low, high = (float(end) for end in value.aminmax())
        if low >= 0 and high > _NOT_PIXELS:
            top = next((top for top in _LARGEST if high <= top), high)
            message = f"the images {quoted(name)} have values up to {high:g}, and are taken as they are"
            warn("bad-data", message, at=AT, hint=f"images are uint8, or floats in [0, 1]: divide them by {top:g}")


def shared_samples(one: Samples, other: Samples) -> int:
    """How many samples of `other` have inputs that also stand in `one`, to the bit.

    Of image files that stay on disk the files are compared; rows of a user's data set that do are not: it is 0.
    """
    columns = [[_contents(value) for value in samples.inputs.values()] for samples in (one, other)]
    if any(column is None for part in columns for column in part):
        return 0
    known, asked = (map(hash, zip(*part, strict=True)) for part in columns)
    seen = set(known)
    return sum(row in seen for row in asked)


def _contents(value: Tensor | OnDisk) -> Iterable[bytes] | None:
    if isinstance(value, OnDisk):
        return value.contents()
    rows = value.reshape(len(value), -1).contiguous().view(torch.uint8).numpy()
    return (row.tobytes() for row in rows)
