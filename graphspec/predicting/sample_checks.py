"""What a network can take: of its shape, finite, and numbers that the input's dtype holds."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from graphspec.diagnostics import fail, quoted
from graphspec.ops.arguments import dtype_name
from graphspec.shapes import TensorType
from graphspec.shapes.dims import admits


def taken(path: Path | str, values: Tensor, name: str, kind: TensorType) -> Tensor:
    """Samples of a file, or of ``"the array"``, as the input `name` takes them.

    Raises ``GraphspecError`` for another shape, and for a number that is none or that the dtype cannot hold.
    """
    _check_shape(path, values, quoted(name), kind)
    found = values.to(kind.dtype)
    text = dtype_name(kind.dtype)
    if kind.dtype.is_floating_point:
        if len(wrong := (~found.isfinite()).nonzero()):
            number = float(values[tuple(wrong[0])])
            fault = (
                "which is no finite number"
                if found.dtype == values.dtype or number - number != 0
                else f"{text} ends before"
            )
            raise fail("bad-data", f"{_row(path, wrong)} holds {number:g}, {fault}")
        return found
    if len(wrong := (found.to(values.dtype) != values).nonzero()):
        number = values[tuple(wrong[0])].item()
        message = f"{_row(path, wrong)} holds {number:.10g}, and the input {quoted(name)} takes {text}"
        raise fail("wrong-dtype", message)
    return found


def _row(path: Path | str, wrong: Tensor) -> str:
    return f"row {int(wrong[0, 0]) + 1} of {_called(path)}"


def _called(path: Path | str) -> str:
    """A file by its name, an array by what it is."""
    return path if isinstance(path, str) else quoted(path)


def _check_shape(path: Path | str, values: Tensor, name: str, kind: TensorType) -> None:
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
