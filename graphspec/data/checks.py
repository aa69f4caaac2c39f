"""What must hold of samples before anything is computed from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.streamed import OnDisk
from graphspec.diagnostics import fail, quoted

AT = ("data", "dataset")


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
        if name in labels:
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
    wrong = outside.nonzero().flatten()
    if len(wrong):
        row = int(wrong[0])
        message = (
            f"{quoted(name)} of the {part} part is {int(labels[row])} at row {row}, the classes are 0 to {count - 1}"
        )
        hint = f"ignore_index = {int(labels[row])} in [train] loss leaves such samples out, if that is meant"
        raise fail("bad-data", message, at=AT, hint=hint)


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
