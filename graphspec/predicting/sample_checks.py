"""Whether samples are what an input takes, said of the file or the array that they come from."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from graphspec.diagnostics import fail, quoted
from graphspec.shapes import TensorType
from graphspec.shapes.dims import admits


def check_whole(path: Path | str, values: Tensor, name: str, kind: TensorType) -> None:
    if kind.dtype.is_floating_point or not values.is_floating_point():
        return
    wrong = (values != values.floor()).nonzero()
    if len(wrong):
        row, dtype = int(wrong[0, 0]) + 1, str(kind.dtype).removeprefix("torch.")
        number = float(values[tuple(wrong[0])])
        message = f"row {row} of {_called(path)} holds {number:g}, and the input {quoted(name)} takes {dtype}"
        raise fail("wrong-dtype", message)


def _called(path: Path | str) -> str:
    """A file by its name, an array by what it is."""
    return path if isinstance(path, str) else quoted(path)


def check_shape(path: Path | str, values: Tensor, name: str, kind: TensorType) -> None:
    given, wanted = tuple(values.shape[1:]), kind.shape[1:]
    if admits(wanted, given):
        return
    found, asked = (" × ".join(map(str, sizes)) for sizes in (given, wanted))
    hint = ""
    if len(given) == len(wanted) == 3 and all(isinstance(size, int) for size in wanted[1:]):
        height, width = wanted[1:]
        hint = f"bring it to that size first, as Pillow's resize(({width}, {height})) does, or train with a Resize"
    if len(given) == len(wanted) == 3 and given[2] == wanted[0] and isinstance(path, str):
        hint = "channels come first: x.transpose(0, 3, 1, 2)"
    raise fail("shape-mismatch", f"a sample of {_called(path)} is {found}, the input {name} takes {asked}", hint=hint)
